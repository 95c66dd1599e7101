import tab, { type Argument as TabArgument, type Command as TabCommand, script as scriptOf } from '@bomb.sh/tab'
import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { clientOf, connectionOf } from '../connection.ts'

/** A shell waits for no longer. */
const timeoutMs = 1_500
const namesMax = 200

export function script (shell: string): void {
  scriptOf(shell, 'streams', 'streams')
}

/** Writes what the last word may become. @param words those before the cursor, without `streams` */
export async function complete (program: Command, words: readonly string[]): Promise<void> {
  const names = await namesFor(program, words)
  addAll(program, tab, names)
  tab.parse([...words])
}

/** Names by what they name. */
type Names = Readonly<Record<string, readonly string[]>>

function addAll (command: Command, target: TabCommand, names: Names, path = ''): void {
  for (const option of command.createHelp().visibleOptions(command)) {
    const name = option.long?.slice(2)
    if (name === undefined) continue
    const values = option.argChoices ?? (name === 'profile' || name === 'to' ? names['profile'] : undefined) ?? []
    const alias = option.short?.slice(1)
    if (option.required || option.optional) {
      target.option(name, option.description, (add) => { for (const value of values) add(value, '') }, alias)
    } else {
      target.option(name, option.description, alias)
    }
  }
  for (const argument of command.registeredArguments) {
    const values = argument.argChoices ?? names[argument.name()] ?? []
    const handler = function (this: TabArgument, add: (value: string, description: string) => void): void {
      for (const value of values) add(value, '')
    }
    target.argument(argument.name(), handler, argument.variadic)
  }
  for (const child of command.createHelp().visibleCommands(command)) {
    const childPath = path === '' ? child.name() : `${path} ${child.name()}`
    addAll(child, tab.command(childPath, child.description()), names, childPath)
  }
}

/** What only the service and the config know, as far as the word at the cursor needs it. Without an answer there is nothing to offer. */
async function namesFor (program: Command, words: readonly string[]): Promise<Names> {
  const plain = words.slice(0, -1)
    .filter((word, index) => !word.startsWith('-') && !['--url', '--profile'].includes(words[index - 1] ?? ''))
  const last = words.at(-1) ?? ''
  if (words.at(-2) === '--profile' || words.at(-2) === '--to' || (plain[0] === 'profiles' && plain.length === 2)) {
    const profiles = Object.keys(readConfig().profiles)
    return { profile: profiles, name: profiles }
  }
  if (last.startsWith('-')) return {}
  let command: Command | undefined = program
  let at = 0
  for (; command !== undefined && command.commands.length > 0; at++) command = command.commands.find((child) => child.name() === plain[at])
  if (command === undefined) return {}
  const wanted = command.registeredArguments[plain.length - at]?.name()
  try {
    if (wanted === 'topic') return { topic: await someOf(client(words).topics({ timeoutMs })) }
    if (wanted === 'group') return { group: await someOf(client(words).topic(plain[at]!).groups({ timeoutMs })) }
  } catch {}
  return {}
}

function client (words: readonly string[]) {
  const valueOf = (name: string): string | undefined => {
    const at = words.indexOf(name)
    return at === -1 ? undefined : words[at + 1]
  }
  const url = valueOf('--url')
  const profile = valueOf('--profile')
  const connection = connectionOf({ ...url !== undefined && { url }, ...profile !== undefined && { profile } })
  return clientOf(connection, { retry: false, timeoutMs })
}

async function someOf (names: AsyncIterable<string>): Promise<string[]> {
  const some: string[] = []
  for await (const name of names) {
    some.push(name)
    if (some.length >= namesMax) break
  }
  return some
}
