import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import type { TopicInfo } from '../../../clients/typescript/src/index.ts'
import { isTyping } from '../app.tsx'
import { parseFilter } from '../model/filter.ts'
import { count, time, visible } from '../model/format.ts'
import { MessageWindow, type Row } from '../model/message-window.ts'
import { inBackground } from '../model/poll.ts'
import { parsePosition } from '../model/positions.ts'
import { route, setQuery } from '../model/router.ts'
import { client, serviceUrl, usesTokens } from '../model/session.ts'
import { appendWithCurl } from '../model/snippets.ts'
import { Command, Empty, Failure } from '../parts/ui.tsx'
import { VirtualList } from '../parts/virtual-list.tsx'
import { MessageDetail } from './message-detail.tsx'
import { MessageBar, MessageStatus } from './message-bar.tsx'

/** What a row shows of a payload. */
const previewCharacters = 400

/** The messages of a topic: those that are there, and those that arrive. */
interface MessagesViewProps {
  readonly topic: string
  readonly info: TopicInfo | undefined
  /** Told where the topic ends. */
  readonly onEnd: (end: number) => void
}

export function MessagesView ({ topic, info, onEnd }: MessagesViewProps): JSX.Element {
  const { query } = route.value
  const from = query.get('from') ?? 'live'
  const filterText = query.get('filter') ?? ''
  const parsed = useMemo(() => parseFilter(filterText), [filterText])
  const position = parsePosition(from) ?? 'live'
  const selected = useSignal<Row | undefined>(undefined)
  const open = useSignal(false)
  const top = useSignal(0)
  // A jump to where the view begins already reads it again.
  const jumps = useSignal(0)
  const window = useMemo(() => {
    return new MessageWindow((codec) => client.value.topic<unknown, string>(topic, { codec }), position, parsed.filter)
  }, [topic, from, parsed, client.value, jumps.value])
  useEffect(() => {
    selected.value = undefined
    open.value = false
    window.start()
    return () => { window.stop() }
  }, [window])
  const { stuck } = window
  usePauseKey(window)

  const view = window.view.value
  const { rows } = view
  // With what is shown, not with each message.
  useEffect(() => { onEnd(window.end.peek() ?? 0) }, [view])
  const index = selected.value === undefined ? -1 : indexOf(rows, selected.value.offset)
  const jump = (to: string): void => {
    jumps.value++
    setQuery({ from: to === 'live' ? undefined : to })
  }
  const isEmpty = rows.length === 0 && ['live', 'closed', 'paused'].includes(window.phase.value)
  return (
    <section class={`messages ${open.value ? 'with-detail' : ''}`} aria-label='Messages'>
      <MessageBar
        topic={topic} window={window} from={from} filter={filterText} problem={parsed.problem} onJump={jump}
        onFilter={(text) => { setQuery({ filter: text, from: window.first > 0 && from !== 'live' ? String(window.first) : from }) }}
      />
      <Failure error={window.error.value}>
        {' '}<button type='button' class='link' onClick={() => { jump('live') }}>Go to the newest messages</button>
      </Failure>
      <div class='list'>
        <div class='columns-head' aria-hidden='true'>
          <span>Offset</span><span>Time</span><span>Key</span><span title='Headers'>Hdr</span><span>Payload</span>
        </div>
        <VirtualList
          key={window} label='Messages' length={rows.length} moved={view.moved} version={view} stuck={stuck.value} selected={index}
          rowId={(place) => `message-${rows[place]?.offset}`}
          onSelect={(place) => { selected.value = rows[place]; stuck.value = false }}
          onOpen={() => { open.value = true }}
          onPlace={({ atTop, atEnd, nearEnd, byUser }) => {
            if (byUser) stuck.value = atEnd
            window.want(nearEnd || stuck.value)
            if (atTop && byUser && parsed.filter === undefined) inBackground(window.loadOlder())
            top.value = rows[0]?.offset ?? 0
          }}
        >
          {(place) => <MessageRow row={rows[place]!} />}
        </VirtualList>
        {isEmpty && <NoMessages topic={topic} filtered={parsed.filter !== undefined} window={window} />}
      </div>
      <MessageStatus window={window} info={info} stuck={stuck.value} onJump={jump} onEnd={() => { stuck.value = true }} />
      {open.value && selected.value !== undefined && (
        <MessageDetail
          key={selected.value.offset} topic={topic} row={selected.value} onClose={() => { open.value = false; focusList() }}
          onMove={(by) => {
            const next = rows[(index === -1 ? 0 : index) + by]
            if (next !== undefined) selected.value = next
          }}
        />
      )}
    </section>
  )
}

function focusList (): void {
  document.querySelector<HTMLElement>('.virtual')?.focus()
}

/** Offsets ascend. */
function indexOf (rows: readonly Row[], offset: number): number {
  let [low, high] = [0, rows.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    const found = rows[middle]!.offset
    if (found === offset) return middle
    if (found < offset) low = middle + 1
    else high = middle - 1
  }
  return -1
}

function MessageRow ({ row: { offset, timestamp, key, headers, payload } }: { row: Row }): JSX.Element {
  return (
    <>
      <span class='offset'>{count(offset)}</span>
      <span class='time'>{time(timestamp)}</span>
      <span class='key' dir='ltr'>{key === undefined ? <i>–</i> : visible(key.slice(0, 100))}</span>
      <span class='headers' title={headers === undefined ? undefined : headerText(headers)}>
        {headers === undefined ? <i>–</i> : Object.keys(headers).length}
      </span>
      <span class='payload' dir='ltr'>{visible(payload.slice(0, previewCharacters))}</span>
    </>
  )
}

function headerText (headers: Readonly<Record<string, string>>): string {
  return visible(Object.entries(headers).slice(0, 10).map(([name, value]) => `${name}: ${value}`.slice(0, 200)).join('\n'))
}

/** Space pauses and resumes, unless a button has the focus, which it presses. */
function usePauseKey (window: MessageWindow): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { target } = event
      if (event.key !== ' ' || isTyping(target) || (target instanceof HTMLElement && target.matches('button, summary, a'))) return
      if (document.querySelector('dialog[open]') !== null) return
      event.preventDefault()
      toggle(window)
    }
    addEventListener('keydown', onKey)
    return () => { removeEventListener('keydown', onKey) }
  }, [window])
}

export function toggle (window: MessageWindow): void {
  if (window.phase.value === 'paused') window.resume()
  else window.pause()
}

function NoMessages ({ topic, filtered, window }: { topic: string, filtered: boolean, window: MessageWindow }): JSX.Element {
  const isTrimmed = (window.earliest.value ?? 1) < (window.end.value ?? 1)
  if (filtered) {
    return (
      <Empty title='No message fits the filter'>
        <p>{count(window.view.value.read)} were read, from offset {count(window.first)} on. New ones are looked at as they arrive.</p>
        {window.first > (window.earliest.value ?? 1) && (
          <button type='button' onClick={() => { inBackground(window.loadOlder()) }}>Search older messages</button>
        )}
      </Empty>
    )
  }
  const request = { url: serviceUrl, topic, token: usesTokens.value }
  return (
    <Empty title={isTrimmed ? 'No messages here' : 'The topic has no messages'}>
      <p>New ones appear here as they arrive. Append one:</p>
      <Command>{appendWithCurl(request, { payload: '{"item":"book","quantity":2}', key: 'customer-7', headers: undefined })}</Command>
    </Empty>
  )
}
