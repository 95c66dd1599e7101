import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { bytes, count, date, visible } from '../model/format.ts'
import { type Json, parseJson, prettyJson } from '../model/json.ts'
import type { Row } from '../model/message-window.ts'
import { linkTo } from '../model/router.ts'
import { serviceUrl, usesTokens } from '../model/session.ts'
import { readWithCurl, readWithPython, readWithTypeScript } from '../model/snippets.ts'
import { JsonTree } from '../parts/json-tree.tsx'
import { Copy } from '../parts/ui.tsx'
import { draft } from './produce.tsx'

/** A browser takes seconds to lay out more in one text. */
const rawCharacters = 200_000

export interface MessageDetailProps {
  readonly topic: string
  readonly row: Row
  readonly onClose: () => void
  readonly onMove: (by: number) => void
}

/** A message in full. */
export function MessageDetail ({ topic, row, onClose, onMove }: MessageDetailProps): JSX.Element {
  const raw = useSignal(false)
  const { offset, timestamp, key, headers, payload } = row
  const value = useMemo(() => parsed(payload), [payload])
  const size = useMemo(() => new TextEncoder().encode(payload).length, [payload])
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => { if (event.key === 'Escape') onClose() }
    addEventListener('keydown', onKey)
    return () => { removeEventListener('keydown', onKey) }
  })
  const request = { url: serviceUrl, topic, token: usesTokens.value }
  return (
    <aside class='detail' aria-label={`Message ${offset}`}>
      <header>
        <h2>Offset {count(offset)}</h2>
        <button type='button' class='quiet' aria-label='Message before' onClick={() => { onMove(-1) }}>↑</button>
        <button type='button' class='quiet' aria-label='Next message' onClick={() => { onMove(1) }}>↓</button>
        <button type='button' class='quiet' aria-label='Close the message' onClick={onClose}>✕</button>
      </header>
      <dl class='lines'>
        <dt>Time</dt><dd>{date(timestamp)}<span class='muted'> · {timestamp}</span></dd>
        <dt>Key</dt><dd class='mono' dir='ltr'>{key === undefined ? <span class='muted'>none</span> : visible(key)}</dd>
        <dt>Size</dt><dd>{bytes(size)}</dd>
      </dl>
      {headers !== undefined && (
        <>
          <h3>Headers</h3>
          <dl class='lines mono headers'>
            {Object.entries(headers).map(([name, text]) => [
              <dt key={name} dir='ltr'>{visible(name)}</dt>, <dd key={`${name}=`} dir='ltr'>{visible(text)}</dd>
            ])}
          </dl>
        </>
      )}
      <div class='split'>
        <h3>Payload</h3>
        <div class='segmented' role='group' aria-label='Form of the payload'>
          <button type='button' aria-pressed={!raw.value} onClick={() => { raw.value = false }}>Tree</button>
          <button type='button' aria-pressed={raw.value} onClick={() => { raw.value = true }}>As sent</button>
        </div>
      </div>
      <div class='json mono' dir='ltr' tabIndex={0} role='region' aria-label='Payload'>
        {raw.value || value === undefined ? <Raw text={payload} /> : <JsonTree value={value.json} />}
      </div>
      <div class='split copies'>
        <Copy label='Copy JSON' text={() => value === undefined ? payload : prettyJson(payload)} />
        <Copy label='curl' title='Copy a command that reads this message' text={() => readWithCurl(request, offset)} />
        <Copy label='TypeScript' title='Copy a program that reads this message' text={() => readWithTypeScript(request, offset)} />
        <Copy label='Python' title='Copy a program that reads this message' text={() => readWithPython(request, offset)} />
        <a
          class='button quiet' href={linkTo('topics', topic, 'produce')} title='Fill the form with this message'
          onClick={() => { draft.value = { payload, key, headers } }}
        >
          Edit and append
        </a>
      </div>
    </aside>
  )
}

/** The service stores JSON only, but one value could be too much for this browser. */
function parsed (payload: string): { readonly json: Json } | undefined {
  try {
    return { json: parseJson(payload) }
  } catch {
    return undefined
  }
}

function Raw ({ text }: { text: string }): JSX.Element {
  const shown = useSignal(rawCharacters)
  return (
    <>
      <pre>{visible(text.slice(0, shown.value))}</pre>
      {text.length > shown.value && (
        <button type='button' class='link' onClick={() => { shown.value += rawCharacters * 5 }}>
          {count(text.length - shown.value)} characters more
        </button>
      )}
    </>
  )
}
