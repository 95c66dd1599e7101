import type { Ms } from '../../ports/units.ts'
import type { Limits } from '../limits.ts'
import { grantExpected, isGrant } from './grants.ts'

/** What a new token shall be. */
export interface NewToken {
  readonly name: string
  /** Grants. */
  readonly allow: readonly string[]
  /** Ms since epoch. At most one of the two; without them, the token does not expire. */
  readonly expiresAtMs?: Ms | undefined
  readonly expiresInMs?: Ms | undefined
  readonly requestsPerSecond?: number | undefined
}

/*
 * Names are written to logs and terminals: no control characters, no line breaks, and none of the characters that are invisible
 * or change the direction of the text. Halves of surrogate pairs can't be encoded.
 */
const FORBIDDEN = '\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ud800-\\udfff\\ufeff'

export function namePattern ({ tokenNameCharsMax }: Limits): string {
  return `^[^${FORBIDDEN}]{1,${tokenNameCharsMax}}$`
}

export function nameExpected ({ tokenNameCharsMax }: Limits): string {
  return `1 to ${tokenNameCharsMax} characters, without control characters and invisible ones`
}

export function allowExpected ({ tokenGrantsMax }: Limits): string {
  return `an array of 1 to ${tokenGrantsMax} grants, such as produce:orders.*`
}

/** @returns what is wrong, in the words of an error, with the names that the members have in JSON; `undefined`: nothing */
export function problemOf (wanted: NewToken, nowMs: Ms, limits: Limits): string | undefined {
  const { name, allow, expiresAtMs, expiresInMs, requestsPerSecond } = wanted
  const most = Number.MAX_SAFE_INTEGER
  if (!new RegExp(namePattern(limits), 'u').test(name)) return `name: expected ${nameExpected(limits)}, got ${shown(name)}`
  if (allow.length === 0) return `allow: expected ${allowExpected(limits)}, got none`
  if (allow.length > limits.tokenGrantsMax) return `allow: expected ${allowExpected(limits)}, got ${allow.length}`
  const wrong = allow.findIndex((text) => !isGrant(text))
  if (wrong >= 0) return `allow.${wrong}: expected ${grantExpected}, got ${shown(allow[wrong]!)}`
  if (expiresAtMs !== undefined && expiresInMs !== undefined) return 'expires_in_ms: expected nothing beside expires_at, got both'
  if (expiresInMs !== undefined && !isWhole(expiresInMs, 1, most - nowMs)) {
    return `expires_in_ms: expected a whole number from 1 to ${most - nowMs} because of the server's time, got ${expiresInMs}`
  }
  if (expiresAtMs !== undefined && !isWhole(expiresAtMs, nowMs + 1, most)) {
    return `expires_at: expected a whole number above ${nowMs} because of the server's time, got ${expiresAtMs}`
  }
  if (requestsPerSecond !== undefined && !isWhole(requestsPerSecond, 1, limits.tokenRateMax)) {
    return `rate.requests: expected a whole number from 1 to ${limits.tokenRateMax}, got ${requestsPerSecond}`
  }
  return undefined
}

function isWhole (value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}

function shown (text: string): string {
  return JSON.stringify(text.length > 60 ? text.slice(0, 60) + '…' : text)
}

/** A text for the log and for terminals, whatever it was. */
export function harmless (text: string): string {
  return text.replaceAll(new RegExp(`[${FORBIDDEN}]`, 'gu'), '?').slice(0, 256)
}
