import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { TopicInfo } from '../../../clients/typescript/src/index.ts'
import { bytes, count, perSecond } from '../model/format.ts'
import type { MessageWindow, Phase } from '../model/message-window.ts'
import { inBackground } from '../model/poll.ts'
import { parsePosition } from '../model/positions.ts'
import { reachable } from '../model/session.ts'
import { TextInput } from '../parts/ui.tsx'
import { toggle } from './messages.tsx'

export interface MessageBarProps {
  readonly topic: string
  readonly window: MessageWindow
  readonly from: string
  readonly filter: string
  readonly problem: string | undefined
  readonly onJump: (to: string) => void
  readonly onFilter: (text: string) => void
}

/** A person types: the messages are read again when he pauses. */
const typingMs = 300

export function MessageBar ({ topic, window, from, filter, problem, onJump, onFilter }: MessageBarProps): JSX.Element {
  const to = useSignal('')
  const text = useSignal(filter)
  useEffect(() => { text.value = filter }, [filter])
  useEffect(() => {
    if (text.value.trim() === filter) return
    const timer = setTimeout(() => { onFilter(text.value.trim()) }, typingMs)
    return () => { clearTimeout(timer) }
  }, [text.value, filter])
  const isWrong = to.value.trim() !== '' && parsePosition(to.value) === undefined
  const isPaused = window.phase.value === 'paused'
  const go = (): void => {
    if (to.value.trim() === '' || isWrong) return
    onJump(to.value.trim())
    to.value = ''
  }
  return (
    <div class='bar'>
      <div class='segmented' role='group' aria-label='Where to begin'>
        <button type='button' aria-pressed={from === 'live'} onClick={() => { onJump('live') }}>Live</button>
        <button type='button' aria-pressed={from === 'earliest'} onClick={() => { onJump('earliest') }}>Earliest</button>
      </div>
      <form class='jump' onSubmit={(event) => { event.preventDefault(); go() }}>
        <TextInput
          text={to} aria-label='Go to an offset or a time' aria-invalid={isWrong} placeholder='Go to: offset, 15m, 12:30…'
          title='An offset; 30s, 15m, 2h or 3d ago; 12:30 today; 2026-01-31 12:30'
        />
      </form>
      <TextInput
        text={text} type='search' class='grow mono' data-search aria-label='Filter' aria-invalid={problem !== undefined} title={filterHelp}
        placeholder='Filter: text, key=…, header.name=…, .item.tags[0]=…, .total>9   /'
        onKeyDown={(event) => { if (event.key === 'Escape') event.currentTarget.blur() }}
      />
      <button type='button' class='pause' onClick={() => { toggle(window) }} aria-keyshortcuts='Space'>
        {isPaused ? '▶ Resume' : '❚❚ Pause'}
      </button>
      <button type='button' disabled={window.rows.length === 0} onClick={() => { exportRows(topic, window) }}>Export</button>
      {problem !== undefined && <p class='notice bad' role='alert'>{problem}</p>}
    </div>
  )
}

const filterHelp = `All terms must hold:
  book                 payload, key or headers have the text
  "two words"          quotes keep words together
  key=customer-7       the key; ~ for a part of it
  header.source=web    a header
  .item.tags[0]=new    a member of the payload
  .total>=9.5          = != < <= > >= ~
  offset>100`

/** The messages that are shown, a line each, as the service writes them. */
function exportRows (topic: string, { rows }: MessageWindow): void {
  const lines = rows.map(({ offset, payload, timestamp, key, headers }) => {
    return `{"offset":${offset},"payload":${payload},"timestamp":${timestamp}${key === undefined ? '' : `,"key":${JSON.stringify(key)}`}${
      headers === undefined ? '' : `,"headers":${JSON.stringify(headers)}`}}\n`
  })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob(lines, { type: 'application/x-ndjson' }))
  link.download = `${topic}-${rows[0]!.offset}-${rows.at(-1)!.offset}.ndjson`
  link.click()
  setTimeout(() => { URL.revokeObjectURL(link.href) }, 10_000)
}

const phases: Record<Phase, readonly [string, string]> = {
  loading: ['Reading', ''],
  enough: ['More below', ''],
  live: ['Live', 'good'],
  full: ['Waiting for you: go to the end', 'warn'],
  paused: ['Paused', 'warn'],
  closed: ['End of a closed topic', ''],
  retrying: ['No answer, trying again', 'bad'],
  failed: ['Stopped', 'bad']
}

export interface MessageStatusProps {
  readonly window: MessageWindow
  readonly info: TopicInfo | undefined
  readonly stuck: boolean
  readonly onJump: (to: string) => void
  readonly onEnd: () => void
}

/** Below the messages: what the view does, where it is, and a slider over the whole topic. */
export function MessageStatus ({ window, info, stuck, onJump, onEnd }: MessageStatusProps): JSX.Element {
  const { rows, read, first } = window.view.value
  const phase = window.phase.value
  const [label, tone] = phase === 'live' && !reachable.value ? phases.retrying : phases[phase]
  const earliest = info?.earliest ?? window.earliest.value ?? 1
  const end = Math.max(info?.end ?? 0, window.end.value ?? 1)
  const waiting = Math.max(0, end - window.next.value)
  const size = rows.length === 0 ? 0 : rows.reduce((sum, { payload }) => sum + payload.length, 0)
  return (
    <div class='status'>
      <span class={`badge ${tone}`} role='status'>{label}</span>
      <span class='rate number' title='Messages a second that the page reads'>{perSecond(window.rate.value)}/s</span>
      <span class='number' title={`${bytes(size)} of payloads are held in the page`}>
        {count(rows.length)} shown{read > rows.length && <> of {count(read)} read</>}
      </span>
      {phase === 'paused' && waiting > 0 && <span class='badge warn'>{count(waiting)} waiting</span>}
      <label class='scrub'>
        <span class='number'>{count(earliest)}</span>
        <input
          type='range' aria-label='Go to an offset of the topic' min={earliest} max={Math.max(earliest, end - 1)} value={first}
          onChange={({ currentTarget: { value } }) => { onJump(value) }}
        />
        <span class='number'>{count(end)}</span>
      </label>
      {first > earliest && <button type='button' class='quiet' onClick={() => { inBackground(window.loadOlder()) }}>Older</button>}
      {!stuck && rows.length > 0 && <button type='button' class='quiet' onClick={onEnd}>To the end ↓</button>}
    </div>
  )
}
