import { type Command, Option } from 'commander'
import { addLeaf } from '../command.ts'
import { collect, duration, header, size, wholeNumber } from '../values.ts'
import { from, noOrigin, origin, retryFor, sinceTime } from './options.ts'

export function defineMessages (program: Command): void {
  program.commandsGroup('Messages:')
  defineProduce(program)
  defineConsume(program)
  defineWork(program)
  defineExport(program)
  defineImport(program)
  defineMirror(program)
}

function defineProduce (program: Command): void {
  addLeaf(program, {
    name: 'produce',
    does: 'append messages: arguments, the lines of a file, or those of standard input',
    args: [['<topic>', 'is created if it does not exist'], ['[payloads...]', 'JSON; several are stored together, all or none']],
    options: [
      new Option('-f, --file <path>', 'lines of a file: with a progress bar, and to be resumed after an interruption'),
      new Option('--text', 'payloads and lines are texts instead of JSON'),
      new Option('--messages', 'lines have payload, key and headers, as consume --json writes them'),
      new Option('-k, --key <key>', 'key of each message'),
      new Option('--key-path <path>', 'take the key from the payload: customer.id'),
      new Option('-H, --header <name=value>', 'header of each message; can be repeated').argParser(header),
      new Option('--resume', 'go on with a file where an earlier run was interrupted, without doubles'),
      new Option('--restart', 'send a file from its beginning, whatever an earlier run has stored'),
      new Option('--expected-offset <offset>', 'only if the topic ends there').argParser(wholeNumber(1)),
      new Option('--idempotency-key <key>', 'store it once, however often it is sent with this key within 24 hours'),
      retryFor()
    ],
    more: `Each message is stored once, and in order, also if answers are lost. How far a file is, is in
~/.local/state/streams, for its place, the topic and the address of the service, and can be resumed for 7 days.
--resume without an earlier run says so, and begins at the first line.`,
    examples: [
      ["streams produce orders '{\"item\":\"book\"}' --key customer-7", 'one message'],
      ['streams produce orders --file orders.ndjson', 'a file with a JSON value on each line'],
      ['streams produce orders --file orders.ndjson --resume', 'the same after Ctrl-C or a crash'],
      ['tail -F access.log | streams produce log --text', 'each line of another program, as it comes'],
      ['streams consume orders --json | streams produce copy --messages', 'copy messages with their keys and headers']
    ],
    run: async (session, [topic, payloads], options) => (
      (await import('../commands/produce.ts')).produce(session, topic!, payloads!, options))
  })
}

function defineConsume (program: Command): void {
  addLeaf(program, {
    name: 'consume',
    does: 'show messages: those that there are, or with --follow also those to come',
    args: [['<topic>', 'what to read']],
    options: [
      from(),
      sinceTime(),
      new Option('--until <offset>', 'end before this offset (default: the end of the topic)').argParser(wholeNumber(1)),
      new Option('-n, --limit <count>', 'at most so many messages').argParser(wholeNumber(1)),
      new Option('-f, --follow', 'go on with new messages; Ctrl-C ends'),
      new Option('-k, --key <key>', 'only messages with this key'),
      new Option('-s, --select <path>', 'only a part of each message, such as payload.item; can be repeated').argParser(collect)
    ],
    more: 'In a terminal, messages are in columns; in pipes and with --json, each is a line of JSON.',
    examples: [
      ['streams consume orders', 'everything up to the end'],
      ['streams consume orders --follow --from latest', 'new messages as they come'],
      ['streams consume orders --from -10', 'the last ten offsets'],
      ['streams consume orders --since 1h --key customer-7', 'the last hour of one customer'],
      ['streams consume orders --select payload.item --select key', 'two columns: an item and a key'],
      ['streams consume orders --json | jq .payload.total', 'for another program']
    ],
    run: async (session, [topic], options) => (await import('../commands/consume.ts')).consume(session, topic!, options)
  })
}

function defineWork (program: Command): void {
  addLeaf(program, {
    name: 'work',
    does: 'run a command for each message of a group; its exit code acknowledges the message or gives it back',
    args: [
      ['<topic>', 'whose messages'],
      ['<group>', 'is created if it does not exist'],
      ['<command...>', 'after --; gets the payload on standard input']
    ],
    options: [
      new Option('-c, --concurrency <count>', 'commands at one time').default(1).argParser(wholeNumber(1, 1_000)),
      new Option('--lease <time>', 'how long a message is kept from others if this program dies (default: that of the group)')
        .argParser(duration),
      new Option('--timeout <time>', 'end a command that takes longer, with SIGTERM; the message is given back').argParser(duration),
      new Option('--backoff <time>', 'longest pause after the first failure; it doubles up to 1m').argParser(duration),
      new Option('--reject-on <code>', 'an exit code that makes a dead letter at once; can be repeated').argParser(collect),
      new Option('--text-stdin', 'a payload that is a JSON string goes to standard input as text'),
      new Option('-n, --limit <count>', 'end after so many messages').argParser(wholeNumber(1)),
      new Option('--drain', 'end when nothing is left to do'),
      new Option('--consumer <name>', "the worker's name in: streams groups describe")
    ],
    more: `Exit code 0 acknowledges the message. Any other gives it back: it comes again after a pause, up to the
attempts of the group, and then becomes a dead letter. In the environment of the command: STREAMS_TOPIC,
STREAMS_GROUP, STREAMS_OFFSET, STREAMS_TIMESTAMP (ms since 1970), STREAMS_ATTEMPT (from 1), and if the message
has them STREAMS_KEY and STREAMS_HEADERS (JSON). Ctrl-C waits for commands that run, and gives the rest back; a
second one kills them.`,
    examples: [
      ['streams work jobs mailers -- ./send-mail.sh', 'a worker; start it as often as you like'],
      ['streams work jobs mailers -c 8 --timeout 1m -- curl -fsS -d @- https://example.com/hook', 'eight at a time'],
      ["streams work jobs print -- sh -c 'echo \"$STREAMS_OFFSET: $(cat)\"'", 'a line of shell'],
      ['streams work jobs nightly --drain -- ./run.sh', 'everything that is there, then end']
    ],
    run: async (session, [topic, group, command], options) => (
      (await import('../commands/work.ts')).work(session, topic!, group!, command!, options))
  })
}

