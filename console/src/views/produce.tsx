import { signal, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { jsonText } from '../../../clients/typescript/src/index.ts'
import { bytes, count, date } from '../model/format.ts'
import { compactJson, jsonProblem, prettyJson } from '../model/json.ts'
import { inBackground } from '../model/poll.ts'
import { linkTo } from '../model/router.ts'
import { client, serviceUrl, usesTokens } from '../model/session.ts'
import { appendWithCurl, appendWithPython, appendWithTypeScript, type MessageToAppend } from '../model/snippets.ts'
import { Command, Failure, TextInput } from '../parts/ui.tsx'

/** A message that another view wants in the form. */
export const draft = signal<MessageToAppend | undefined>(undefined)

const object = '{\n  "item": "book",\n  "quantity": 2\n}'

const templates: ReadonlyArray<{ readonly name: string, readonly message: MessageToAppend }> = [
  { name: 'Object', message: { payload: object, key: undefined, headers: undefined } },
  { name: 'With key and headers', message: { payload: object, key: 'customer-7', headers: { source: 'console' } } },
  {
    name: 'Event',
    message: {
      payload: prettyJson('{"type":"order.created","id":"o-1","at":"2026-01-31T12:00:00Z","data":{"item":"book","quantity":2}}'),
      key: 'o-1',
      headers: { 'content-type': 'application/json' }
    }
  },
  { name: 'Text', message: { payload: '"hello"', key: undefined, headers: undefined } },
  { name: 'Empty (null)', message: { payload: 'null', key: undefined, headers: undefined } }
]

const historyMax = 20

export function ProduceView ({ topic, onProduced }: { topic: string, onProduced: () => void }): JSX.Element {
  const payload = useSignal(templates[0]!.message.payload)
  const key = useSignal('')
  const headers = useSignal<ReadonlyArray<readonly [string, string]>>([])
  const language = useSignal<'curl' | 'TypeScript' | 'Python'>('curl')
  const sent = useSignal<ReadonlyArray<{ readonly offset: number, readonly at: number }>>([])
  const busy = useSignal(false)
  const error = useSignal<unknown>(undefined)
  const fill = (message: MessageToAppend): void => {
    payload.value = message.payload.includes('\n') ? message.payload : pretty(message.payload)
    key.value = message.key ?? ''
    headers.value = Object.entries(message.headers ?? {})
  }
  useEffect(() => {
    if (draft.value === undefined) return
    fill(draft.value)
    draft.value = undefined
  }, [])
  const problem = useMemo(() => jsonProblem(payload.value), [payload.value])
  const message: MessageToAppend = {
    payload: payload.value,
    key: key.value === '' ? undefined : key.value,
    headers: headers.value.length === 0 ? undefined : Object.fromEntries(headers.value.filter(([name]) => name !== ''))
  }
  const append = async (): Promise<void> => {
    if (busy.value || problem !== undefined) return
    busy.value = true
    error.value = undefined
    try {
      const { offset } = await client.value.topic<string>(topic, { codec: jsonText })
        .append(message.payload.trim(), { key: message.key, headers: message.headers })
      sent.value = [{ offset, at: Date.now() }, ...sent.value].slice(0, historyMax)
      onProduced()
    } catch (caught) {
      error.value = caught
    } finally {
      busy.value = false
    }
  }
  return (
    <div class='columns'>
      <form
        class='card' onSubmit={(event) => { event.preventDefault(); inBackground(append()) }}
        onKeyDown={(event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) inBackground(append()) }}
      >
        <div class='split'>
          <h2>New message</h2>
          <select
            aria-label='Template' value=''
            onChange={({ currentTarget }) => {
              const template = templates.find(({ name }) => name === currentTarget.value)
              if (template !== undefined) fill(template.message)
              currentTarget.value = ''
            }}
          >
            <option value=''>Template…</option>
            {templates.map(({ name }) => <option key={name}>{name}</option>)}
          </select>
        </div>
        <label class='field'>
          <span>Key</span>
          <TextInput text={key} class='mono' placeholder='none' />
        </label>
        <Headers headers={headers.value} onChange={(next) => { headers.value = next }} />
        <label class='field'>
          <span>Payload, JSON</span>
          <textarea
            class='mono' rows={12} spellcheck={false} value={payload.value}
            aria-invalid={problem !== undefined} aria-describedby='payload-check'
            onInput={({ currentTarget: { value } }) => { payload.value = value }}
          />
        </label>
        <p id='payload-check' class={problem === undefined ? 'muted' : 'notice bad'} role='status'>
          {problem ?? `Valid JSON, ${bytes(new TextEncoder().encode(payload.value.trim()).length)}`}
        </p>
        <Failure error={error.value} />
        <div class='buttons'>
          <button type='submit' class='primary' disabled={problem !== undefined || busy.value}>Append</button>
          <button type='button' disabled={problem !== undefined} onClick={() => { payload.value = pretty(payload.value) }}>Format</button>
        </div>
      </form>
      <div>
        <section class='card' aria-label='Result'>
          <h2>Appended</h2>
          {sent.value.length === 0 && <p class='muted'>Offsets appear here. Each message is stored once, also if an answer is lost.</p>}
          <ol class='sent' aria-live='polite'>
            {sent.value.map(({ offset, at }) => (
              <li key={offset}>
                <a href={`${linkTo('topics', topic)}?from=${offset}`}>offset {count(offset)}</a> <span class='muted'>{date(at)}</span>
              </li>
            ))}
          </ol>
        </section>
        <section class='card' aria-label='From a program'>
          <div class='split'>
            <h2>From a program</h2>
            <div class='segmented' role='group' aria-label='Language'>
              {(['curl', 'TypeScript', 'Python'] as const).map((one) => (
                <button key={one} type='button' aria-pressed={language.value === one} onClick={() => { language.value = one }}>
                  {one}
                </button>
              ))}
            </div>
          </div>
          {problem === undefined
            ? <Command>{snippet(language.value, topic, { ...message, payload: compactJson(message.payload) })}</Command>
            : <p class='muted'>As soon as the payload is JSON.</p>}
        </section>
      </div>
    </div>
  )
}

