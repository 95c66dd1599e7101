import type { TopicConfig, TopicInfo } from '../../../clients/typescript/src/index.ts'
import { confirm } from '../confirm.ts'
import { usageError } from '../failures.ts'
import { counted, durationText, grouped, harmless, sizeText, timeOf } from '../output.ts'
import type { Session } from '../session.ts'

export async function list (session: Session, prefix: string, { long = false }: { readonly long?: boolean }): Promise<void> {
  const { client, out, signal } = session
  const rows: string[][] = []
  for await (const topic of client.topics({ signal })) {
    if (!topic.startsWith(prefix)) continue
    if (!long) {
      if (out.json) out.value({ topic })
      else out.line(harmless(topic))
      continue
    }
    const info = await client.topic(topic).describe({ signal })
    session.result(info, () => { rows.push(rowOf(info)) })
  }
  if (long && !out.json) out.table(['TOPIC', 'EARLIEST', 'END', 'OFFSETS', 'RETENTION', 'STATE'], rows, [1, 2, 3])
}

function rowOf ({ topic, earliest, end, closed, config }: TopicInfo): string[] {
  return [harmless(topic), String(earliest), String(end), grouped(end - earliest), retentionOf(config), closed ? 'closed' : 'open']
}

function retentionOf ({ retentionMs, retentionBytes }: TopicInfo['config']): string {
  const parts = [retentionMs === null ? [] : [durationText(retentionMs)], retentionBytes === null ? [] : [sizeText(retentionBytes)]].flat()
  return parts.length === 0 ? 'default' : parts.join(', ')
}

export interface ConfigOptions {
  readonly retention?: number
  readonly retentionBytes?: number
  readonly maxMessageBytes?: number
  readonly rateMessages?: number
  readonly rateBytes?: number
  readonly unset?: readonly string[]
}

const settings: Readonly<Record<string, keyof TopicConfig>> = {
  retention: 'retentionMs', 'retention-bytes': 'retentionBytes', 'max-message-bytes': 'maxMessageBytes', rate: 'rate'
}

/** The members that are set; those that are unset are `null`. @throws CommandError */
function configOf ({ retention, retentionBytes, maxMessageBytes, rateMessages, rateBytes, unset = [] }: ConfigOptions): TopicConfig {
  const config: Record<string, unknown> = {}
  if (retention !== undefined) config['retentionMs'] = retention
  if (retentionBytes !== undefined) config['retentionBytes'] = retentionBytes
  if (maxMessageBytes !== undefined) config['maxMessageBytes'] = maxMessageBytes
  if (rateMessages !== undefined || rateBytes !== undefined) {
    config['rate'] = { ...rateMessages !== undefined && { messages: rateMessages }, ...rateBytes !== undefined && { bytes: rateBytes } }
  }
  for (const name of unset) {
    const member = settings[name]
    if (member === undefined) throw usageError(`--unset: expected one of ${Object.keys(settings).join(', ')}, got ${name}`)
    if (member in config) throw usageError(`--unset ${name}: expected no value for it beside it`)
    config[member] = null
  }
  return config
}

export async function create (session: Session, name: string, options: ConfigOptions): Promise<void> {
  const { client, out, signal } = session
  const topic = await client.topic(name).create(configOf(options), { signal })
  session.result(topic, () => { out.line(`${topic.created ? 'created' : 'exists'}: ${name}`) })
}

export async function config (session: Session, name: string, options: ConfigOptions): Promise<void> {
  const { client, signal } = session
  const changes = configOf(options)
  const topic = client.topic(name)
  // Asked before, as it would be created otherwise.
  const before = await topic.describe({ signal })
  const info = Object.keys(changes).length === 0 ? before : await topic.create(changes, { signal })
  session.result({ topic: name, config: info.config }, () => { session.out.pairs(configPairs(info.config)) })
}

function configPairs ({ retentionMs, retentionBytes, maxMessageBytes, rate }: TopicInfo['config']): Array<[string, string]> {
  return [
    ['retention', retentionMs === null ? 'default' : durationText(retentionMs)],
    ['retention-bytes', retentionBytes === null ? 'default' : sizeText(retentionBytes)],
    ['max-message-bytes', maxMessageBytes === null ? 'default' : sizeText(maxMessageBytes)],
    ['rate', rate === null ? 'default' : Object.entries(rate).map(([what, value]) => `${grouped(value)} ${what}/s`).join(', ')]
  ]
}

export async function describe (session: Session, name: string): Promise<void> {
  const { client, out, signal } = session
  const info = await client.topic(name).describe({ groups: true, signal }).catch(async (error: unknown) => {
    // Without the right to see groups, the rest can still be seen.
    if ((error as { status?: number }).status !== 403) throw error
    return client.topic(name).describe({ signal })
  })
  session.result(info, () => {
    const { topic, earliest, end, createdAt, closed, groups, groupsTruncated = false } = info
    out.pairs([
      ['topic', harmless(topic)],
      ['offsets', end === earliest ? `none, then ${end}` : `${earliest} to ${end - 1}, ${counted(end - earliest, 'message')} at most`],
      ['created', createdAt === null ? 'not known' : timeOf(createdAt)],
      ['state', closed ? 'closed' : 'open'],
      ...configPairs(info.config)
    ])
    if (groups === undefined || groups.length === 0) return
    out.line('')
    out.table(['GROUP', 'COMMITTED', 'LAG'], groups.map(({ group, committedOffset, lag }) => (
      [harmless(group), String(committedOffset ?? '?'), lag === null ? '?' : grouped(lag)])), [1, 2])
    if (groupsTruncated) out.line(`… more: streams groups ls ${topic}`)
  })
}

export async function trim (session: Session, name: string, before: number | 'end', { yes }: { readonly yes?: boolean }): Promise<void> {
  const { client, out, signal } = session
  const topic = client.topic(name)
  const info = await topic.describe({ signal })
  const offset = before === 'end' ? info.end : before
  const count = Math.max(0, Math.min(offset, info.end) - info.earliest)
  if (count > 0) await confirm(session, `Remove at most ${counted(count, 'message')} of ${name}, those before offset ${offset}?`, yes)
  const { earliest } = await topic.trim(offset, { signal })
  session.result({ topic: name, earliest }, () => { out.line(`${name} begins at offset ${earliest}`) })
}

export async function close (session: Session, name: string, { yes }: { readonly yes?: boolean }): Promise<void> {
  const { client, out, signal } = session
  await confirm(session, `Close ${name}? It never takes messages again.`, yes)
  const answer = await client.topic(name).close({ signal })
  session.result(answer, () => { out.line(`closed: ${name}, its end is ${answer.end}`) })
}

export async function remove (session: Session, name: string, { yes }: { readonly yes?: boolean }): Promise<void> {
  const { client, out, signal } = session
  const topic = client.topic(name)
  const { earliest, end } = await topic.describe({ signal })
  await confirm(session, `Delete ${name} with at most ${counted(end - earliest, 'message')}?`, yes)
  await topic.delete({ signal })
  session.result({ topic: name, deleted: true }, () => { out.line(`deleted: ${name}`) })
}
