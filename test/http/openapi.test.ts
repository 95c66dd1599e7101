import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { createMemoryTokenStore } from '../../src/adapters/memory/token-store.ts'
import { encodeToken } from '../../src/domain/access/token-codec.ts'
import { hurried, listeningApp } from '../support/http/app.ts'
import { anyText, check } from '../support/http/fuzz.ts'
import { mostlyDescribed, type OpenApi, type Operation, type Schema } from '../support/http/openapi.ts'
import { type Answer, ask, produce, send } from '../support/http/requests.ts'

/** The extensions that the document carries, written again from their description. */
function validator (document: OpenApi): Ajv2020 {
  const bytes = (data: unknown): number => typeof data === 'string'
    ? Buffer.byteLength(data)
    : Object.entries(data as object).flat().reduce((sum: number, text) => sum + (typeof text === 'string' ? Buffer.byteLength(text) : 0), 0)
  const ajv = new Ajv2020({ strict: true, allErrors: true })
  ajv.addVocabulary(['x-expected', 'example', 'openapi', 'info', 'components', 'paths', 'tags', 'servers'])
  ajv.addKeyword({ keyword: 'x-max-bytes', type: ['string', 'object'], validate: (max: number, data: unknown) => bytes(data) <= max })
  ajv.addKeyword({ keyword: 'x-well-formed', type: 'string', validate: (_: true, data: string) => data.isWellFormed() })
  ajv.addFormat('date-time', (text: string) => /^\d{4}-/.test(text) && !Number.isNaN(Date.parse(text)))
  ajv.addKeyword({
    keyword: 'x-max-number', type: 'string', validate: (max: number, data: string) => !/^[0-9]+$/.test(data) || BigInt(data) <= BigInt(max)
  })
  ajv.addSchema(document, 'api')
  return ajv
}

function compiled (ajv: Ajv2020, schema: Schema): ValidateFunction {
  return ajv.compile(schema.$ref === undefined ? schema : { $ref: `api${schema.$ref}` })
}

test('the service is what /openapi.json says', async (t) => {
  const { baseUrl } = await listeningApp(t, { tokenStore, timeLeft: hurried, limits: { gapWaitMs: 1 } })
  const document = JSON.parse((await ask(baseUrl, { path: '/openapi.json' })).text) as OpenApi
  const ajv = validator(document)
  assert.equal(document.openapi, '3.1.0')

  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      await t.test(`${method.toUpperCase()} ${path}`, async () => { await conforms(baseUrl, ajv, path, method.toUpperCase(), operation) })
    }
  }
})

test('a body is required if the document says so', async (t) => {
  const { baseUrl } = await listeningApp(t, { timeLeft: hurried })
  const document = JSON.parse((await ask(baseUrl, { path: '/openapi.json' })).text) as OpenApi
  const operations = Object.entries(document.paths).flatMap(([path, methods]) => (
    Object.entries(methods).map(([method, { requestBody }]) => ({ path, method: method.toUpperCase(), requestBody }))))
  for (const { path, method, requestBody } of operations.filter((operation) => operation.requestBody !== undefined)) {
    const { status } = await ask(baseUrl, { method, path: path.replace('{topic}', 'a').replace('{group}', 'g') })
    assert.equal(status === 400, requestBody!.required, `${method} ${path}`)
  }
})

test('each error in the document has an example that is an answer of its status', async (t) => {
  const { baseUrl } = await listeningApp(t, { tokenStore })
  const document = JSON.parse((await ask(baseUrl, { path: '/openapi.json' })).text) as OpenApi
  const valid = compiled(validator(document), { $ref: '#/components/schemas/Problem' })
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const { responses } of Object.values(methods)) {
      for (const [status, { description, content = {} }] of Object.entries(responses).filter(([status]) => Number(status) >= 400)) {
        const { examples = {} } = content['application/problem+json']!
        assert.deepEqual(Object.keys(examples), [...description.matchAll(/`(\w+)`:/g)].map(([, code]) => code))
        for (const [code, { value }] of Object.entries(examples)) {
          assert(valid(value), `${path} ${code}: ${JSON.stringify(valid.errors)}`)
          const { status: its, code: itsCode, written, end } = value as { status: number, code: string, written?: string, end?: number }
          assert.deepEqual([its, itsCode], [Number(status), code])
          assert.equal(end !== undefined, ['offset_out_of_range', 'offset_mismatch', 'topic_closed'].includes(code))
          assert.equal(
            written !== undefined,
            /\/(produce|close)$/.test(path) && code !== 'request_timeout' && code !== 'request_headers_too_large',
            `${path} ${code}`
          )
        }
      }
    }
  }
})

