import { StreamsError } from '../../clients/typescript/src/index.ts'

/** What the exit codes of the command mean. docs/command.md has them for users; a test compares. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  unavailable: 3,
  denied: 4,
  missing: 5,
  conflict: 6,
  interrupted: 130,
  terminated: 143
} as const

export const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: 'It is done. Also when the reader of a pipe has ended, and when --follow or a worker was stopped',
  failed: 'It failed: the service refused it, a file cannot be read, a line is wrong after others were sent, or a check of doctor failed',
  usage: 'The command line or a setting was wrong. Nothing was sent',
  unavailable: 'There was no answer, or the service cannot do it now. Try again later',
  denied: 'The token is missing, not valid, or lacks a grant',
  missing: 'There is no such topic, group, token or profile',
  conflict: 'It does not fit the current state: another offset, a closed topic, a group that is in use',
  interrupted: 'Interrupted by Ctrl-C before it was done',
  terminated: 'Ended by SIGTERM before it was done'
}

export type Exit = keyof typeof exitCodes

/** What the user has to know when a command cannot go on. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exit: Exit
  /** What to do, as a command to copy where there is one. */
  readonly hint: string | undefined
  /** For programs. */
  readonly code: string
  /** How many messages were stored before. */
  readonly stored: number | undefined

  constructor (message: string, { exit = 'failed', hint, code = exit, stored, cause }: {
    readonly exit?: Exit, readonly hint?: string | undefined, readonly code?: string, readonly stored?: number, readonly cause?: unknown
  } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.exit = exit
    this.hint = hint
    this.code = code
    this.stored = stored
  }

  /** The same after messages were stored. @param sent whether this run has sent any, so that the exit code must not deny it */
  after (stored: number, text: string, sent: boolean, hint = this.hint): CommandError {
    const { message, exit, code, cause } = this
    return new CommandError(`${message}; ${text}`, { exit: sent && exit === 'usage' ? 'failed' : exit, code, hint, stored, cause })
  }
}

export function usageError (message: string, hint?: string): CommandError {
  return new CommandError(message, { exit: 'usage', hint })
}

export const hints: Readonly<Record<string, string>> = {
  no_answer: 'streams doctor',
  timeout: 'streams doctor',
  invalid_answer: 'streams doctor tells whether this is the address of the service',
  unauthorized: 'set STREAMS_TOKEN, or store a token: streams profiles set NAME --url URL --token-stdin',
  forbidden: 'an operator can give you a token with this grant: streams token create --name NAME --allow GRANT',
  topic_not_found: 'streams topics ls; or create it: streams topics create TOPIC',
  group_not_found: 'streams groups ls TOPIC',
  token_not_found: 'streams token ls',
  group_busy: 'wait until the workers have finished, or add --force if they may lose what they hold',
  offset_out_of_range: 'streams topics describe TOPIC shows the offsets that there are',
  topic_closed: 'a closed topic takes no more messages; choose another one',
  rate_limited: 'wait, or send less at a time',
  producer_fenced: 'another run has taken over; only one may write'
}

const meanings: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'expected a file, got a folder',
  EACCES: 'this user may not use the file',
  ENOSPC: 'the disk is full'
}

/** An error as it is shown: to people, or to programs. */
export interface Failure {
  readonly exit: Exit
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  readonly requestId?: string | undefined
  readonly written?: string | undefined
  readonly stored?: number | undefined
}

export function failureOf (error: unknown): Failure {
  if (error instanceof CommandError) {
    const { exit, code, message, hint, stored, cause } = error
    const { requestId, written } = cause instanceof StreamsError ? cause : {}
    return { exit, code, message, hint, requestId, written, stored }
  }
  if (error instanceof StreamsError) {
    const { code, message, requestId, written } = error
    return { exit: exitOf(error), code, message, hint: hints[code], requestId, written }
  }
  const { code, message, path } = error as NodeJS.ErrnoException
  // What the system refuses is the user's to mend; everything else is a defect of this program.
  if (code !== undefined && /^E[A-Z]+$/.test(code)) {
    const meaning = meanings[code]
    const place = path === undefined ? '' : `${path}: `
    return { exit: 'failed', code, message: meaning === undefined ? message : `${place}${meaning}`, hint: undefined }
  }
  return { exit: 'failed', code: 'defect', message: String(error instanceof Error ? error.stack : error), hint: undefined }
}

/** Which exit code an error of the service has. */
export function exitOf ({ status, code, retriable }: StreamsError): Exit {
  if (code === 'producer_fenced') return 'conflict'
  if (status === 401 || status === 403) return 'denied'
  if (status === 404 && code !== 'invalid_answer') return 'missing'
  if (retriable) return 'unavailable'
  if (status === 409 || status === 422) return 'conflict'
  return 'failed'
}
