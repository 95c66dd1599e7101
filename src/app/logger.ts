import { type DestinationStream, type Logger, pino } from 'pino'
import type { Settings } from './config.ts'

/** A logger that writes JSON lines. */
export function createLogger (level: Settings['logLevel'], destination: DestinationStream): Logger {
  return pino({
    level,
    // Without pid and host name: with several processes, the log collector adds the source of a line.
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // By its own name: the class has another one where the code is minified.
    serializers: { err: (error: Error) => ({ ...pino.stdSerializers.err(error), type: error.name }) }
  }, destination)
}

/** Writes each line at once: a platform that freezes the process after a response would delay buffered lines. */
export function unbufferedOutput (): DestinationStream {
  return pino.destination({ sync: true })
}

/** Collects lines for up to 100 ms per write. At exit the rest is written, if the pipe still has a reader. */
export function bufferedOutput (): DestinationStream {
  const output = pino.destination({ sync: true, minLength: 4096, periodicFlush: 100 })
  process.on('exit', () => {
    // `flushSync` alone would retry a write to a broken pipe forever. `flush` tries once, and then pino closes such a pipe.
    output.flush()
    output.flushSync()
  })
  return output
}
