import { jsonText, type Message, StreamsError } from '../../../clients/typescript/src/index.ts'
import { CommandError } from '../failures.ts'
import { counted, grouped, harmless, timeOf } from '../output.ts'
import type { Session } from '../session.ts'
import { lineOf } from '../show-message.ts'

/** Where the dead letters of each group of a topic go, and how many there are. */
export async function list (session: Session, topic: string): Promise<void> {
  const { client, out, signal } = session
  const rows: string[][] = []
  const letters = new Map<string, ReadonlyMap<string, number>>()
  for await (const group of client.topic(topic).groups({ signal })) {
    const { deadLetterTopic: place, deadLettersWaiting: waiting } = await client.topic(topic).group(group).describe({ signal })
    if (place !== null && !letters.has(place)) letters.set(place, await lettersOf(session, place, topic))
    const count = place === null ? 0 : letters.get(place)!.get(group) ?? 0
    session.result({ topic, group, deadLetterTopic: place, letters: count, deadLettersWaiting: waiting }, () => {
      rows.push([harmless(group), harmless(place ?? 'none'), grouped(count), grouped(waiting)])
    })
  }
  if (!out.json) out.table(['GROUP', 'DEAD LETTERS IN', 'LETTERS', 'ON THEIR WAY'], rows, [2, 3])
}

/** How many letters each group of the topic has. */
async function lettersOf (session: Session, name: string, topic: string): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for await (const { headers } of messagesOf(session, name)) {
    const group = headers?.['dead-letter-group']
    if (group !== undefined && headers?.['dead-letter-topic'] === topic) counts.set(group, (counts.get(group) ?? 0) + 1)
  }
  return counts
}

/** Without an error if there was no dead letter yet. */
async function * messagesOf ({ client, signal }: Session, name: string): AsyncGenerator<Message<string>, void, undefined> {
  try {
    yield * client.topic<string>(name, { codec: jsonText }).read({ signal })
  } catch (error) {
    if (!(error instanceof StreamsError && error.status === 404)) throw error
  }
}

/** The dead letters of a group. */
export async function show (session: Session, topic: string, group: string, { limit = 100 }: { readonly limit?: number }): Promise<void> {
  const { out } = session
  const name = await topicOf(session, topic, group)
  let count = 0
  for await (const letter of messagesOf(session, name)) {
    const { headers = {} } = letter
    if (headers['dead-letter-topic'] !== topic || headers['dead-letter-group'] !== group) continue
    if (++count > limit) {
      session.notes.note(`… more: --limit, or streams consume ${name}`)
      break
    }
    if (out.json) out.line(lineOf(letter))
    else showLetter(session, letter, headers)
    await out.room
  }
  if (count === 0) session.notes.note(`${group} of ${topic} has no dead letters in ${name}`)
}

function showLetter (
  { out }: Session, { offset, timestamp, key, payload }: Message<string>, headers: Readonly<Record<string, string>>
): void {
  const of = (name: string): string => harmless(headers[`dead-letter-${name}`] ?? '?')
  const detail = headers['dead-letter-detail'] === undefined ? '' : `: ${of('detail')}`
  const reason = of('reason') === 'rejected' ? 'rejected' : `given up after ${counted(Number(of('attempts')), 'attempt')}`
  out.line(`${out.style('yellow', `offset ${of('offset')}`)}  ${reason}${detail}`)
  const shownKey = key === undefined ? '' : `  key ${out.style('cyan', harmless(key))}`
  out.line(`  ${out.style('dim', `letter ${offset}, ${timeOf(timestamp)}`)}${shownKey}`)
  out.line(`  ${harmless(payload)}`)
}

async function topicOf ({ client, signal }: Session, topic: string, group: string): Promise<string> {
  const { deadLetterTopic } = await client.topic(topic).group(group).describe({ signal })
  if (deadLetterTopic === null) {
    throw new CommandError(`${group} of ${topic} has no dead-letter topic: its messages come again without end`, {
      exit: 'conflict',
      code: 'no_dead_letter_topic',
      hint: `streams groups config ${topic} ${group} --dead-letters ${topic}.dlq --max-attempts 5`
    })
  }
  return deadLetterTopic
}

export async function redrive (
  session: Session, topic: string, group: string, { limit = Infinity, from }: { readonly limit?: number, readonly from?: number }
): Promise<void> {
  const { client, out, signal } = session
  const total = { redriven: 0, skipped: 0, trimmed: [] as number[], more: true }
  for (let first = from; total.more && total.redriven < limit; first = undefined) {
    const round = await client.topic(topic).group(group).redrive({
      limit: Math.min(100, limit - total.redriven), ...first !== undefined && { from: first }, signal
    })
    total.redriven += round.redriven
    total.skipped += round.skipped
    total.trimmed.push(...round.trimmed)
    total.more = round.more
    // Nothing moved: the group has no room for more now.
    if (round.redriven + round.skipped + round.trimmed.length === 0) break
  }
  session.result({ topic, group, ...total }, () => {
    const gone = total.trimmed.length === 0 ? '' : `; ${grouped(total.trimmed.length)} can't come again, as they were removed from ${topic}`
    out.line(`${counted(total.redriven, 'message')} of ${topic} will be delivered to ${group} again${gone}`)
    if (total.more) session.notes.note('There are more: run it again')
  })
}
