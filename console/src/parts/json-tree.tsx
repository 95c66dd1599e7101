import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { visible } from '../model/format.ts'
import { ExactNumber, type Json } from '../model/json.ts'

/** Levels that are open at first. */
const openLevels = 3
/** Children that are shown at first, and with each click more. */
const childrenShown = 100
const charactersShown = 4_000

/** A JSON value, level by level: what is closed is not drawn. */
export function JsonTree ({ value, name, level = 0 }: { value: Json, name?: string | undefined, level?: number }): JSX.Element {
  const isOpen = useSignal<boolean | undefined>(undefined)
  const shown = useSignal(childrenShown)
  const label = name === undefined ? null : <span class='name'>{visible(JSON.stringify(name))}: </span>
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) {
    return <div class='leaf'>{label}<Leaf value={value} /></div>
  }
  const isList = Array.isArray(value)
  const entries: ReadonlyArray<readonly [string, Json]> = isList ? value.map((item, index) => [String(index), item]) : Object.entries(value)
  const [open, close] = isList ? ['[', ']'] : ['{', '}']
  if (entries.length === 0) return <div class='leaf'>{label}{open}{close}</div>
  const opened = isOpen.value ?? (level < openLevels && (level === 0 || entries.length <= childrenShown))
  const size = `${entries.length} ${isList ? 'items' : 'members'}`
  return (
    <div class='node'>
      <button type='button' class='twist' aria-expanded={opened} onClick={() => { isOpen.value = !opened }}>
        <i aria-hidden='true'>{opened ? '▾' : '▸'}</i>{label}{open}{!opened && <span class='size'> {size} </span>}{!opened && close}
      </button>
      {opened && (
        <div class='children'>
          {entries.slice(0, shown.value).map(([key, item]) => (
            <JsonTree key={key} value={item} name={isList ? undefined : key} level={level + 1} />
          ))}
          {entries.length > shown.value && (
            <button type='button' class='link' onClick={() => { shown.value += childrenShown * 5 }}>
              {entries.length - shown.value} more
            </button>
          )}
        </div>
      )}
      {opened && <div class='close'>{close}</div>}
    </div>
  )
}

function Leaf ({ value }: { value: null | boolean | number | string | ExactNumber }): JSX.Element {
  const whole = useSignal(false)
  if (value instanceof ExactNumber) return <span class='json-number'>{value.text}</span>
  if (typeof value !== 'string') return <span class={value === null ? 'json-null' : `json-${typeof value}`}>{String(value)}</span>
  const text = JSON.stringify(value)
  if (text.length <= charactersShown || whole.value) return <span class='json-string'>{visible(text)}</span>
  return (
    <span>
      <span class='json-string'>{visible(text.slice(0, charactersShown))}</span>…{' '}
      <button type='button' class='link' onClick={() => { whole.value = true }}>{text.length - charactersShown} characters more</button>
    </span>
  )
}
