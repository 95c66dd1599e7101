/** How numbers, sizes and times are shown. In English, dates as ISO 8601 writes them. */

const whole = new Intl.NumberFormat('en-US')
const shortNumber = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

/** `1,234,567` */
export function count (value: number): string {
  return whole.format(value)
}

/** `12.3K`; for charts and other narrow places. */
export function short (value: number): string {
  return Math.abs(value) < 10 && !Number.isInteger(value) ? String(Number(value.toPrecision(2))) : shortNumber.format(value)
}

/** A number a second: `0`, `0.4`, `12`, `1.2K`. */
export function perSecond (value: number | undefined): string {
  if (value === undefined) return '–'
  if (value === 0) return '0'
  return value < 10 ? value.toFixed(1) : short(value)
}

/** `1.5 MiB` */
export function bytes (value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** `450 ms`, `12 s`, `3 min`, `2 h`, `7 d` */
export function duration (ms: number): string {
  if (ms < 1_000) return `${Math.round(ms * 10) / 10} ms`
  const units: ReadonlyArray<readonly [string, number]> = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1_000]]
  const [unit, size] = units.find(([, size]) => ms >= size)!
  return `${Number((ms / size).toFixed(ms / size < 10 ? 1 : 0))} ${unit}`
}

/** Milliseconds, or microseconds below one. @param seconds `undefined`: none was measured */
export function latency (seconds: number | undefined): string {
  if (seconds === undefined || Number.isNaN(seconds)) return '–'
  if (seconds === 0) return '0'
  if (seconds >= 1) return `${seconds.toFixed(1)} s`
  const ms = seconds * 1_000
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

/** `$0.0123` */
export function dollars (value: number): string {
  return `$${value === 0 ? '0' : value < 0.01 ? value.toPrecision(2) : value.toFixed(2)}`
}

const dayAndTime = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' })
const timeOnly = new Intl.DateTimeFormat('sv-SE', { timeStyle: 'medium' })

/** `2026-01-31 12:00:00`, in the browser's time zone. */
export function date (ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? dayAndTime.format(ms) : String(ms)
}

/** `12:00:00.123` of today, or the date. */
export function time (ms: number, now = Date.now()): string {
  if (Math.abs(now - ms) > 43_200_000) return date(ms)
  return `${timeOnly.format(ms)}.${String(Math.floor(ms) % 1_000).padStart(3, '0')}`
}

/** A value for `<input type="datetime-local">`. */
export function localInput (ms: number): string {
  return dayAndTime.format(ms).replace(' ', 'T')
}

/**
 * Characters that a browser would not show, or that would change the order of what is around them, as JSON writes them: `\u202e`.
 * So two texts that look alike are alike. Joiners stay: emoji and some scripts need them.
 */
export function visible (text: string): string {
  return text.replace(invisible, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

// eslint-disable-next-line no-control-regex
const invisible = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g
