import { Command } from 'commander'
import { addCommonOptions, examplesText } from './command.ts'
import { defineDoctor, defineProfiles, defineTokens } from './definitions/access.ts'
import { defineCompletion } from './definitions/completion.ts'
import { defineBench, defineMessages } from './definitions/messages.ts'
import { defineDeadLetters, defineGroups, defineTopics } from './definitions/topics.ts'
import { version } from './version.ts'

/** All commands. What they do is loaded when one runs. */
export function createProgram (): Command {
  const program = new Command('streams')
    .description('Topics over HTTP: write, read, share work, manage.')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'the version of this command')
    .helpOption('-h, --help', 'help; each command has its own: streams produce --help')
    .helpCommand('help [command]', 'help of a command')
    .configureHelp({ showGlobalOptions: false, sortSubcommands: false })
    .addHelpText('after', examplesText([
      ["streams produce orders '{\"item\":\"book\"}'", 'append a message'],
      ['streams consume orders --follow', 'show messages as they come'],
      ['streams work orders billing -- ./bill.sh', 'run a command for each'],
      ['streams doctor', 'when something does not work']
    ]) + '\nThe service: --url, STREAMS_URL with STREAMS_TOKEN, or a profile. Exit codes and more: docs/command.md\n')
  defineMessages(program)
  defineTopics(program)
  defineGroups(program)
  defineDeadLetters(program)
  defineTokens(program)
  program.commandsGroup('Setting up:')
  defineProfiles(program)
  defineDoctor(program)
  defineBench(program)
  defineCompletion(program)
  inherit(program)
  return program
}

/** Settings that subcommands do not take over when they are made before. */
function inherit (command: Command): void {
  command.exitOverride()
  command.configureOutput({ outputError: () => {} })
  command.showSuggestionAfterError(true)
  command.allowExcessArguments(false)
  if (command.commands.length > 0) addCommonOptions(command)
  for (const child of command.commands) {
    child.helpOption('-h, --help', 'this help')
    inherit(child)
  }
}
