/** The options of the command line. */
import { parseArgs } from 'node:util'
import { assumed } from './assumptions.ts'
import { follows, fronts, type Follow, type Front } from './model.ts'
import { regions, type Region } from './prices.ts'

export interface Options {
  readonly messages: number
  readonly size: number
  readonly batch: number
  readonly readers: number
  readonly follow: Follow
  readonly pollSeconds: number
  readonly groups: number
  readonly lease: number
  readonly front: Front
  readonly region: Region
  readonly retentionDays: number
  readonly compression: number
  readonly memory: number
  readonly logs: boolean
}

/** The message has one line for each wrong option: `--name: expected …, got …`. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError'
}

export type Asked = { readonly options: Options, readonly json: boolean } | 'help' | 'write'

/** An append, and a page of it, must fit into what the service and Lambda take. */
const appendBytesMax = 3_500_000

export const help = `npm run cost -- [options]

What a month costs, with messages that come evenly. Without options: a million messages.

  --messages 1e6         messages a month
  --size 1000            bytes of a message's payload
  --batch 100            messages of an append, up to 1000
  --readers 1            readers of all messages
  --follow poll          how they read: ${follows.join(', ')}
  --poll-seconds 5       from one poll to the next
  --groups 0             consumer groups, each of which gets all messages
  --lease BATCH          messages of a receive: a divisor or a multiple of --batch, up to 1000
  --front http           ${fronts.join(', ')}
  --region us-east-1     ${regions.join(', ')}
  --retention-days 7     days for which messages are kept
  --compression 1        how many times smaller your messages become; JSON is 3 to 10
  --memory ${assumed.memoryMiB}          MB of the function
  --logs on              off: METRICS=off, LOG_LEVEL=warn, accessLog=false
  --json                 all figures, for programs
  --write                write the tables of docs/cost.md
  --help                 this text

Examples:

  npm run cost -- --messages 5e6 --size 1000 --batch 10 --readers 3
  npm run cost -- --messages 1e9 --batch 1000 --groups 2 --front url --logs off
  npm run cost -- --readers 1 --follow sse --front rest --json
`

const names = {
  messages: { type: 'string', default: '1e6' },
  size: { type: 'string', default: '1000' },
  batch: { type: 'string', default: '100' },
  readers: { type: 'string', default: '1' },
  follow: { type: 'string', default: 'poll' },
  'poll-seconds': { type: 'string', default: '5' },
  groups: { type: 'string', default: '0' },
  lease: { type: 'string' },
  front: { type: 'string', default: 'http' },
  region: { type: 'string', default: 'us-east-1' },
  'retention-days': { type: 'string', default: '7' },
  compression: { type: 'string', default: '1' },
  memory: { type: 'string', default: String(assumed.memoryMiB) },
  logs: { type: 'string', default: 'on' },
  json: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false }
} as const

/** @throws OptionsError */
export function readOptions (args: readonly string[]): Asked {
  const values = parse(args)
  if (values.help) return 'help'
  if (values.write) {
    if (args.length > 1) throw new OptionsError('--write: expected no other options, because the tables have options of their own')
    return 'write'
  }
  const wrong: string[] = []
  const options = optionsOf(values, wrong)
  if (wrong.length > 0) throw new OptionsError(wrong.join('\n'))
  return { options, json: values.json }
}

function parse (args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: names, allowPositionals: false }).values
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new OptionsError(`${error.message.split('. ')[0]}. "npm run cost -- --help" lists the options`)
  }
}

function optionsOf (values: ReturnType<typeof parse>, wrong: string[]): Options {
  const number = (name: keyof typeof names, min: number, max: number, whole = true): number => {
    const text = String(values[name])
    const value = text.trim() === '' ? NaN : Number(text)
    if (!(value >= min && value <= max && (!whole || Number.isInteger(value)))) {
      const kind = whole ? 'a whole number' : 'a number'
      wrong.push(`--${name}: expected ${kind} from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}, got ${JSON.stringify(text)}`)
    }
    return value
  }
  const oneOf = <Word extends string>(name: keyof typeof names, words: readonly Word[]): Word => {
    const word = words.find((known) => known === values[name])
    if (word === undefined) wrong.push(`--${name}: expected ${words.join(', ')}, got ${JSON.stringify(values[name])}`)
    return word ?? words[0]!
  }
  const batch = number('batch', 1, 1_000)
  const size = number('size', 2, appendBytesMax)
  const lease = values.lease === undefined ? batch : number('lease', 1, 1_000)
  if (batch * size > appendBytesMax) {
    wrong.push(`--batch: expected at most ${appendBytesMax.toLocaleString('en')} bytes in an append, ` +
      `got ${batch} messages of ${size} bytes`)
  }
  if (wrong.length === 0 && batch % lease !== 0 && lease % batch !== 0) {
    wrong.push(`--lease: expected a divisor or a multiple of --batch (${batch}), got ${lease}`)
  }
  if (lease > batch && lease * size > appendBytesMax) {
    wrong.push(`--lease: expected at most ${appendBytesMax.toLocaleString('en')} bytes in a lease, ` +
      `got ${lease} messages of ${size} bytes`)
  }
  return {
    messages: number('messages', 1, 1e12),
    size,
    batch,
    readers: number('readers', 0, 10_000),
    follow: oneOf('follow', follows),
    pollSeconds: number('poll-seconds', 0.1, 86_400, false),
    groups: number('groups', 0, 10_000),
    lease,
    front: oneOf('front', fronts),
    region: oneOf('region', regions),
    retentionDays: number('retention-days', 0, 36_500, false),
    compression: number('compression', 1, 1_000, false),
    memory: number('memory', 128, 10_240),
    logs: oneOf('logs', ['on', 'off']) === 'on'
  }
}
