import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { METHODS } from 'node:http'
import { test } from 'node:test'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { accessApp } from '../support/http/access.ts'
import { hurried } from '../support/http/app.ts'
import { anyText, assertRefused, check, encode, firstAnswer, jsonText, mutated, sendBytes } from '../support/http/fuzz.ts'
import { ask, consume, credentialsOf, produce, useToken } from '../support/http/requests.ts'
import { everything } from './http.suite.ts'

const nameCharacters = /^[A-Za-z0-9._-]+$/

/** Kafka's rule, as org.apache.kafka.common.internals.Topic.validate goes about it. */
function isTopic (name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && name.length <= 249 && nameCharacters.test(name) && !name.includes('\n')
}

test('fuzzing HTTP', async (t) => {
  // With access control, because it sees each request before anything else does.
  const { baseUrl, token } = await accessApp(t, { timeLeft: hurried })
  useToken(baseUrl, await token(...everything))
  let topics = 0
  const topic = (): string => `t${topics++}`

  await t.test('topic names', async () => {
    const near = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9._-]{1,40}$/),
      fc.integer({ min: 245, max: 255 }).map((length) => 'a'.repeat(length)),
      fc.constantFrom('.', '..', '...', '-', '_', 'a/b', 'a;b', 'a#b', 'a?b', 'consume', 'a\n', '\na', 'a%2fb', 'é', 'ａ'))
    await check(250, fc.tuple(fc.oneof(near, anyText), fc.boolean()), async ([name, everything]) => {
      const path = encode(name, everything)
      const answers = [await produce(baseUrl, path, '{"payload":1}'), await consume(baseUrl, path)]
      for (const answer of answers) {
        if (isTopic(name)) assert.equal(answer.status, 200, answer.text)
        else assert.equal(assertRefused(answer), 'invalid_topic')
      }
    })
  })

  await t.test('topic names with percent signs that may encode nothing', async () => {
    const part = fc.oneof(fc.stringMatching(/^%[0-9a-fA-F]{2}$/), fc.stringMatching(/^[%0-9a-zA-Z._~!$&'()*+,;=:@-]{1,4}$/))
    await check(150, fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('')), async (path) => {
      const answer = await consume(baseUrl, path)
      let name: string | undefined
      try { name = decodeURIComponent(path) } catch {}
      if (name === undefined) assert.equal(assertRefused(answer), 'malformed_request')
      else if (isTopic(name)) assert.equal(answer.status, 200, answer.text)
      else assert.equal(assertRefused(answer), 'invalid_topic')
    })
  })

  await t.test('query strings', async () => {
    const name = topic()
    for (const payload of [1, 2, 3]) await produce(baseUrl, name, `{"payload":${payload}}`)
    const bounds = [0n, 1n, 2n, 3n, 4n, 10n, 1000n, 1001n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n, 10n ** 30n, 10n ** 400n]
    const nearBound = fc.tuple(fc.constantFrom(...bounds), fc.integer({ min: -2, max: 2 })).map(([bound, by]) => String(bound + BigInt(by)))
    const value = fc.oneof({ arbitrary: nearBound, weight: 3 }, fc.constantFrom('earliest', 'latest', 'Latest', ''),
      fc.double().map(String), fc.stringMatching(/^[+-]?0?[0-9]{1,3}(\.0|e1|n|_0)?$/), anyText)
    const known = fc.constantFrom('offset', 'limit', 'max_bytes')
    const parameter = fc.tuple(fc.oneof({
      arbitrary: known,
      weight: 12
    }, fc.constantFrom('offset[]', 'offset[a]', 'OFFSET', ' limit', '__proto__'), anyText), value)

    const whole = /^[1-9][0-9]*$/
    const valid: Record<string, (text: string) => boolean> = {
      offset: (text) => text === 'earliest' || text === 'latest' || (whole.test(text) && BigInt(text) <= BigInt(Number.MAX_SAFE_INTEGER)),
      limit: (text) => whole.test(text),
      max_bytes: (text) => whole.test(text)
    }
    await check(400, fc.array(parameter, { maxLength: 3 }), async (parameters) => {
      const query = parameters.map(([parameter, text]) => `${encodeURIComponent(parameter)}=${encodeURIComponent(text)}`).join('&')
      const answer = await consume(baseUrl, name, `?${query}`)
      const names = parameters.map(([parameter]) => parameter)
      const good = new Set(names).size === names.length &&
        parameters.every(([parameter, text]) => Object.hasOwn(valid, parameter) && valid[parameter]!(text))
      if (!good) {
        assert.equal(assertRefused(answer), 'invalid_request')
        return
      }
      const { offset = '1', limit = '10', max_bytes: bytes } = Object.fromEntries(parameters) as Record<string, string>
      const from = offset === 'latest' ? 4 : offset === 'earliest' ? 1 : Number(offset)
      if (from > 4) {
        assert.equal(assertRefused(answer), 'offset_out_of_range')
        return
      }
      assert.equal(answer.status, 200, answer.text)
      const last = Math.min(3, from - 1 + Number(limit))
      const expected = [1, 2, 3].filter((n) => n >= from && n <= last)
      const page = JSON.parse(answer.text) as { messages: Array<{ offset: number }>, next_offset: number }
      const offsets = page.messages.map((message) => message.offset)
      // How many messages fit into `max_bytes` is not this test's business; that one always comes is.
      if (bytes === undefined) assert.deepEqual(offsets, expected)
      else assert.deepEqual(offsets, expected.slice(0, Math.max(offsets.length, Math.min(1, expected.length))))
      assert.equal(page.next_offset, from + offsets.length)
    })
  })

  await t.test('query strings of any characters a URL may have', async () => {
    await check(150, fc.stringMatching(/^([!-~]|offset|limit|[&=%[\]]){0,12}$/), async (query) => {
      const answer = await consume(baseUrl, 'never-written', `?${query.replaceAll('#', '')}`)
      if (answer.status !== 200) assertRefused(answer)
    })
  })

  await t.test('paths and methods', async () => {
    const pieces = fc.constantFrom('topics', 'a', 'produce', 'consume', 'health', 'ready', 'v1', 'docs', 'static', 'json', 'errors',
      'index.html', 'openapi.json', '', '.', '..', '%2e%2e', '%00', '%5c', '%2f', ';', ':', '*', '%zz', 'package.json')
    const methods = METHODS.filter((method) => method !== 'CONNECT')
    await check(250, fc.tuple(
      fc.constantFrom('GET', 'GET', 'POST', ...methods),
      fc.constantFrom('/', '/topics/', '/docs/', '/docs/static/'),
      fc.array(pieces, { maxLength: 4 })
    ), async ([method, start, path]) => {
      const answer = await ask(baseUrl, { method, path: start + path.join('/') })
      if (answer.status >= 400 && method !== 'HEAD') assertRefused(answer)
      assert(answer.status < 500)
    })
  })

  await t.test('request headers', async () => {
    // Framing is the next test's; these either have no meaning here, or must not have one.
    const names = fc.constantFrom(
      'accept', 'accept-encoding', 'accept-version', 'authorization', 'cookie', 'expect', 'forwarded', 'if-match', 'if-modified-since',
      'if-none-match', 'origin', 'range', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-http-method-override',
      'content-type', 'content-encoding', '__proto__', 'constructor', 'upgrade-insecure-requests'
    )
    const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,30}$/)
      .filter((name) => !/^(content-length|transfer-encoding|connection|upgrade|host|te|trailer|x-request-id)$/i.test(name))
    const value = fc.oneof(fc.stringMatching(/^[\t -~\u0080-\u00ff]{0,40}$/),
      fc.constantFrom('*/*', 'text/event-stream', 'bytes=5-', '"', 'application/json', '100-continue'))
    await check(250, fc.array(fc.tuple(fc.oneof(names, token), value), { maxLength: 6 }), async (headers) => {
      const lines = [
        'GET /topics/a-topic/consume HTTP/1.1', 'host: x', 'connection: close', `authorization: ${credentialsOf(baseUrl).authorization}`,
        ...headers.map(([name, text]) => `${name}: ${text}`)
      ]
      const answer = firstAnswer(await sendBytes(baseUrl, Buffer.from(lines.join('\r\n') + '\r\n\r\n', 'latin1')))
      // The one with the token is there already.
      const several = headers.some(([name]) => name.toLowerCase() === 'authorization')
      assert.equal(answer?.status, several ? 401 : 200, answer?.text)
    })
  })

  await t.test('Authorization', async () => {
    const valid = await token('consume:a')
    const value = fc.oneof(
      fc.stringMatching(/^[\t -~\u0080-\u00ff]{0,80}$/),
      fc.stringMatching(/^(Bearer|bearer|Basic|BEARER) {0,2}[A-Za-z0-9._~+\/=-]{0,60}$/),
      mutated(fc.constant(`Bearer ${valid}`)).map((bytes) => bytes.toString('latin1')),
      fc.constantFrom(`Bearer ${valid}`, `bearer  ${valid}`, `Bearer ${valid}\t`, `Bearer ${valid}=`, `Bearer ${valid.slice(8)}`)
    ).filter((text) => !/[\0\r\n]/.test(text))
    let taken = 0
    await check(300, value, async (text) => {
      const lines = ['GET /topics/a/consume HTTP/1.1', 'host: x', 'connection: close', `authorization: ${text}`]
      const answer = firstAnswer(await sendBytes(baseUrl, Buffer.from(lines.join('\r\n') + '\r\n\r\n', 'latin1')))
      assert(answer !== undefined)
      const isValid = new RegExp(`^bearer +${valid}$`, 'i').test(text.trim()) && text.includes(valid)
      if (isValid) taken++
      if (isValid) assert.equal(answer.status, 200, answer.text)
      else assert(['unauthorized', 'malformed_request', 'rate_limited'].includes(assertRefused(answer)), answer.text)
      assert(!answer.text.includes(valid.slice(-20)))
    })
    assert(taken > 10, 'not much of a test')
  })

  await t.test('x-request-id: one that is sane comes back, another is replaced', async () => {
    const value = fc.oneof(fc.stringMatching(/^[\w.:=@+/-]{1,40}$/), fc.integer({ min: 126, max: 131 }).map((length) => 'x'.repeat(length)),
      fc.stringMatching(/^[!-~]([ -~\u0080-\u00ff]{0,40}[!-~])?$/))
    await check(100, value, async (id) => {
      const sane = /^[\w.:=@+/-]{1,128}$/.test(id)
      const { headers } = await ask(baseUrl, { path: '/health', headers: { 'x-request-id': id } })
      if (sane) assert.equal(headers['x-request-id'], id)
      else assert.match(headers['x-request-id'] as string, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    })
  })

  await t.test('content types', async () => {
    const type = fc.oneof(fc.stringMatching(/^[!-~]([ -~\u0080-\u00ff]{0,40}[!-~])?$/), fc.tuple(
      fc.constantFrom(
        'application/json', 'Application/JSON', 'application/x-ndjson', 'application/jsonp', 'application/json5', 'application/ndjson',
        'application/x-json', 'text/json', 'text/plain', 'application', 'application/*'
      ),
      fc.constantFrom('', ';', '; charset=utf-8', '; charset=latin1', ';charset="UTF-8"', '; charset', ', text/plain', '; x=y'))
      .map((parts) => parts.join('')))
    await check(150, type, async (given) => {
      const answer = await ask(baseUrl, {
        method: 'POST',
        path: `/topics/${topic()}/produce`,
        headers: { 'content-type': given },
        body: '{"payload":1}'
      })
      if (answer.status !== 200) assert.equal(assertRefused(answer), 'unsupported_media_type')
      const [kind, ...parameters] = given.split(';')
      if (![
        'application/json', 'application/x-ndjson'
      ].includes(kind!.trim().toLowerCase())) assert.equal(answer.status, 415, 'another type of content was taken')
      else if (parameters.length === 0) assert.equal(answer.status, 200, answer.text)
    })
  })

  await t.test('bytes that are almost HTTP', async () => {
    const line = fc.constantFrom(
      'content-length: 5', 'content-length: -1', 'content-length: 99', 'transfer-encoding: chunked', 'transfer-encoding: x',
      'expect: 100-continue', 'connection: upgrade', 'upgrade: h2c', 'connection: close', 'host: a', 'host: a b', ' folded',
      'content-type: application/json', ': x'
    )
    const start = fc.constantFrom(
      'POST /topics/raw/produce HTTP/1.1', 'GET /health HTTP/1.1', 'GET /topics/raw/consume HTTP/1.0', 'GET http://x/health HTTP/1.1',
      'GET * HTTP/1.1', 'OPTIONS * HTTP/1.1', 'CONNECT a:1 HTTP/1.1', 'PRI * HTTP/2.0', 'GET /topics/\u00e9/consume HTTP/1.1',
      'GET health HTTP/1.1'
    )
    const body = fc.constantFrom('', '{"payload":1}', '5\r\n{"pay\r\n8\r\nload":1}\r\n0\r\n\r\n', 'zz\r\n')
    const request = fc.tuple(start, fc.array(line, { maxLength: 4 }), body)
      .map(([first, lines, rest]) => `${[first, ...lines].join('\r\n')}\r\n\r\n${rest}`)
    const bytes = fc.oneof(mutated(request), request.map((text) => Buffer.from(text)), fc.uint8Array({ maxLength: 200 })
      .map((array) => Buffer.from(array)))
    await check(250, bytes, async (sent) => {
      const answer = firstAnswer(await sendBytes(baseUrl, sent))
      // `GET *` is taken for the root, which leads elsewhere.
      if (answer !== undefined && answer.status >= 400) assertRefused(answer)
      else if (answer !== undefined) assert([200, 302].includes(answer.status))
    })
    assert.equal((await ask(baseUrl, { path: '/health' })).status, 200)
  })

  await t.test('bodies of any bytes', async () => {
    const body = fc.oneof({
      weight: 3,
      arbitrary: mutated(jsonText.map((payload) => `{"payload":${payload},"key":"k","headers":{"a":"b"}}`))
    },
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)), jsonText.map((text) => Buffer.from(text)))
    await check(300, body, async (bytes) => {
      const answer = await produce(baseUrl, topic(), bytes)
      const code = answer.status === 200 ? undefined : assertRefused(answer)
      if (bytes.length === 0) assert.equal(code, 'missing_body')
      else if (!isUtf8(bytes)) assert.equal(code, 'invalid_encoding')
      else {
        let value: unknown
        try { value = JSON.parse(bytes.toString()) } catch {
          assert.equal(code, 'malformed_json')
          return
        }
        if (code === undefined) {
          assert(typeof value === 'object' && value !== null &&
          Object.hasOwn(value, 'payload'), 'there was no payload')
        } else assert.equal(code, 'invalid_request')
      }
    })
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  })

  await t.test('batches and lines of any bytes', async () => {
    const message = fc.tuple(jsonText, fc.constantFrom('', ',"key":"k"', ',"headers":{"a":"b"}', ',"payload":1'))
      .map(([payload, rest]) => `{"payload":${payload}${rest}}`)
    const messages = fc.array(message, { maxLength: 4 })
    const isJson = (text: string): boolean => {
      try {
        JSON.parse(text)
        return true
      } catch {
        return false
      }
    }
    const forms = {
      'application/json': { body: messages.map((all) => `{"messages":[${all.join()}]}`), isJson },
      'application/x-ndjson': {
        body: fc.tuple(messages, fc.constantFrom('\n', '\r\n', '\n\n', ' '))
          .map(([all, end]) => all.map((one) => one.replaceAll('\n', ' ') + end).join('')),
        isJson: (text: string) => text.split('\n').filter((line) => !/^[ \t\r]*$/.test(line)).every(isJson)
      }
    }
    for (const [type, { body, isJson }] of Object.entries(forms)) {
      const seen = new Set<string>()
      await check(300, fc.oneof(body.map((text) => Buffer.from(text)), mutated(body)), async (bytes) => {
        const name = topic()
        const answer = await ask(baseUrl, {
          method: 'POST',
          path: `/topics/${name}/produce`,
          headers: { 'content-type': type },
          body: bytes
        })
        const code = answer.status === 200 ? 'taken' : assertRefused(answer)
        seen.add(code)
        if (bytes.length === 0) assert.equal(code, 'missing_body')
        else if (!isUtf8(bytes)) assert.equal(code, 'invalid_encoding')
        else if (!isJson(bytes.toString())) assert.equal(code, 'malformed_json')
        else assert(['taken', 'invalid_request', 'missing_body'].includes(code), code)
        // All or nothing.
        const { count = 0 } = JSON.parse(answer.text) as { count?: number }
        const page = JSON.parse((await consume(baseUrl, name)).text) as { messages: unknown[] }
        assert.equal(page.messages.length, count)
      })
      for (const code of ['taken', 'invalid_request', 'malformed_json', 'invalid_encoding']) {
        assert(seen.has(code), `not much of a test: no ${code} in ${type}`)
      }
    }
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  })

  await t.test('nesting: taken in payloads up to 512 levels, and nowhere else', async () => {
    const depth = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 508, max: 516 }), fc.integer({ min: 1_000, max: 200_000 }))
    const level = fc.constantFrom(['[', ']'], ['{"a":', '}'], ['{"a":1,"b":', ',"c":[]}'], ['[0,', ',{}]'], [' [\r\n', '\t] '])
    const place = fc.constantFrom('payload', 'payload', 'payload', 'key', 'headers', 'header', 'other')
    const input = fc.record({ depth, level, place, closed: fc.boolean(), form: fc.constantFrom('one', 'batch', 'lines') })
    await check(200, input, async ({ depth, level: [open, close], place, closed, form }) => {
      const asLines = form === 'lines'
      const value = (open.repeat(depth - 1) + '[]' + (closed ? close.repeat(depth - 1) : '')).replaceAll(/[\r\n]/g, asLines ? ' ' : '\n')
      const member = {
        payload: `"payload":${value}`,
        key: `"payload":1,"key":${value}`,
        headers: `"payload":1,"headers":${value}`,
        header: `"payload":1,"headers":{"h":${value}}`,
        other: `"payload":1,"x":${value}`
      }[place]
      const body = { one: `{${member}}`, batch: `{"messages":[{"payload":0},{${member}}]}`, lines: `{"payload":0}\n{${member}}` }[form]
      const answer = await ask(baseUrl, {
        method: 'POST',
        path: `/topics/${topic()}/produce`,
        headers: { 'content-type': asLines ? 'application/x-ndjson' : 'application/json' },
        body
      })
      const valid = closed || depth === 1
      if (answer.status === 200) assert(valid && place === 'payload' && depth <= 512, `${place} of ${depth} levels was taken`)
      else {
        const code = assertRefused(answer)
        // The object of the headers is itself no level: what is counted begins with their values.
        const levels = place === 'headers' && open.startsWith('{') ? depth - 1 : depth
        if (levels > 512) assert.equal(code, 'invalid_request')
        else if (!valid) assert.equal(code, 'malformed_json')
        else assert(code === 'invalid_request' && place !== 'payload', `${place} of ${depth} levels was refused`)
      }
    })
  })

  await t.test('numbers of members: taken exactly when they are within the bounds', async () => {
    const count = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 65_533, max: 65_540 }), fc.integer({ min: 995, max: 50_000 }))
    const name = fc.constantFrom(
      (i: number) => String(i), (i: number) => `n${i}`, (i: number) => 'é'.repeat(i % 7) + i, (i: number) => `\\u0061${i}`
    )
    await check(100, fc.record({
      count,
      name,
      what: fc.constantFrom('headers', 'others', 'batch', 'lines')
    }), async ({ count, name, what }) => {
      const names = Array.from({ length: count }, (_, i) => name(i))
      const members = names.map((text) => `"${text}":"v"`).join()
      const body = {
        headers: `{"payload":1,"headers":{${members}}}`,
        others: `{"payload":1${count === 0 ? '' : `,${members}`}}`,
        batch: `{"messages":[${names.map((text) => `{"payload":"${text}"}`).join()}]}`,
        lines: names.map((text) => `{"payload":"${text}"}\n`).join('')
      }[what]
      const bytes = names.reduce((sum, text) => sum + Buffer.byteLength(JSON.parse(`"${text}"`) as string) + 1, 0)
      const good = {
        headers: bytes <= 8_192, others: count === 0, batch: count >= 1 && count <= 65_536, lines: count >= 1 && count <= 65_536
      }[what]
      const answer = await ask(baseUrl, {
        method: 'POST',
        path: `/topics/${topic()}/produce`,
        headers: { 'content-type': what === 'lines' ? 'application/x-ndjson' : 'application/json' },
        body
      })
      if (good) assert.equal(answer.status, 200, answer.text)
      else assert.equal(assertRefused(answer), what === 'lines' && count === 0 ? 'missing_body' : 'invalid_request')
    })
  })

  await t.test('batches and lines: what went in comes out', async () => {
    const line = (text: string): string => text.replaceAll(/[\r\n]/g, ' ')
    await check(150, fc.tuple(fc.array(jsonText, { minLength: 1, maxLength: 6 }), fc.boolean()), async ([payloads, asLines]) => {
      const name = topic()
      const messages = payloads.map((payload) => `{"payload":${asLines ? line(payload) : payload}}`)
      const body = asLines ? messages.join('\n') : `{"messages":[${messages.join()}]}`
      const headers = { 'content-type': asLines ? 'application/x-ndjson' : 'application/json' }
      const answer = await ask(baseUrl, { method: 'POST', path: `/topics/${name}/produce`, headers, body })
      assert.equal(answer.text, `{"topic":"${name}","offset":1,"last_offset":${payloads.length},"count":${payloads.length}}`)
      const { text } = await ask(baseUrl, { path: `/topics/${name}/consume`, headers: { accept: 'application/x-ndjson' } })
      const stored = text.replaceAll(/"timestamp":\d{13}\}\n/g, '"timestamp":T}\n')
      assert.equal(stored, payloads.map((payload, i) => `{"offset":${i + 1},"payload":${line(payload).trim()},"timestamp":T}\n`).join(''))
    })
  })

  await t.test('compressed bodies of any bytes', async () => {
    const packed = fc.constantFrom(...[
      gzipSync, zstdCompressSync, brotliCompressSync
    ].map((pack) => pack('{"payload":[1,2,3,"a","a","a"]}').toString('latin1')))
    const damaged = fc.oneof(mutated(packed)
      .map((bytes) => Buffer.from(bytes.toString(), 'latin1')), fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)))
    const name = fc.oneof({
      weight: 5,
      arbitrary: fc.constantFrom('gzip', 'br', 'zstd')
    }, fc.constantFrom('identity', 'deflate', 'gzip;q=1'), fc.stringMatching(/^[!-~]{1,20}$/))
    await check(300, fc.tuple(damaged, name), async ([body, encoding]) => {
      const answer = await ask(baseUrl, {
        method: 'POST',
        path: `/topics/${topic()}/produce`,
        headers: { 'content-type': 'application/json', 'content-encoding': encoding },
        body
      })
      if (answer.status !== 200) assertRefused(answer)
    })
  })

  await t.test('JSON bodies: taken exactly when the members are right', async () => {
    const name = fc.oneof({
      arbitrary: fc.constantFrom('payload', 'key', 'headers'),
      weight: 10
    }, fc.constantFrom('__proto__', 'constructor', 'Payload', 'messages'), anyText)
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), anyText, fc.dictionary(anyText, anyText, { maxKeys: 3 }),
      fc.integer({ min: 1022, max: 1026 })
        .map((length) => 'x'.repeat(length)), fc.integer({ min: 8190, max: 8194 }).map((length) => ({ h: 'x'.repeat(length - 1) })),
      fc.constant({ polluted: true }))
    const isHeaders = (given: unknown): boolean => typeof given === 'object' && given !== null && !Array.isArray(given) &&
      Object.values(given).every((text) => typeof text === 'string') && Buffer.byteLength(Object.entries(given).flat().join('')) <= 8192
    const good: Record<string, (given: unknown) => boolean> = {
      payload: () => true,
      key: (given) => typeof given === 'string' && Buffer.byteLength(given) <= 1024,
      headers: isHeaders
    }
    await check(250, fc.uniqueArray(fc.tuple(name, value), { selector: ([member]) => member, maxLength: 4 }), async (members) => {
      const body = `{${members.map(([member, given]) => `${JSON.stringify(member)}:${JSON.stringify(given)}`).join()}}`
      const answer = await produce(baseUrl, topic(), body)
      const taken = members.some(([member]) => member === 'payload') &&
        members.every(([member, given]) => Object.hasOwn(good, member) && good[member]!(given))
      if (taken) assert.equal(answer.status, 200, answer.text)
      else assert.equal(assertRefused(answer), 'invalid_request')
    })
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  })

  await t.test('what went in comes out: payloads to the byte, keys and headers by value', async () => {
    const line = (text: string): string => text.replaceAll(/[\r\n]/g, ' ')
    const headers = fc.dictionary(fc.oneof(anyText, fc.string({ unit: 'binary' })), anyText, { maxKeys: 4 })
    await check(300, fc.record({
      payload: jsonText,
      key: fc.option(anyText),
      headers: fc.option(headers)
    }), async ({ payload, key, headers }) => {
      const name = topic()
      const rest = (key === null ? '' : `,"key":${JSON.stringify(key)}`) + (headers === null ? '' : `,"headers":${JSON.stringify(headers)}`)
      assert.equal((await produce(baseUrl, name, `{"payload":${payload}${rest}}`)).text, `{"topic":"${name}","offset":1}`)
      const { text } = await consume(baseUrl, name)
      const opening = '{"messages":[{"offset":1,"payload":'
      assert.equal(line(text.slice(opening.length, opening.length + payload.length)), line(payload))
      assert.match(text.slice(opening.length + payload.length), /^,"timestamp":\d{13}[,}]/)
      const [message] = (JSON.parse(text) as { messages: Array<{ key?: string, headers?: Record<string, string> }> }).messages
      assert.equal(message!.key, key ?? undefined)
      assert.deepEqual(Object.entries(message!.headers ?? {}).sort(), Object.entries(headers ?? {}).sort())
    })
  })
})
