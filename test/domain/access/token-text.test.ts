import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { drawToken, hashOf, idOf, isToken, randomText, tokenChars, tokenPattern } from '../../../src/domain/access/token-text.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The text with another character in one place. */
function changedAt (text: string, at: number, character: string): string {
  return text.slice(0, at) + character + text.slice(at + 1)
}

test('a token has a prefix, an id, a secret and a checksum', () => {
  const token = drawToken((chars) => 'abc'.repeat(20).slice(0, chars))
  const start = 'streams_abcabcabcabc_abcabcabcabcabcabcabcabcabcabcabc'
  assert.equal(token.slice(0, -6), start)
  const digits = [...token.slice(-6)].map((digit) => ALPHABET.indexOf(digit))
  assert.equal(digits.reduce((number, digit) => number * 62 + digit, 0), crc32(start))
  assert.equal(idOf(token), 'abcabcabcabc')
  assert.equal(token.length, tokenChars)
  assert.equal(hashOf(token), createHash('sha256').update(token).digest('hex'))
})

test('every token that is drawn is one, and no two are the same', () => {
  const tokens = Array.from({ length: 2_000 }, () => drawToken(randomText))
  for (const token of tokens) assert(isToken(token), token)
  assert.equal(new Set(tokens.map(idOf)).size, tokens.length)
  const characters = new Set(tokens.flatMap((token) => [...token.slice(21, 54)]))
  assert.deepEqual([...characters].sort().join(''), ALPHABET, 'all characters come')
})

test('a text with a character that is another one is no token', () => {
  const token = drawToken(randomText)
  for (let at = 0; at < tokenChars; at++) {
    for (const other of [...ALPHABET, '_', '-', '\n', '\0', 'é', '😀']) {
      assert.equal(isToken(changedAt(token, at, other)), token[at] === other, `${JSON.stringify(other)} at ${at} of ${token}`)
    }
  }
  for (const text of ['', ' ', token + ' ', token + '\n', token.slice(1), token.slice(0, -1), token.toUpperCase(), `Bearer ${token}`]) {
    assert(!isToken(text), text)
  }
})

test('docs/tokens.md has the regular expression for secret scanners', () => {
  const page = readFileSync(new URL('../../../docs/tokens.md', import.meta.url), 'utf8')
  assert(page.includes(`\`\\b${tokenPattern}\\b\``))
  assert.match(`export TOKEN=${drawToken(randomText)};`, new RegExp(`\\b${tokenPattern}\\b`))
})
