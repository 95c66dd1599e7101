import type { Command } from 'commander'

export interface LeafCommand {
  /** Without `streams`. */
  readonly path: string
  readonly command: Command
}

/** The commands that do something. */
export function leavesOf (command: Command, path = ''): LeafCommand[] {
  return command.createHelp().visibleCommands(command).filter((child) => child.name() !== 'help').flatMap((child) => {
    const childPath = path === '' ? child.name() : `${path} ${child.name()}`
    return child.commands.length > 0 ? leavesOf(child, childPath) : [{ path: childPath, command: child }]
  })
}

/** The lines below `Examples:`, without comments. */
export function examplesIn (command: Command): string[] {
  let text = ''
  command.configureOutput({ writeOut: (part) => { text += part }, getOutHasColors: () => false })
  command.outputHelp()
  const [, examples = ''] = text.split('\nExamples:\n')
  return examples.split('\n').filter((line) => line.startsWith('  ') && !line.startsWith('  #')).map((line) => line.trim())
}
