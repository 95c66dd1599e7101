import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { go, linkTo, route } from './model/router.ts'
import { reachable, serviceUrl, token, tokenWanted, useToken } from './model/session.ts'
import { Shortcuts } from './views/shortcuts.tsx'
import { TokenForm } from './views/token-form.tsx'
import { GroupsView } from './views/groups.tsx'
import { OverviewView } from './views/overview.tsx'
import { TopicView } from './views/topic.tsx'
import { TopicsView } from './views/topics.tsx'

const sections = [
  { name: 'Topics', part: 'topics', key: 't' },
  { name: 'Groups', part: 'groups', key: 'g' },
  { name: 'Overview', part: 'overview', key: 'o' }
]

export function App (): JSX.Element {
  const help = useSignal(false)
  const { parts } = route.value
  const [section = 'topics', name] = parts
  useEffect(() => {
    document.title = `${[...parts].reverse().slice(0, 2).filter((part) => part !== '').join(' · ')} · Serverless Streams`
  }, [parts])
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isDialogOpen()) return
      const target = sections.find(({ key }) => key === event.key)
      if (event.key === '/') document.querySelector<HTMLElement>('[data-search]')?.focus()
      else if (event.key === '?') help.value = true
      else if (target !== undefined) go(linkTo(target.part))
      else return
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => { removeEventListener('keydown', onKey) }
  }, [])
  return (
    <>
      <a class='skip' href='#content' onClick={(event) => { event.preventDefault(); document.getElementById('content')?.focus() }}>
        Skip to the content
      </a>
      <header class='top'>
        <a class='brand' href={linkTo('topics')} aria-label='Serverless Streams'><Mark /><span>Serverless Streams</span></a>
        <nav aria-label='Sections'>
          {sections.map(({ name, part }) => (
            <a key={part} href={linkTo(part)} aria-current={section === part ? 'page' : undefined}>{name}</a>
          ))}
        </nav>
        <div class='where'>
          {!reachable.value && <span class='badge bad' role='status'>no answer, trying again</span>}
          <span class='host' title={serviceUrl}>{new URL(serviceUrl).host}</span>
          {token.value !== undefined && tokenWanted.value === undefined && (
            <button type='button' class='quiet' onClick={() => { useToken(undefined) }}>Forget token</button>
          )}
          <button type='button' class='quiet' aria-label='Keyboard shortcuts' onClick={() => { help.value = true }}>
            ?
          </button>
        </div>
      </header>
      <main id='content' tabIndex={-1}>
        {tokenWanted.value !== undefined
          ? <TokenForm refused={tokenWanted.value === 'refused'} />
          : section === 'overview'
            ? <OverviewView />
            : section === 'groups'
              ? <GroupsView />
              : name === undefined || name === '' ? <TopicsView /> : <TopicView key={name} topic={name} />}
      </main>
      {help.value && <Shortcuts onClose={() => { help.value = false }} />}
    </>
  )
}

export function isTyping (target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]')
}

/** It has the keyboard for itself. */
export function isDialogOpen (): boolean {
  return document.querySelector('dialog[open]') !== null
}

function Mark (): JSX.Element {
  return (
    <svg viewBox='0 0 32 32' width='22' height='22' aria-hidden='true'>
      <rect width='32' height='32' rx='7' class='mark' />
      <g class='mark-lines'>
        <rect x='6' y='8' width='20' height='3.6' rx='1.8' /><rect x='6' y='14.2' width='14' height='3.6' rx='1.8' />
        <rect x='6' y='20.4' width='8' height='3.6' rx='1.8' /><circle cx='24.2' cy='22.2' r='3.2' />
      </g>
    </svg>
  )
}
