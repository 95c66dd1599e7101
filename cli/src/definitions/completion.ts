import { Argument, type Command } from 'commander'
import { examplesText } from '../command.ts'

export function defineCompletion (program: Command): void {
  program.command('completion')
    .description('a script for the shell, with which Tab completes commands, options, topics, groups and profiles')
    .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', examplesText([
      ['source <(streams completion bash)', 'bash, in ~/.bashrc'],
      ['source <(streams completion zsh)', 'zsh, in ~/.zshrc, after compinit'],
      ['streams completion fish | source', 'fish, in ~/.config/fish/config.fish']
    ]))
    .action(async (shell: string) => { (await import('../commands/completion.ts')).script(shell) })
  // What those scripts ask.
  program.command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => { await (await import('../commands/completion.ts')).complete(program, words) })
}
