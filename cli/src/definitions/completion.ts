import { type Command } from 'commander'

export function defineCompletion (_program: Command): void {}