test('parameters are numbers for clients', async (t) => {
  const { baseUrl } = await listeningApp(t)
  const document = JSON.parse((await ask(baseUrl, { path: '/openapi.json' })).text) as OpenApi
  const { parameters = [] } = document.paths['/topics/{topic}/consume']!['get']!
  assert.deepEqual(parameters.map(({ name, schema }) => [name, schema.type ?? schema.anyOf?.map(({ type }) => type)]), [
    ['offset', ['integer', 'string']],
    ['timestamp', ['integer', 'string']],
    ['limit', 'integer'],
    ['max_bytes', 'integer'],
    ['wait', 'number'],
    ['topic', 'string'],
    ['last-event-id', 'integer'],
    ['prefer', 'string']
  ])
})

/** What arrives as it was sent: no spaces around it, and Latin-1, as others are no characters of headers. */
const headerText = /^([!-~\u00a1-\u00ff]([\t -~\u00a1-\u00ff]*[!-~\u00a1-\u00ff])?)?$/

/** There is nothing to read, so a time to wait is a time that the test takes. */
const withoutWaiting = (seconds: string): string => /^[1-9][0-9]*$/.test(seconds) ? '0' : seconds

/** A parameter's text as the value that a client means by it: numbers are plain digits, with decimals where the type is not integer. */
function meant ({ type }: Schema, text: string): string | number | boolean {
  if (type === 'string') return text
  if (type === 'boolean') return text === 'true' || (text === 'false' ? false : text)
  return (type === 'number' ? /^(0|[1-9][0-9]*)(\.[0-9]{1,3})?$/ : /^(0|[1-9][0-9]*)$/).test(text) ? Number(text) : text
}

/** A topic that exists, a group of it, and a token, unless they were just deleted. */
const KNOWN = 'known'
const tokenStore = createMemoryTokenStore()

async function makeKnown (baseUrl: string): Promise<void> {
  // It may have been closed.
  await ask(baseUrl, { method: 'DELETE', path: `/topics/${KNOWN}` })
  await ask(baseUrl, { method: 'PUT', path: `/topics/${KNOWN}` })
  await ask(baseUrl, { method: 'PUT', path: `/topics/${KNOWN}/groups/${KNOWN}` })
  const record = { hash: '0'.repeat(64), name: 'x', allow: [], createdAtMs: 1, createdBy: 'x' }
  await tokenStore.create({ id: KNOWN, text: encodeToken(record) })
}

/** The id of a lease of the known group, with one message. The group is made anew, lest its bounds are reached. */
async function knownLease (baseUrl: string): Promise<string> {
  await ask(baseUrl, { method: 'DELETE', path: `/topics/${KNOWN}/groups/${KNOWN}?force=true` })
  await produce(baseUrl, KNOWN, '{"payload":1}')
  const { text } = await send(baseUrl, 'POST', `/topics/${KNOWN}/groups/${KNOWN}/receive`, { limit: 1 })
  return (JSON.parse(text) as { lease: { id: string } }).lease.id
}

const stateCodes = [
  'offset_out_of_range', 'topic_not_found', 'producer_\\w+', 'offset_mismatch', 'topic_closed', 'out_of_order', 'idempotency_conflict',
  'message_too_large', 'rate_limited', 'group_not_found', 'token_not_found', 'invalid_group_config', 'lease_lost', 'group_busy',
  'offset_conflict'
]
/** An id in the form of one, or an offset of another lease. */
const noSuchLease = /lease_id: expected the id of a lease, got \\"[\w-]{48}\\"|the last offset of the lease/
const refusedByState = new RegExp(`"code":"(${stateCodes.join('|')})"`)

interface Sent { readonly type: string, readonly text: string, readonly valid: boolean }

/** The document describes lines as the array of them; what is no array is one line. */
function inType (type: string, body: unknown, valid: ValidateFunction): Sent {
  if (type === 'application/json') return { type, text: JSON.stringify(body), valid: valid(body) }
  assert.equal(type, 'application/x-ndjson')
  const lines = Array.isArray(body) ? body as unknown[] : [body]
  return { type, text: lines.map((line) => JSON.stringify(line) + '\n').join(''), valid: valid(lines) }
}

/** The same with the id of a lease, if it has one that is none. */
async function withLease (baseUrl: string, sent: Sent): Promise<Sent> {
  const body = JSON.parse(sent.text) as Record<string, unknown>
  if (!sent.valid) return sent
  return { ...sent, text: JSON.stringify({ ...body, lease_id: await knownLease(baseUrl), offsets: undefined }) }
}

