import { type DestinationStream, type Logger, pino } from 'pino'
import type { Settings } from './config.ts'

/** JSON lines. */
export function createLogger (level: Settings['LOG_LEVEL'], destination: DestinationStream): Logger {
  return pino({
    level,
    // No pid and host name: who runs more than one process has a collector that knows which line is whose.
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) }
  }, destination)
}

/** Each line at once: a platform that freezes the process after an answer would keep back what is not out by then. */
export function unbufferedOutput (): DestinationStream {
  return pino.destination({ sync: true })
}

/** Several lines a write, within a tenth of a second. The rest is written when the process ends, if anybody still reads. */
export function bufferedOutput (): DestinationStream {
  const output = pino.destination({ sync: true, minLength: 4096, periodicFlush: 100 })
  process.on('exit', () => {
    // `flushSync` repeats a write to a pipe without a reader for ever. `flush` tries once, after which pino gives up on such a pipe.
    output.flush()
    output.flushSync()
  })
  return output
}
