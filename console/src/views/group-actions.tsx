import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { type GroupInfo, jsonText } from '../../../clients/typescript/src/index.ts'
import { count, visible } from '../model/format.ts'
import type { Row } from '../model/message-window.ts'
import { parsePosition } from '../model/positions.ts'
import { inBackground } from '../model/poll.ts'
import { go, linkTo } from '../model/router.ts'
import { client, messageOf } from '../model/session.ts'
import { Action, TextInput } from '../parts/ui.tsx'

export interface GroupActionsProps {
  readonly info: GroupInfo
  readonly canConsume: boolean
  readonly onChanged: () => void
}

export function GroupActions ({ info, canConsume, onChanged }: GroupActionsProps): JSX.Element {
  const done = useSignal<string | undefined>(undefined)
  const limit = useSignal('100')
  const group = client.value.topic(info.topic).group(info.group)
  return (
    <div>
      {done.value !== undefined && <p class='notice good' role='status'>{done.value}</p>}
      <Seek info={info} canConsume={canConsume} onDone={(text) => { done.value = text; onChanged() }} />
      {info.deadLetterTopic !== null && (
        <section class='card' aria-label='Redrive'>
          <h2>Redrive</h2>
          <p>Delivers dead messages again, the oldest first, from the topic itself.</p>
          <Action
            label='Redrive'
            run={async () => {
              const { redriven, skipped, trimmed, more } = await group.redrive({ limit: Number(limit.value) })
              done.value = `${count(redriven)} come again, ${count(skipped)} were skipped, ${count(trimmed.length)} were trimmed.` +
                (more ? ' There are more.' : '')
            }}
            onDone={onChanged}
          >
            <label class='field'>
              <span>At most, messages</span>
              <TextInput text={limit} type='number' min={1} max={1_000} />
            </label>
          </Action>
        </section>
      )}
      <section class='card' aria-label='Delete'>
        <h2>Delete group</h2>
        <p>Its position, its leases and its config are gone. The next receive makes a new group, which begins at the first message.</p>
        <Action
          label='Delete group' danger confirm={info.group} run={() => group.delete({ force: true })}
          onDone={() => { go(linkTo('topics', info.topic, 'groups')) }}
        />
      </section>
    </div>
  )
}

interface Preview {
  readonly offset: number
  readonly problem?: string
  /** The first messages from there, if the token may see them. */
  readonly rows: readonly Row[]
}

const previewRows = 3
const typingMs = 300

function Seek ({ info, canConsume, onDone }: { info: GroupInfo, canConsume: boolean, onDone: (text: string) => void }): JSX.Element {
  const to = useSignal('')
  const preview = useSignal<Preview | undefined>(undefined)
  useEffect(() => {
    preview.value = undefined
    if (to.value.trim() === '') return
    const controller = new AbortController()
    const timer = setTimeout(() => {
      inBackground(look(info, to.value, canConsume, controller.signal).then((found) => {
        if (!controller.signal.aborted) preview.value = found
      }))
    }, typingMs)
    return () => {
      clearTimeout(timer)
      controller.abort()
    }
  }, [to.value])
  const found = preview.value
  const canSeek = found !== undefined && found.problem === undefined
  return (
    <section class='card' aria-label='Seek'>
      <div class='split'>
        <h2>Seek</h2>
        <div class='segmented' role='group' aria-label='Targets'>
          <button type='button' onClick={() => { to.value = 'earliest' }}>Reset to earliest</button>
          <button type='button' onClick={() => { to.value = 'latest' }}>Skip to the end</button>
        </div>
      </div>
      <Action
        label='Move the group' danger confirm={info.group} disabled={!canSeek}
        run={async () => {
          const { committedOffset, endedLeases } = await client.value.topic(info.topic).group(info.group).seek(found!.offset)
          onDone(`The group is at offset ${count(committedOffset)}. ${count(endedLeases)} leases were ended.`)
          to.value = ''
        }}
      >
        <label class='field'>
          <span>To an offset, or the first message at a time</span>
          <TextInput text={to} class='mono' placeholder='100, 15m, 12:30, 2026-01-31 12:30, earliest, latest' />
        </label>
        {found?.problem !== undefined && <p class='notice bad' role='alert'>{found.problem}</p>}
        {canSeek && (
          <div class='notice' role='status'>
            <p>{effectOf(info, found.offset)}</p>
            {found.rows.map(({ offset, key, payload }) => (
              <p key={offset} class='mono cut' dir='ltr'>
                {count(offset)} {key !== undefined && <b>{visible(key.slice(0, 40))} </b>}{visible(payload.slice(0, 120))}
              </p>
            ))}
          </div>
        )}
      </Action>
    </section>
  )
}

/** What a move would do, in a sentence or two. */
export function effectOf ({ committedOffset, nextOffset, end, leases }: GroupInfo, target: number): string {
  const ended = leases.length === 0 ? '' : ` ${count(leases.length)} live leases end.`
  if (target < nextOffset) {
    const again = nextOffset - target
    return `From ${count(committedOffset)} to ${count(target)}: up to ${count(again)} messages that were handed out come again ` +
      `(offsets ${count(target)} to ${count(nextOffset - 1)}).${ended}`
  }
  const skipped = Math.min(target, end) - committedOffset
  return skipped === 0
    ? `The group is there already.${ended}`
    : `From ${count(committedOffset)} to ${count(target)}: up to ${count(skipped)} messages that are not done are skipped.${ended}`
}

async function look (info: GroupInfo, text: string, canConsume: boolean, signal: AbortSignal): Promise<Preview> {
  const position = parsePosition(text)
  if (position === undefined) return { offset: 0, rows: [], problem: 'Expected an offset, a time, earliest or latest.' }
  const from = position === 'live' ? 'latest' : position
  if (!canConsume) {
    if (typeof from === 'number') return { offset: from, rows: [] }
    if (from === 'latest') return { offset: info.end, rows: [] }
    return { offset: 0, rows: [], problem: `Times and “earliest” need the grant consume:${info.topic}. Give an offset.` }
  }
  try {
    const page = await client.peek().topic<unknown, string>(info.topic, { codec: jsonText }).page({ from, limit: previewRows, signal })
    const offset = typeof from === 'number' ? from : page.messages[0]?.offset ?? page.nextOffset
    return { offset, rows: page.messages }
  } catch (error) {
    return { offset: 0, rows: [], problem: messageOf(error) }
  }
}