async function conforms (baseUrl: string, ajv: Ajv2020, path: string, method: string, operation: Operation): Promise<void> {
  const { parameters = [], requestBody, responses } = operation
  const validParameter = parameters.map(({ schema }) => compiled(ajv, schema))
  const bodies = Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => ({ type, schema, valid: compiled(ajv, schema) }))
  const answers = new Map(Object.entries(responses).map(([status, { content = {} }]) =>
    [status, new Map(Object.entries(content).map(([type, { schema }]) => [type, compiled(ajv, schema)]))]))

  const isOfLease = bodies.some(({ schema: { properties } }) => properties?.['lease_id'] !== undefined)
  const requests = fc.record({
    leased: fc.constant(isOfLease).chain((possible) => possible ? fc.boolean() : fc.constant(false)),
    values: fc.tuple(...parameters.map(({ name, in: where, schema, required }) => {
      const text = mostlyDescribed(schema).map((value) => typeof value === 'string' ? value : JSON.stringify(value))
      const sendable = where === 'header'
        ? text.filter((value) => headerText.test(value))
        : name === 'wait' ? text.map(withoutWaiting) : text
      // Without a name, it would be the path of the list.
      const value = where === 'path' ? fc.oneof(sendable.filter((name) => name !== ''), fc.constant(KNOWN)) : sendable
      // Most requests have few of many parameters.
      return required
        ? value
        : fc.oneof({ weight: parameters.length > 6 ? 1 : 5, arbitrary: value }, { weight: 2, arbitrary: fc.constant(null) })
    })),
    sent: bodies.length === 0
      ? fc.constant(undefined)
      : fc.oneof(...bodies.map(({ type, schema, valid }) => mostlyDescribed(schema).map((body) => inType(type, body, valid)))),
    unknown: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: anyText.map((text) => `x${text}`) }),
    otherType: fc.oneof({
      weight: 9,
      arbitrary: fc.constant(undefined)
    }, { weight: 1, arbitrary: fc.constantFrom('text/plain', 'application/xml') })
  })
  const seen = new Set<string>()
  const takesNothing = parameters.length === 0 && bodies.length === 0
  await check(takesNothing ? 10 : 300, requests, async ({ values, sent: sentAnyhow, leased, unknown, otherType }) => {
    const sent = leased ? await withLease(baseUrl, sentAnyhow!) : sentAnyhow
    const given = parameters.map(({ name, in: where, schema }, i) => ({
      name,
      where,
      value: leased && where === 'path' ? KNOWN : values[i] ?? null,
      schema,
      valid: validParameter[i]!
    }))
      .filter((parameter): parameter is typeof parameter & { value: string } => parameter.value !== null)
    let url = path
    const headers: Record<string, string> = sent === undefined ? {} : { 'content-type': otherType ?? sent.type }
    const query: string[] = unknown === undefined ? [] : [`${encodeURIComponent(unknown)}=1`]
    for (const { name, where, value } of given) {
      if (where === 'path') url = url.replace(`{${name}}`, () => encodeURIComponent(value))
      else if (where === 'header') headers[name] = value
      else query.push(`${name}=${encodeURIComponent(value)}`)
    }
    if (method === 'DELETE' || seen.size === 0) await makeKnown(baseUrl)
    const answer = await ask(baseUrl, {
      method,
      path: query.length === 0 ? url : `${url}?${query.join('&')}`,
      headers,
      ...sent === undefined ? {} : { body: sent.text }
    })
    documented(answer, answers)
    seen.add(String(answer.status))

    const valid = given.every(({ valid, schema, value }) => valid(meant(schema, value))) &&
      (sent === undefined || (otherType === undefined && sent.valid))
    // Parameters that no operation documents are refused where there are documented ones, and do no harm elsewhere.
    const strict = parameters.some(({ in: where }) => where === 'query') && unknown !== undefined
    // What is valid by itself can contradict the topic's state, or another part of the request.
    const contradicts = refusedByState.test(answer.text) || / got both"| because of /.test(answer.text) ||
      noSuchLease.test(answer.text)
    if (valid && !strict && !contradicts) assert(answer.status < 300, `valid by the document: ${answer.text}`)
    else assert(answer.status >= 400 && answer.status < 500, `not valid by the document: ${answer.status} ${answer.text}`)
  })
  assert(
    [...seen].some((status) => status < '300') && (takesNothing || seen.has('400')),
    `not much of a test: only ${[...seen].join()}`
  )
}

function documented (answer: Answer, answers: ReadonlyMap<string, ReadonlyMap<string, ValidateFunction>>): void {
  const { status, headers, text } = answer
  assert(status < 500, text)
  const types = answers.get(String(status))
  assert(types !== undefined, `status ${status} is not documented`)
  if (status === 204) {
    assert.equal(text, '')
    return
  }
  const [type] = (headers['content-type'] as string).split(';')
  const validate = types.get(type!)
  assert(validate !== undefined, `${type} is not documented for ${status}`)
  assert(validate(JSON.parse(text)), `not the documented body: ${JSON.stringify(validate.errors)} of ${text.slice(0, 500)}`)
}