function defineExport (program: Command): void {
  addLeaf(program, {
    name: 'export',
    does: 'write the messages of a topic to a file, with offsets, timestamps, keys and headers',
    args: [['<topic>', 'what to write']],
    options: [
      new Option('-o, --output <path>', 'the file; compressed if it ends in .gz or .zst; - for standard output').makeOptionMandatory(),
      new Option('--compress <how>', 'gzip, zstd or none (default: by the name)').choices(['gzip', 'zstd', 'none']),
      new Option('--force', 'replace a file that exists'),
      from(),
      sinceTime(),
      new Option('--until <offset>', 'end before this offset (default: the end of the topic)').argParser(wholeNumber(1))
    ],
    examples: [
      ['streams export orders -o orders.ndjson.gz', 'a back-up of one topic'],
      ['streams export orders --since 1d -o - | jq .payload', 'the last day, to a pipe']
    ],
    run: async (session, [topic], options) => (await import('../commands/export.ts')).exportTopic(session, topic!, options)
  })
}

function defineImport (program: Command): void {
  addLeaf(program, {
    name: 'import',
    does: 'append the messages of an export, in their order, each once',
    args: [['<topic>', 'is created if it does not exist'], ['<file>', 'may be compressed; - for standard input']],
    options: [origin().default(true).hideHelp(), noOrigin(), retryFor()],
    more: `The topic remembers how far it is. So an import can be interrupted and repeated, and what is there already is
left out. For files without offsets: streams produce --file.

Order, keys, headers and the text of payloads are kept. Offsets and timestamps are new, as the service gives
them; the old ones are kept as the headers origin-offset and origin-timestamp (ms since 1970), unless the message
has these headers already.`,
    examples: [
      ['streams import orders-copy orders.ndjson.gz', 'all messages of a file'],
      ['ssh backup cat orders.ndjson.zst | streams import orders-copy -', 'from a pipe']
    ],
    run: async (session, [topic, file], options) => (await import('../commands/import.ts')).importFile(session, topic!, file!, options)
  })
}

function defineMirror (program: Command): void {
  addLeaf(program, {
    name: 'mirror',
    does: 'copy a topic to another service or topic, each message once, and go on where it was',
    args: [
      ['<topic>', 'of the service that --url or --profile names'],
      ['[destination]', 'topic of the other service (default: the same name)']
    ],
    options: [
      new Option('--to <profile|url>', 'the other service (default: the same); the token for a URL is in STREAMS_TO_TOKEN'),
      new Option('-f, --follow', 'go on with new messages; Ctrl-C ends'),
      origin(),
      retryFor()
    ],
    more: `The destination remembers how far it is, as the order of its appends. So a mirror can be killed and started
again, anywhere, without a gap or a double. Of two mirrors into a topic the later one goes on. Each destination
has one source. Others should not write to it.

Order, keys, headers and the text of payloads are kept. Offsets and timestamps are new, as the service gives
them; --origin keeps the old ones as the headers origin-offset and origin-timestamp (ms since 1970), unless the
message has these headers already.`,
    examples: [
      ['streams mirror orders --profile prod --to local', 'a topic of production on your machine'],
      ['streams mirror orders --profile prod --to standby --follow', 'a standby that stays up to date'],
      ['streams mirror orders orders-copy', 'a copy in the same service']
    ],
    run: async (session, [from, to], options) => (await import('../commands/mirror.ts')).mirror(session, from!, to, options)
  })
}

export function defineBench (program: Command): void {
  addLeaf(program, {
    name: 'bench',
    does: 'measure appends, reads and the way from one to the other, in a topic of its own',
    options: [
      new Option('--messages <count>', 'to append in batches, and to read').default(50_000).argParser(wholeNumber(1, 10_000_000)),
      new Option('--size <bytes>', 'of a payload').default(100).argParser(size),
      new Option('--connections <count>', 'for single appends').default(16).argParser(wholeNumber(1, 1_000)),
      new Option('--rate <count>', 'appends a second while the way is measured').default(100).argParser(wholeNumber(1, 10_000)),
      new Option('--duration <time>', 'of each part with a time').default(5_000, '5s').argParser(duration),
      new Option('--topic <name>', 'an existing or new topic, which is kept (default: a new one, deleted afterwards)')
    ],
    examples: [
      ['streams bench', 'half a minute'],
      ['streams bench --size 1KiB --connections 64 --json', 'larger messages, for a program']
    ],
    run: async (session, _args, options) => (await import('../commands/bench.ts')).bench(session, options)
  })
}
