import { type Command, InvalidArgumentError, Option } from 'commander'
import { addLeaf } from '../command.ts'
import { collect, duration, size, start, wholeNumber } from '../values.ts'
import { long, yes } from './options.ts'

/** An offset, or the end. */
function before (text: string): number | 'end' {
  if (text === 'end') return text
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected an offset from 1, or "end".')
}

function attempts (text: string): number | 'unlimited' {
  return text === 'unlimited' ? text : wholeNumber(1, 1_000)(text)
}

const configOptions = (): Option[] => [
  new Option('--retention <time>', 'remove messages after this time, such as 7d').argParser(duration),
  new Option('--retention-bytes <size>', 'remove the oldest messages above this size, such as 10GiB').argParser(size),
  new Option('--max-message-bytes <size>', 'refuse larger messages').argParser(size),
  new Option('--rate-messages <count>', 'messages a second that each server takes').argParser(wholeNumber(1)),
  new Option('--rate-bytes <size>', 'bytes a second that each server takes').argParser(size)
]

export function defineTopics (program: Command): void {
  program.commandsGroup('Managing:')
  const topics = program.command('topics').description('list, create, configure, trim, close and delete topics')
  addLeaf(topics, {
    name: 'ls',
    does: 'the names of the topics',
    args: [['[prefix]', 'only those that begin with it', (text) => text]],
    options: [long()],
    examples: [['streams topics ls', 'all names'], ['streams topics ls orders. --long', 'with offsets, retention and state']],
    run: async (session, [prefix = ''], options) => (await import('../commands/topics.ts')).list(session, prefix, options)
  })
  addLeaf(topics, {
    name: 'create',
    does: 'create a topic; one that exists gets the settings that are given',
    args: [['<topic>', 'letters, digits, dots, hyphens and underscores']],
    options: configOptions(),
    examples: [['streams topics create orders --retention 7d', 'messages stay for a week']],
    run: async (session, [topic], options) => (await import('../commands/topics.ts')).create(session, topic!, options)
  })
  addLeaf(topics, {
    name: 'describe',
    does: 'offsets, settings and groups of a topic',
    args: [['<topic>', 'which one']],
    examples: [['streams topics describe orders', 'for people'], ['streams topics describe orders --json | jq .end', 'for a program']],
    run: async (session, [topic]) => (await import('../commands/topics.ts')).describe(session, topic!)
  })
  addLeaf(topics, {
    name: 'config',
    does: 'show or change the settings of a topic',
    args: [['<topic>', 'must exist']],
    options: [
      ...configOptions(),
      new Option('--unset <setting>', 'back to the default: retention, retention-bytes, max-message-bytes or rate; can be repeated')
        .argParser(collect)
    ],
    examples: [
      ['streams topics config orders', 'show'],
      ['streams topics config orders --retention 30d --unset rate', 'change']
    ],
    run: async (session, [topic], options) => (await import('../commands/topics.ts')).config(session, topic!, options)
  })
  addLeaf(topics, {
    name: 'trim',
    does: 'remove the messages before an offset',
    args: [['<topic>', 'whose'], ['<before>', 'the first offset that stays, or "end" to remove all', before]],
    options: [yes()],
    examples: [
      ['streams topics trim orders 1000', 'offsets 1 to 999 are removed'],
      ['streams topics trim orders end --yes', 'all, without a question']
    ],
    run: async (session, [topic, offset], options) => (await import('../commands/topics.ts')).trim(session, topic!, offset!, options)
  })
  addLeaf(topics, {
    name: 'close',
    does: 'take no more messages, for ever',
    args: [['<topic>', 'which one']],
    options: [yes()],
    examples: [['streams topics close orders-2025', 'readers hear that it is complete']],
    run: async (session, [topic], options) => (await import('../commands/topics.ts')).close(session, topic!, options)
  })
  addLeaf(topics, {
    name: 'rm',
    does: 'delete a topic with all its messages',
    args: [['<topic>', 'which one']],
    options: [yes()],
    examples: [['streams topics rm orders-copy', 'asks before'], ['streams topics rm orders-copy --yes', 'in a script']],
    run: async (session, [topic], options) => (await import('../commands/topics.ts')).remove(session, topic!, options)
  })
}

