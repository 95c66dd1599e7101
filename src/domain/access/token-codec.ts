import type { Ms } from '../../ports/units.ts'

/** What is stored of a token. */
export interface TokenRecord {
  /** The SHA-256 of the token, in hexadecimal digits. */
  readonly hash: string
  readonly name: string
  /** Grants. */
  readonly allow: readonly string[]
  /** Ms since epoch, by the clock of the process that created it. */
  readonly createdAtMs: Ms
  /** Who created it, in words. */
  readonly createdBy: string
  /** Ms since epoch. */
  readonly expiresAtMs?: Ms | undefined
  readonly requestsPerSecond?: number | undefined
}

/** As JSON. A member that an older server does not know could forbid something, so each new member needs a new version. */
interface Stored {
  readonly v: 1
  readonly sha256: string
  readonly name: string
  readonly allow: readonly string[]
  readonly created_at: number
  readonly created_by: string
  readonly expires_at?: number
  readonly requests_per_second?: number
}

const VERSION = 1
/** As the store promises. Nothing longer is parsed. */
const TEXT_CHARS_MAX = 64 * 1024

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isTime: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const optional = (check: Check): Check => (value) => value === undefined || check(value)

const members: Readonly<Record<keyof Stored, Check>> = {
  v: (value) => value === VERSION,
  sha256: (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
  name: isText,
  allow: (value) => Array.isArray(value) && value.every(isText),
  created_at: isTime,
  created_by: isText,
  expires_at: optional(isTime),
  requests_per_second: optional((value) => Number.isSafeInteger(value) && (value as number) >= 1)
}

export function encodeToken (token: TokenRecord): string {
  const { hash, name, allow, createdAtMs, createdBy, expiresAtMs, requestsPerSecond } = token
  const stored: Stored = {
    v: VERSION,
    sha256: hash,
    name,
    allow,
    created_at: createdAtMs,
    created_by: createdBy,
    ...expiresAtMs !== undefined && { expires_at: expiresAtMs },
    ...requestsPerSecond !== undefined && { requests_per_second: requestsPerSecond }
  }
  return JSON.stringify(stored)
}

/** @returns `undefined` if the text is damaged, or of a newer version: then nobody may use the token */
export function decodeToken (text: string): TokenRecord | undefined {
  const stored = parsed(text)
  if (stored === undefined) return undefined
  return {
    hash: stored.sha256,
    name: stored.name,
    allow: stored.allow,
    createdAtMs: stored.created_at,
    createdBy: stored.created_by,
    expiresAtMs: stored.expires_at,
    requestsPerSecond: stored.requests_per_second
  }
}

function parsed (text: string): Stored | undefined {
  if (text.length > TEXT_CHARS_MAX) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const stored = value as Record<string, unknown>
  const isComplete = Object.entries(members).every(([name, check]) => check(Object.hasOwn(stored, name) ? stored[name] : undefined))
  return isComplete && Object.keys(stored).every((name) => Object.hasOwn(members, name)) ? value as Stored : undefined
}
