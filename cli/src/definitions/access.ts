import { type Command, Option } from 'commander'
import { addLeaf } from '../command.ts'
import { collect, duration, wholeNumber } from '../values.ts'
import { yes } from './options.ts'

export function defineTokens (program: Command): void {
  const token = program.command('token').description('create, list and revoke access tokens, with the grant admin:*')
  addLeaf(token, {
    name: 'create',
    does: 'create a token; it is the only text on standard output, and shown only once',
    options: [
      new Option('--name <name>', 'for people').makeOptionMandatory(),
      new Option('--allow <grant>', 'produce:orders, consume:orders.*, groups:*, admin:*, metrics; can be repeated')
        .argParser(collect).makeOptionMandatory(),
      new Option('--expires-in <time>', 'such as 90d (default: never)').argParser(duration),
      new Option('--rate <count>', 'requests a second').argParser(wholeNumber(1, 1_000_000))
    ],
    examples: [
      ["TOKEN=$(streams token create --name ci --allow 'produce:orders.*' --expires-in 90d)", 'for a program that writes'],
      ["streams token create --name ada --allow 'consume:*' -q | streams profiles set ada --url https://streams.example.com --token-stdin", 'into a profile']
    ],
    run: async (session, _args, options) => (await import('../commands/token.ts')).create(session, options)
  })
  addLeaf(token, {
    name: 'ls',
    does: 'the tokens that there are, without their texts',
    examples: [['streams token ls', 'all of them']],
    run: async (session) => (await import('../commands/token.ts')).list(session)
  })
  addLeaf(token, {
    name: 'describe',
    does: 'name, grants and expiry of a token',
    args: [['<id>', 'as token ls shows it']],
    examples: [['streams token describe aB3dE5gH7jK9', 'one of them']],
    run: async (session, [id]) => (await import('../commands/token.ts')).describe(session, id!)
  })
  addLeaf(token, {
    name: 'revoke',
    does: 'revoke a token; servers refuse it within 10 seconds',
    args: [['<id>', 'as token ls shows it']],
    options: [yes()],
    examples: [['streams token revoke aB3dE5gH7jK9', 'asks before']],
    run: async (session, [id], options) => (await import('../commands/token.ts')).revoke(session, id!, options)
  })
}

export function defineProfiles (program: Command): void {
  const profiles = program.command('profiles').description('addresses and tokens of services, in ~/.config/streams/config.json')
  addLeaf(profiles, {
    name: 'ls',
    does: 'the profiles; * is the current one. Tokens are not shown',
    examples: [['streams profiles ls', 'all of them']],
    run: async (session) => { (await import('../commands/profiles.ts')).list(session) }
  })
  addLeaf(profiles, {
    name: 'set',
    does: 'store an address, and a token from standard input',
    args: [['<name>', 'such as prod']],
    options: [
      new Option('--token-stdin', 'read the token from standard input; in a terminal it is asked for, and not shown'),
      new Option('--no-token', 'forget the token')
    ],
    more: 'With another --url, the token of the old address is forgotten.',
    examples: [
      ['streams profiles set local --url http://127.0.0.1:9000', 'the first one becomes the current one'],
      ['streams profiles set prod --url https://streams.example.com --token-stdin < token.txt', 'with a token']
    ],
    run: async (session, [name], options) => (await import('../commands/profiles.ts')).set(session, name!, options)
  })
  addLeaf(profiles, {
    name: 'use',
    does: 'make a profile the current one',
    args: [['<name>', 'must exist']],
    examples: [['streams profiles use prod', 'for all commands from now on'], ['STREAMS_PROFILE=prod streams topics ls', 'for one']],
    run: async (session, [name]) => { (await import('../commands/profiles.ts')).use(session, name!) }
  })
  addLeaf(profiles, {
    name: 'rm',
    does: 'remove a profile with its token',
    args: [['<name>', 'must exist']],
    examples: [['streams profiles rm prod', 'the service is not asked']],
    run: async (session, [name]) => { (await import('../commands/profiles.ts')).remove(session, name!) }
  })
}

export function defineDoctor (program: Command): void {
  addLeaf(program, {
    name: 'doctor',
    does: 'check settings, connection, clock, versions, storage and token, and say what to mend',
    options: [new Option('--topic <name>', 'also what the token may do with this topic')],
    examples: [['streams doctor', 'the current service'], ['streams doctor --profile prod --topic orders', 'another one']],
    run: async (session, _args, options) => (await import('../commands/doctor.ts')).doctor(session, options)
  })
}
