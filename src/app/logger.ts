import { type DestinationStream, type Logger, pino } from 'pino'
import type { Settings } from './config.ts'

/** JSON lines on standard output, or to `destination`. */
export function createLogger (level: Settings['LOG_LEVEL'], destination?: DestinationStream): Logger {
  const options = {
    level,
    // No pid and host name: who runs more than one process has a collector that knows which line is whose.
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) }
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
