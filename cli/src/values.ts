import { InvalidArgumentError } from 'commander'

/*
 * What people write on a command line, and what it means. Each function is a parser of commander: it throws what to write instead.
 */

const durations = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const sizes: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4
}

/** `1h30m` @returns ms */
export function duration (text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new InvalidArgumentError('Expected a time such as 500ms, 30s, 1h30m or 7d.')
  }
  return Math.round(parts.reduce((sum, [, count, unit]) => sum + Number(count) * durations[unit as keyof typeof durations], 0))
}

/** `10MiB` @returns bytes */
export function size (text: string): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text) ?? []
  const factor = sizes[unit.toUpperCase()]
  if (count === undefined || factor === undefined) throw new InvalidArgumentError('Expected a size such as 1000, 64KiB or 10MB.')
  return Math.round(Number(count) * factor)
}

export function wholeNumber (min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(max === Number.MAX_SAFE_INTEGER
        ? `Expected a whole number from ${min}.`
        : `Expected a whole number from ${min} to ${max}.`)
    }
    return value
  }
}

/** Where to begin: an offset, a word, or so many offsets before the end. */
export type Start = number | 'earliest' | 'latest' | { readonly fromEnd: number }

export function start (text: string): Start {
  if (text === 'earliest' || text === 'latest') return text
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text)
  if (/^-[1-9]\d{0,15}$/.test(text)) return { fromEnd: -Number(text) }
  throw new InvalidArgumentError('Expected an offset from 1, "earliest", "latest", or -N for N offsets before the end.')
}

/** `1h`: so long ago; or a date. */
export function since (text: string): Date {
  if (/^[\d.]+(ms|s|m|h|d|w)/.test(text)) return new Date(Date.now() - duration(text))
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError('Expected a time ago such as 1h or 7d, or a date such as 2026-01-31T12:00:00Z.')
  }
  return date
}

/** `name=value`, collected. */
export function header (text: string, all: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Expected NAME=VALUE.')
  return { ...all, [text.slice(0, at)]: text.slice(at + 1) }
}

export function collect (text: string, all: readonly string[] = []): string[] {
  return [...all, text]
}
