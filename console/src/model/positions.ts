import type { Position } from '../../../clients/typescript/src/index.ts'

const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Where to begin, as one types it: `live`, `earliest`, an offset, `15m` (ago), `12:30` (today), or a date.
 * @returns `undefined` if it is none of these
 */
export function parsePosition (text: string, now = new Date()): Position | 'live' | undefined {
  const typed = text.trim().toLowerCase()
  if (typed === 'live' || typed === 'latest' || typed === 'end') return 'live'
  if (typed === 'earliest' || typed === 'start') return 'earliest'
  if (/^[\d,]+$/.test(typed)) return Number(typed.replaceAll(',', ''))
  const [, amount, unit] = /^-?(\d+)\s*([smhd])(?:\s*ago)?$/.exec(typed) ?? []
  if (unit !== undefined) return new Date(now.getTime() - Number(amount) * units[unit]!)
  const [, hours, minutes, seconds = '0'] = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(typed) ?? []
  if (hours !== undefined) return new Date(new Date(now).setHours(Number(hours), Number(minutes), Number(seconds), 0))
  if (!/^\d{4}-\d{2}/.test(typed)) return undefined
  const date = new Date(/^\d{4}-\d{2}-\d{2}$/.test(typed) ? `${typed}T00:00` : text.trim().replace(' ', 'T'))
  return Number.isNaN(date.getTime()) || date.getTime() < 0 ? undefined : date
}
