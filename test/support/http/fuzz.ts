import assert from 'node:assert/strict'
import { connect } from 'node:net'
import fc from 'fast-check'
import { type Answer, assertProblem } from './requests.ts'

/** FUZZ_TIMES=50 runs every property fifty times as often; FUZZ_SEED repeats a run whose seed was printed. */
const { FUZZ_TIMES = '1', FUZZ_SEED } = process.env

/** On a failure fast-check prints the seed, and the smallest case that it found. */
export async function check<T> (numRuns: number, values: fc.Arbitrary<T>, holds: (value: T) => Promise<void>): Promise<void> {
  const seed = FUZZ_SEED === undefined ? {} : { seed: Number(FUZZ_SEED) }
  await fc.assert(fc.asyncProperty(values, holds), { numRuns: numRuns * Number(FUZZ_TIMES), ...seed })
}

/** A refusal as the table of errors has it, whatever its detail; returns its code. */
export function assertRefused (answer: Answer): string {
  assert((answer.status >= 400 && answer.status < 500) || answer.status === 501, `${answer.status}: ${answer.text.slice(0, 300)}`)
  const {
    code,
    detail,
    written,
    earliest,
    end
  } = JSON.parse(answer.text) as { code: string, detail: string, written?: 'no', earliest: number, end: number }
  assert(written === undefined || written === 'no', `refused, but written: ${written}`)
  assertProblem(answer, code, detail, written ?? (code === 'offset_out_of_range' ? { earliest, end } : {}))
  assert.doesNotMatch(detail, /\n\s*at |\.ts:|node_modules/, 'a stack trace')
  return code
}

/** Everything that comes back for these bytes. The sending side closes at once, so an unfinished request ends too. */
export function sendBytes (baseUrl: string, bytes: Buffer): Promise<Buffer> {
  const { hostname, port } = new URL(baseUrl)
  return new Promise((resolve, reject) => {
    const received: Buffer[] = []
    const socket = connect({ port: Number(port), host: hostname }, () => socket.end(bytes))
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer, and no end')))
    socket.on('data', (chunk) => received.push(chunk)).on('close', () => resolve(Buffer.concat(received)))
    // A server that has answered already may reset the connection when more arrives.
    socket.on('error', (error: NodeJS.ErrnoException) => { if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error) })
  })
}

/** The first answer in what came back; `undefined` if the connection just ended. */
export function firstAnswer (received: Buffer): Answer | undefined {
  if (received.length === 0) return undefined
  const text = received.toString('latin1').replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')
  const end = text.indexOf('\r\n\r\n')
  const [start, ...lines] = text.slice(0, end).split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(start!)?.[1]
  assert(end !== -1 && status !== undefined, `not an HTTP answer: ${text.slice(0, 200)}`)
  const headers = Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
  }))
  const bytes = Buffer.from(text.slice(end + 4, end + 4 + Number(headers['content-length'] ?? 0)), 'latin1')
  return { status: Number(status), headers, bytes, text: bytes.toString('utf8') }
}

/** Any text, with a liking for what programs trip over. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ maxLength: 300 }),
  fc.constantFrom(
    '', '__proto__', 'constructor', 'toString', 'null', 'undefined', 'NaN', '0', '../..', '\u0000', '\ufeff', '\u2028', '﷽', '$ne', '%00'
  )
)

/** Percent-encodes every byte, or only what has to be. */
export function encode (text: string, everything: boolean): string {
  return everything ? [...Buffer.from(text)].map((byte) => '%' + byte.toString(16).padStart(2, '0')).join('') : encodeURIComponent(text)
}

const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
const numberText = fc.stringMatching(/^-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?$/)
const stringText = fc.array(fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => JSON.stringify(text).slice(1, -1)),
  fc.stringMatching(/^(\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|[{}[\],:]){1,4}$/),
  fc.constantFrom('\u2028', '\u007f', '\ufeff', '__proto__', 'payload')
), { maxLength: 5 }).map((pieces) => `"${pieces.join('')}"`)

/** Valid JSON as people and programs write it: white space, all spellings of numbers and characters, doubled members. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string, padded: string, member: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false', '0', '-0', '""', '[]', '{}'), numberText, stringText,
    fc.array(tie('padded'), { maxLength: 4 }).map((elements) => `[${elements.join()}]`),
    fc.array(tie('member'), { maxLength: 4 }).map((members) => `{${members.join()}}`)),
  padded: fc.tuple(space, tie('value'), space).map((parts) => parts.join('')),
  member: fc.tuple(space, stringText, space, tie('padded')).map(([before, name, after, value]) => `${before}${name}${after}:${value}`)
})).value

/** Those bytes with pieces cut out, put in, or changed. */
export function mutated (original: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const change = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), drop: fc.nat(3), insert: fc.uint8Array({ maxLength: 3 }) })
  const cut = fc.double({ min: 0, max: 1, noNaN: true })
  return fc.tuple(original, fc.array(change, { maxLength: 3 }), fc.option(cut)).map(([text, changes, end]) => {
    let bytes = Buffer.from(text)
    for (const { at, drop, insert } of changes) {
      const place = Math.floor(at * bytes.length)
      bytes = Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + drop)])
    }
    return end === null ? bytes : bytes.subarray(0, Math.floor(end * bytes.length))
  })
}
