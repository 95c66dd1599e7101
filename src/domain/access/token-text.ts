import { hash, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'

/*
 * A token:
 *
 *   token    = "streams_" id "_" secret checksum
 *   id       = 12 characters: which token it is; in logs and answers
 *   secret   = 33 characters: 196 random bits
 *   checksum = 6 characters: the CRC-32 of all characters before it, as a number to the base 62
 *
 * All characters but those of the prefix are of 0-9, A-Z, a-z. The form is GitHub's: the prefix is what secret scanners search
 * for, `_` is a part of a word, so that a double click selects the whole token, and the checksum tells a token from a text
 * that only looks like one, without a look-up.
 * https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
 */
export const tokenPrefix = 'streams_'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ID_CHARS = 12
/** 62^33 is above 2^196. */
const SECRET_CHARS = 33
/** 62^6 is above 2^32. */
const CHECKSUM_CHARS = 6
const ID_AT = tokenPrefix.length
const SECRET_AT = ID_AT + ID_CHARS + 1
const CHECKSUM_AT = SECRET_AT + SECRET_CHARS
export const tokenChars = CHECKSUM_AT + CHECKSUM_CHARS

/** What secret scanners search for. docs/tokens.md has it, too. */
export const tokenPattern = `${tokenPrefix}[0-9A-Za-z]{${ID_CHARS}}_[0-9A-Za-z]{${SECRET_CHARS + CHECKSUM_CHARS}}`

const rule = new RegExp(`^${tokenPattern}$`)

/** So many characters that nobody can guess. */
export type RandomText = (chars: number) => string

export const randomText: RandomText = (chars) => {
  return Array.from({ length: chars }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
}

export function drawToken (random: RandomText): string {
  const start = `${tokenPrefix}${random(ID_CHARS)}_${random(SECRET_CHARS)}`
  return start + checksumOf(start)
}

/** Of a text with {@link tokenChars} characters. It is an id only if {@link isToken}. */
export function idOf (text: string): string {
  return text.slice(ID_AT, ID_AT + ID_CHARS)
}

/** Whether the text is a token of somebody's, as far as its form can tell. */
export function isToken (text: string): boolean {
  return rule.test(text) && checksumOf(text.slice(0, CHECKSUM_AT)) === text.slice(CHECKSUM_AT)
}

/**
 * The SHA-256 of a token, in 64 hexadecimal digits. Hashes for passwords are slow on purpose, because passwords can be guessed.
 * Nobody can guess 196 random bits, however fast the hash is.
 */
export function hashOf (text: string): string {
  return hash('sha256', text)
}

function checksumOf (text: string): string {
  let rest = crc32(text)
  let digits = ''
  for (let i = 0; i < CHECKSUM_CHARS; i++) {
    digits = ALPHABET[rest % ALPHABET.length]! + digits
    rest = Math.floor(rest / ALPHABET.length)
  }
  return digits
}