function Headers ({ headers, onChange }: {
  headers: ReadonlyArray<readonly [string, string]>, onChange: (next: ReadonlyArray<readonly [string, string]>) => void
}): JSX.Element {
  const set = (index: number, pair: readonly [string, string]): void => {
    onChange(headers.map((one, place) => place === index ? pair : one))
  }
  return (
    <fieldset class='field'>
      <legend>Headers</legend>
      {headers.map(([name, value], index) => (
        <div class='pair' key={index}>
          <input
            type='text' class='mono' aria-label={`Name of header ${index + 1}`} placeholder='name' value={name} spellcheck={false}
            onInput={({ currentTarget }) => { set(index, [currentTarget.value, value]) }}
          />
          <input
            type='text' class='mono' aria-label={`Value of header ${index + 1}`} placeholder='value' value={value} spellcheck={false}
            onInput={({ currentTarget }) => { set(index, [name, currentTarget.value]) }}
          />
          <button
            type='button' class='quiet' aria-label={`Remove header ${index + 1}`}
            onClick={() => { onChange(headers.filter((_one, place) => place !== index)) }}
          >
            ✕
          </button>
        </div>
      ))}
      <button type='button' class='link' onClick={() => { onChange([...headers, ['', '']]) }}>Add a header</button>
    </fieldset>
  )
}

function snippet (language: 'curl' | 'TypeScript' | 'Python', topic: string, message: MessageToAppend): string {
  const request = { url: serviceUrl, topic, token: usesTokens.value }
  if (language === 'curl') return appendWithCurl(request, message)
  return language === 'TypeScript' ? appendWithTypeScript(request, message) : appendWithPython(request, message)
}

function pretty (text: string): string {
  try {
    return prettyJson(text)
  } catch {
    return text
  }
}
