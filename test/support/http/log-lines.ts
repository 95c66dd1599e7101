import { createLogger } from '../../../src/app/logger.ts'

export interface LogLines {
  readonly logger: ReturnType<typeof createLogger>
  readonly text: () => string
  readonly lines: () => Array<Record<string, unknown>>
}

/** A logger that keeps what it writes. */
export function logLines (): LogLines {
  let written = ''
  const logger = createLogger('trace', { write (line) { written += line } })
  return {
    logger,
    text: () => written,
    lines: () => written.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>)
  }
}