export function defineGroups (program: Command): void {
  const groups = program.command('groups').description('list, describe, create, move and delete consumer groups')
  const args = [['<topic>', 'whose'], ['<group>', 'which one']] as const
  const settings = (): Option[] => [
    new Option('--mode <mode>', 'who gets what').choices(['shared', 'keyed', 'exclusive']),
    new Option('--lease <time>', 'how long a worker has for its messages').argParser(duration),
    new Option('--max-attempts <count>', 'deliveries before a message is a dead letter, or "unlimited"').argParser(attempts),
    new Option('--dead-letters <topic>', 'where dead letters go, or "none"'),
    new Option('--max-in-flight <count>', 'messages that workers may hold').argParser(wholeNumber(1))
  ]
  addLeaf(groups, {
    name: 'ls',
    does: 'the names of the groups of a topic',
    args: [['<topic>', 'whose']],
    options: [long()],
    examples: [['streams groups ls orders --long', 'with their lag']],
    run: async (session, [topic], options) => (await import('../commands/groups.ts')).list(session, topic!, options)
  })
  addLeaf(groups, {
    name: 'describe',
    does: 'position, lag, settings and workers of a group',
    args,
    examples: [
      ['streams groups describe jobs mailers', 'for people'],
      ['streams groups describe jobs mailers --json | jq .lag', 'for an alarm']
    ],
    run: async (session, [topic, group]) => (await import('../commands/groups.ts')).describe(session, topic!, group!)
  })
  addLeaf(groups, {
    name: 'create',
    does: 'create a group before its first worker',
    args,
    options: [...settings(), new Option('--start <offset>', 'begin at an offset, "earliest" or "latest"').argParser(start)],
    examples: [['streams groups create jobs mailers --mode keyed --start latest', 'in order for each key, new messages only']],
    run: async (session, [topic, group], options) => (await import('../commands/groups.ts')).create(session, topic!, group!, options)
  })
  addLeaf(groups, {
    name: 'config',
    does: 'change the settings of a group',
    args,
    options: settings(),
    examples: [['streams groups config jobs mailers --lease 5m --max-attempts 10', 'slow work, more attempts']],
    run: async (session, [topic, group], options) => (await import('../commands/groups.ts')).config(session, topic!, group!, options)
  })
  addLeaf(groups, {
    name: 'seek',
    does: 'move a group; what its workers hold is delivered again',
    args: [...args, ['<offset>', 'an offset, "earliest", "latest", or -N for N before the end', start]],
    options: [yes()],
    examples: [
      ['streams groups seek orders billing earliest', 'everything again'],
      ['streams groups seek orders billing -- -100', 'the last 100 offsets again']
    ],
    run: async (session, [topic, group, offset], options) => (
      (await import('../commands/groups.ts')).seek(session, topic!, group!, offset!, options))
  })
  addLeaf(groups, {
    name: 'rm',
    does: 'delete a group with its position',
    args,
    options: [yes(), new Option('--force', 'also while workers hold messages')],
    examples: [['streams groups rm orders billing', 'asks before']],
    run: async (session, [topic, group], options) => (await import('../commands/groups.ts')).remove(session, topic!, group!, options)
  })
}

export function defineDeadLetters (program: Command): void {
  const dlq = program.command('dlq').description('dead letters: messages that a group could not handle')
  const args = [['<topic>', 'whose messages'], ['<group>', 'that gave them up']] as const
  addLeaf(dlq, {
    name: 'ls',
    does: 'where the dead letters of each group are, and how many',
    args: [['<topic>', 'whose messages']],
    examples: [['streams dlq ls jobs', 'all groups of a topic']],
    run: async (session, [topic]) => (await import('../commands/dlq.ts')).list(session, topic!)
  })
  addLeaf(dlq, {
    name: 'show',
    does: 'the dead letters of a group: why, after how many attempts, and the payload',
    args,
    options: [new Option('-n, --limit <count>', 'at most so many').default(100).argParser(wholeNumber(1))],
    examples: [['streams dlq show jobs mailers', 'the oldest first']],
    run: async (session, [topic, group], options) => (await import('../commands/dlq.ts')).show(session, topic!, group!, options)
  })
  addLeaf(dlq, {
    name: 'redrive',
    does: 'deliver dead messages again, after the cause is mended',
    args,
    options: [
      new Option('-n, --limit <count>', 'at most so many').argParser(wholeNumber(1)),
      new Option('--from <offset>', 'of the dead-letter topic; default: where the last redrive has ended').argParser(wholeNumber(1))
    ],
    examples: [['streams dlq redrive jobs mailers', 'all of them'], ['streams dlq redrive jobs mailers --limit 1', 'one, to try']],
    run: async (session, [topic, group], options) => (await import('../commands/dlq.ts')).redrive(session, topic!, group!, options)
  })
}
