import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useToken } from '../model/session.ts'
import { Command, TextInput } from '../parts/ui.tsx'

export function TokenForm ({ refused }: { refused: boolean }): JSX.Element {
  const text = useSignal('')
  const submit = (): void => {
    const token = text.value.trim()
    if (token !== '') useToken(token)
  }
  return (
    <section class='card token'>
      <h1>Access token</h1>
      {refused
        ? <p class='notice bad' role='alert'>The server does not accept the token: it is mistyped, revoked or expired.</p>
        : <p>This server answers requests with a token only.</p>}
      <form onSubmit={(event) => { event.preventDefault(); submit() }}>
        <label class='field'>
          <span>Token</span>
          <TextInput text={text} type='password' class='mono' name='token' autofocus />
        </label>
        <div class='buttons'><button type='submit' class='primary' disabled={text.value.trim() === ''}>Use it</button></div>
      </form>
      <p class='muted'>
        It stays in this tab until the tab is closed. It is sent to this server only, in the header <code>Authorization</code>. The console
        shows what it allows. To make one that may look at everything:
      </p>
      <Command>npm run token -- create --name console --allow 'consume:*' --allow 'groups:*' --allow metrics</Command>
    </section>
  )
}
