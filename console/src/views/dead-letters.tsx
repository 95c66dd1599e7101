import type { JSX } from 'preact'
import { jsonText } from '../../../clients/typescript/src/index.ts'
import { count, time, visible } from '../model/format.ts'
import type { Row } from '../model/message-window.ts'
import { usePoll } from '../model/poll.ts'
import { linkTo } from '../model/router.ts'
import { client, hasCode } from '../model/session.ts'
import { Failure } from '../parts/ui.tsx'

/** The last messages of the dead-letter topic, among which the group's are looked for. */
const lookedAt = 500
const shown = 50

/** Messages that the group gave up, the newest first, with the reason. */
export function DeadLetters ({ topic, group, letters }: { topic: string, group: string, letters: string }): JSX.Element {
  const { data, error } = usePoll((signal) => readLetters(letters, topic, group, signal), 5_000, [letters, topic, group])
  return (
    <section class='card' aria-label='Dead letters'>
      <h2>Dead letters <span class='muted'>the newest, in <a href={linkTo('topics', letters)} class='mono'>{letters}</a></span></h2>
      <Failure error={error.value} />
      {data.value?.length === 0 && <p class='muted'>None. A message gets here after its last attempt, or when a worker rejects it.</p>}
      {data.value !== undefined && data.value.length > 0 && (
        <div class='scroller' tabIndex={0} role='region' aria-label='Table of dead letters'>
          <table class='data letters'>
            <thead>
              <tr>
                <th scope='col' class='number'>Offset</th><th scope='col'>Died</th><th scope='col'>Reason</th>
                <th scope='col' class='number'>Attempts</th>
                <th scope='col'>Key</th><th scope='col'>Payload</th>
              </tr>
            </thead>
            <tbody>{data.value.slice(0, shown).map((row) => <Letter key={row.offset} topic={topic} row={row} />)}</tbody>
          </table>
        </div>
      )}
    </section>
  )
}

function Letter ({ topic, row: { timestamp, headers = {}, key, payload } }: { topic: string, row: Row }): JSX.Element {
  const offset = Number(headers['dead-letter-offset'])
  return (
    <tr>
      <td class='number'><a href={`${linkTo('topics', topic)}?from=${offset}`}>{count(offset)}</a></td>
      <td class='nowrap'>{time(timestamp)}</td>
      <td class='reason'>
        <span class='badge bad'>{visible(headers['dead-letter-reason'] ?? '')}</span>{' '}
        {visible((headers['dead-letter-detail'] ?? '').slice(0, 300))}
      </td>
      <td class='number'>{headers['dead-letter-attempts']}</td>
      <td class='mono nowrap' dir='ltr'>{key === undefined ? '–' : visible(key.slice(0, 40))}</td>
      <td class='mono cut' dir='ltr'>{visible(payload.slice(0, 120))}</td>
    </tr>
  )
}

async function readLetters (letters: string, topic: string, group: string, signal: AbortSignal): Promise<readonly Row[]> {
  const handle = client.peek().topic<unknown, string>(letters, { codec: jsonText })
  try {
    const { earliest, end } = await handle.page({ from: 'latest', limit: 1, signal })
    const { messages } = await handle.page({ from: Math.max(earliest, end - lookedAt), limit: lookedAt, signal })
    return messages.filter(({ headers }) => headers?.['dead-letter-topic'] === topic && headers['dead-letter-group'] === group).reverse()
  } catch (error) {
    if (hasCode(error, 'topic_not_found')) return []
    throw error
  }
}
