import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createMemoryTokenStore } from '../../../src/adapters/memory/token-store.ts'
import { drawToken, hashOf, idOf, randomText } from '../../../src/domain/access/token-text.ts'
import { encodeToken } from '../../../src/domain/access/token-codec.ts'
import { type NewToken, Tokens, type TokensDeps } from '../../../src/domain/access/tokens.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { StoreError, type StoreFailure } from '../../../src/ports/errors.ts'
import type { TokenStore } from '../../../src/ports/token-store.ts'
import { JumpingClock } from '../../support/jumping-clock.ts'
import { answerLost, failing, type Faults, withFaults } from '../../support/storage/faults.ts'

const { tokenCacheMs, unknownTokensBurst, unknownTokensPerSecond } = defaultLimits
const wanted: NewToken = { name: 'ci', allow: ['produce:orders.*', 'metrics'] }

/** Tokens over a memory store whose calls are counted, and can be made to fail. */
function open (deps: Partial<TokensDeps> = {}) {
  const clock = new JumpingClock()
  const store = createMemoryTokenStore()
  const faults: Faults<TokenStore> = {}
  const calls = { read: 0, create: 0, remove: 0, list: 0 }
  const counted = new Proxy(withFaults(store, faults), {
    get (target, name: keyof TokenStore) {
      calls[name]++
      return target[name].bind(target)
    }
  })
  const warnings: string[] = []
  const options = { store: counted, clock, warn: (text: string) => { warnings.push(text) }, ...deps }
  return { clock, store, faults, calls, warnings, options, tokens: new Tokens(options), another: () => new Tokens(options) }
}

describe('a token that was created', () => {
  test('is found with what it may do, and is stored only as a hash', async () => {
    const { tokens, store, clock } = open()
    const created = await tokens.create({ ...wanted, expiresInMs: 1_000, requestsPerSecond: 5 }, 'admin \u001b[31m')
    const token = {
      ...wanted, createdAtMs: clock.wallMs, createdBy: 'admin ?[31m', expiresAtMs: clock.wallMs + 1_000, requestsPerSecond: 5
    }
    assert.deepEqual(created, { text: created.text, id: idOf(created.text), token })
    const { grants, ...principal } = (await tokens.find(created.text))!
    assert.deepEqual(principal, {
      kind: 'token', id: created.id, name: 'ci', expiresAtMs: clock.wallMs + 1_000, requestsPerSecond: 5
    })
    assert.deepEqual([grants.may('produce', 'orders.eu'), grants.may('consume', 'orders.eu'), grants.metrics], [true, false, true])
    const { text } = (await store.read(created.id))!
    assert.equal(text, encodeToken({ hash: hashOf(created.text), ...token }))
    assert(!text.includes(created.text.slice(-39)), 'the secret is not stored')
    assert.deepEqual(await tokens.describe(created.id), { id: created.id, token })
    assert.deepEqual(await tokens.list('', 10), { tokens: [{ id: created.id, token }] })
  })

  test('has at most one expiry, in the future, and keeps the rules for its members', async () => {
    const { tokens, clock, calls } = open()
    const now = clock.wallMs
    const most = Number.MAX_SAFE_INTEGER
    const long = 'x'.repeat(129)
    const refused: Array<[Partial<NewToken>, string]> = [
      [{ name: '' }, 'name: expected 1 to 128 characters, without control characters and invisible ones, got ""'],
      [{ name: long }, `name: expected 1 to 128 characters, without control characters and invisible ones, got "${'x'.repeat(60)}…"`],
      ...['a\nb', '\u001b[1m', '\u0085', '\u202e', '\u2028', '\ufeff', '\ud800', 'a\u200bb'].map((name): [Partial<NewToken>, string] => [
        { name }, `name: expected 1 to 128 characters, without control characters and invisible ones, got ${JSON.stringify(name)}`
      ]),
      [{ allow: [] }, 'allow: expected an array of 1 to 100 grants, such as produce:orders.*, got none'],
      [
        { allow: Array.from({ length: 101 }, () => 'metrics') },
        'allow: expected an array of 1 to 100 grants, such as produce:orders.*, got 101'
      ],
      [{ allow: ['metrics', 'consume:a/b'] }, 'allow.1: expected metrics, or one of produce, consume, groups, admin with a colon and ' +
        'a topic or a prefix and *, such as produce:orders.*, got "consume:a/b"'],
      [{ expiresAtMs: now }, `expires_at: expected a whole number above ${now} because of the server's time, got ${now}`],
      [{ expiresAtMs: now + 1, expiresInMs: 1 }, 'expires_in_ms: expected nothing beside expires_at, got both'],
      ...[0, -1, 0.5, NaN, most].map((expiresInMs): [Partial<NewToken>, string] => [
        { expiresInMs }, `expires_in_ms: expected a whole number from 1 to ${most - now} because of the server's time, got ${expiresInMs}`
      ]),
      [{ requestsPerSecond: 0 }, 'rate.requests: expected a whole number from 1 to 1000000, got 0']
    ]
    for (const [change, message] of refused) {
      await assert.rejects(tokens.create({ ...wanted, ...change }, 'me'), { code: 'invalid_request', message })
    }
    assert.equal(calls.create, 0)
    for (const change of [{ name: '😀'.repeat(128) }, { name: 'Bestellungen größe' }, { expiresAtMs: most }, { requestsPerSecond: 1e6 }]) {
      await tokens.create({ ...wanted, ...change }, 'me')
    }
  })

  test('is created once, although the answer to its creation was lost', async () => {
    const { tokens, faults, store } = open()
    let lost = 0
    faults.create = async (call) => lost++ === 0 ? await answerLost(call) : await call()
    const { text, id } = await tokens.create(wanted, 'me')
    assert.equal(lost, 2)
    assert.deepEqual((await store.list('', 10)).ids, [id])
    assert.equal((await tokens.find(text))?.name, 'ci')
  })

  test('does not take the id of another one', async () => {
    let drawn = 0
    const id = () => `${'0'.repeat(11)}${drawn++ < 2 ? 0 : 1}`
    const { tokens, store } = open({ randomText: (chars) => chars === 12 ? id() : randomText(chars) })
    const [one, other] = [await tokens.create(wanted, 'me'), await tokens.create(wanted, 'me')]
    assert.deepEqual([one.id, other.id], ['000000000000', '000000000001'])
    assert.deepEqual((await store.list('', 10)).ids, [one.id, other.id])
    drawn = -100
    await assert.rejects(tokens.create(wanted, 'me'), { code: 'internal' })
  })

  test('is listed page by page, without those that were removed meanwhile', async () => {
    const { tokens, faults, store } = open()
    const ids: string[] = []
    for (let i = 0; i < 25; i++) ids.push((await tokens.create({ ...wanted, name: `${i}` }, 'me')).id)
    const seen: string[] = []
    for (let after: string | undefined = ''; after !== undefined;) {
      const page = await tokens.list(after, 10)
      seen.push(...page.tokens.map(({ id }) => id))
      after = page.next
    }
    assert.deepEqual(seen, ids.toSorted())
    faults.list = async (call) => {
      const found = await call()
      await store.remove(seen[1]!)
      return found
    }
    assert.deepEqual((await tokens.list('', 3)).tokens.map(({ id }) => id), [seen[0], seen[2]])
  })
})

describe('a token that is sent', () => {
  test('is looked up once in tokenCacheMs, also by requests that come together', async () => {
    const { tokens, clock, calls, another } = open()
    const { text } = await tokens.create(wanted, 'me')
    const server = another()
    const found = await Promise.all(Array.from({ length: 50 }, async () => await server.find(text)))
    assert.equal(new Set(found).size, 1)
    assert.equal(found[0]?.name, 'ci')
    await clock.sleep(tokenCacheMs - 1)
    assert.equal(server.find(text), found[0], 'at once, without a promise')
    assert.equal(calls.read, 1)
    await clock.sleep(1)
    const again = server.find(text)
    assert(again instanceof Promise)
    assert.equal(await again, found[0], 'the same principal, since tokens never change')
    assert.equal(calls.read, 2)
  })

  test('is refused without a look-up if it is malformed', async () => {
    const { tokens, calls } = open()
    const { text } = await tokens.create(wanted, 'me')
    const changed = text.slice(0, -1) + (text.endsWith('0') ? '1' : '0')
    const others = ['', 'x', text + ' ', ` ${text}`, text.slice(0, -1), changed, 'x'.repeat(60), 'x'.repeat(100_000), '\0'.repeat(60)]
    for (const other of others) {
      assert.equal(tokens.find(other), undefined)
    }
    assert.equal(calls.read, 0)
    await tokens.find(text)
    assert.equal(tokens.find(changed), undefined, 'also if the id is known')
    assert.equal(tokens.find('Streams_' + text.slice(8)), undefined)
  })

  test('with the id of another one is refused, and costs no further reads', async () => {
    const { tokens, calls } = open()
    const { text, id } = await tokens.create(wanted, 'me')
    const forged = () => drawToken((chars) => chars === 12 ? id : randomText(chars))
    assert.equal(await tokens.find(forged()), undefined)
    for (let i = 0; i < 1_000; i++) assert.equal(tokens.find(forged()), undefined)
    assert.notEqual(tokens.find(text), undefined)
    assert.equal(calls.read, 1)
  })

  test('is refused from its expiry on, also while it is remembered', async () => {
    const { tokens, clock } = open()
    const { text } = await tokens.create({ ...wanted, expiresInMs: 1_000 }, 'me')
    assert.notEqual(await tokens.find(text), undefined)
    await clock.sleep(999)
    assert.notEqual(tokens.find(text), undefined)
    await clock.sleep(1)
    assert.equal(tokens.find(text), undefined)
    await clock.sleep(tokenCacheMs)
    assert.equal(await tokens.find(text), undefined, 'as it is when it is looked up')
  })

  test('that is revoked is refused at once here, and within tokenCacheMs elsewhere', async () => {
    const { tokens, clock, another } = open()
    const { text, id } = await tokens.create(wanted, 'me')
    const other = another()
    assert.notEqual(await tokens.find(text), undefined)
    assert.notEqual(await other.find(text), undefined)
    await tokens.revoke(id)
    assert.equal(await tokens.find(text), undefined)
    assert.notEqual(other.find(text), undefined)
    await clock.sleep(tokenCacheMs)
    assert.equal(await other.find(text), undefined)
    await assert.rejects(tokens.revoke(id), { code: 'token_not_found', message: `There is no access token with the id "${id}".` })
    await assert.rejects(tokens.describe(id), { code: 'token_not_found' })
  })

  test('that is revoked while it is looked up is refused by all requests after the revocation', async () => {
    const { tokens, faults } = open()
    const { text, id } = await tokens.create(wanted, 'me')
    faults.read = async (call) => {
      const found = await call()
      assert.notEqual(found, undefined)
      await tokens.revoke(id)
      return found
    }
    assert.equal(await tokens.find(text), undefined)
    assert.equal(tokens.find(text), undefined)
  })

  test('that is revoked although the answer to the removal was lost is revoked', async () => {
    const { tokens, faults, store } = open()
    const { id } = await tokens.create(wanted, 'me')
    let lost = 0
    faults.remove = async (call) => lost++ === 0 ? await answerLost(call) : await call()
    await tokens.revoke(id)
    assert.equal(await store.read(id), undefined)
  })
})

describe('a clock that is set', () => {
  test('forward makes remembered tokens old, and lets tokens expire', async () => {
    const { tokens, clock, calls } = open()
    const { text } = await tokens.create({ ...wanted, expiresInMs: 3_600_000 }, 'me')
    await tokens.find(text)
    clock.wallMs += tokenCacheMs
    assert.notEqual(await tokens.find(text), undefined)
    assert.equal(calls.read, 2)
    clock.wallMs += 3_600_000
    assert.equal(await tokens.find(text), undefined)
  })

  test('back does not let a token be believed for longer', async () => {
    const { tokens, clock, calls, store } = open()
    const { text, id } = await tokens.create(wanted, 'me')
    await tokens.find(text)
    clock.wallMs -= 86_400_000
    await store.remove(id)
    assert.notEqual(tokens.find(text), undefined)
    await clock.sleep(tokenCacheMs)
    assert.equal(await tokens.find(text), undefined)
    assert.equal(calls.read, 2)
  })
})

describe('a store that fails', () => {
  test('is an error of the storage, never a pass, and is not remembered', async () => {
    const { tokens, faults, calls, another } = open()
    const { text } = await tokens.create(wanted, 'me')
    const codes: Array<[StoreFailure, string]> = [
      ['throttled', 'storage_throttled'], ['unavailable', 'storage_unavailable'], ['timeout', 'storage_unavailable'],
      ['misconfigured', 'storage_misconfigured']
    ]
    for (const [failure, code] of codes) {
      const server = another()
      faults.read = failing(failure, 'none')
      const before = calls.read
      const asked = server.find(text)
      await assert.rejects(Promise.resolve(asked), { code })
      assert.equal(calls.read - before, failure === 'misconfigured' ? 1 : defaultLimits.callAttemptsMax)
      faults.read = undefined as never
      assert.notEqual(await server.find(text), undefined, 'it is asked again at once')
    }
    faults.read = () => Promise.reject(new TypeError('a mistake'))
    await assert.rejects(Promise.resolve(another().find(text)), { code: 'internal' })
  })

  test('is no failure of a token that was looked up just now', async () => {
    const { tokens, faults, clock } = open()
    const { text } = await tokens.create(wanted, 'me')
    await tokens.find(text)
    faults.read = failing('unavailable', 'none')
    await clock.sleep(tokenCacheMs - 1)
    assert.notEqual(tokens.find(text), undefined)
    await clock.sleep(1)
    await assert.rejects(Promise.resolve(tokens.find(text)), { code: 'storage_unavailable' })
    faults.read = undefined as never
    assert.notEqual(await tokens.find(text), undefined)
  })

  test('that never answers ends as an error in time', async () => {
    const { tokens, faults, clock } = open()
    const { text } = await tokens.create(wanted, 'me')
    faults.read = () => new Promise(() => {})
    const before = clock.monotonic()
    await assert.rejects(Promise.resolve(tokens.find(text)), { code: 'storage_unavailable' })
    assert.equal(clock.monotonic() - before, defaultLimits.tokenReadTimeoutMs)
  })

  test('is told by the methods that manage tokens', async () => {
    const { tokens, faults } = open()
    for (const name of ['create', 'read', 'remove', 'list'] as const) faults[name] = failing('full', 'none')
    const calls = [() => tokens.create(wanted, 'me'), () => tokens.describe('a'), () => tokens.revoke('a'), () => tokens.list('', 1)]
    for (const call of calls) {
      await assert.rejects(call(), (error) => (error as Error & { code: string }).code === 'storage_full' &&
        (error as Error).cause instanceof StoreError)
    }
  })
})

describe('what is stored of a token and can\'t be read', () => {
  test('is refused and remembered, told once, listed, and can be revoked', async () => {
    const { tokens, store, calls, clock, warnings } = open()
    const text = drawToken(randomText)
    const id = idOf(text)
    await store.create({ id, text: `{"v":1,"sha256":"${hashOf(text)}"}` })
    for (let i = 0; i < 100; i++) assert.equal(await tokens.find(text), undefined)
    assert.equal(calls.read, 1)
    await clock.sleep(tokenCacheMs)
    assert.equal(await tokens.find(text), undefined)
    const warning = `What is stored of the access token ${id} can't be read, so it is refused: revoke it, and create another one`
    assert.deepEqual(warnings, [warning])
    assert.deepEqual(await tokens.list('', 10), { tokens: [{ id, token: undefined }] })
    await tokens.revoke(id)
    assert.deepEqual(await tokens.list('', 10), { tokens: [] })
  })
})

describe('a flood of tokens that were made up', () => {
  /** How many of so many unknown tokens, sent one after the other at one time, are not looked up. */
  async function flood (tokens: Tokens, count: number): Promise<number> {
    const answers = await Promise.all(Array.from({ length: count }, async () => {
      try {
        return await tokens.find(drawToken(randomText))
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'rate_limited')
        assert.deepEqual((error as { details?: object }).details, { retry_after: 1 })
        return 'refused'
      }
    }))
    assert(answers.every((answer) => answer === undefined || answer === 'refused'))
    return answers.filter((answer) => answer === 'refused').length
  }

  test('costs a bounded number of reads, at once and in a second', async () => {
    const { tokens, calls, clock } = open()
    assert.equal(await flood(tokens, 1_000), 1_000 - unknownTokensBurst)
    assert.equal(calls.read, unknownTokensBurst)
    for (let second = 1; second <= 5; second++) {
      await clock.sleep(1_000)
      assert.equal(await flood(tokens, 1_000), 1_000 - unknownTokensPerSecond)
      assert.equal(calls.read, unknownTokensBurst + second * unknownTokensPerSecond)
    }
    await clock.sleep(3_600_000)
    await flood(tokens, 1_000)
    assert.equal(calls.read, 2 * unknownTokensBurst + 5 * unknownTokensPerSecond, 'no more than the burst is saved up')
  })

  test('does not shut out tokens that were known before, remembered or not', async () => {
    const { tokens, clock } = open()
    const { text } = await tokens.create(wanted, 'me')
    await tokens.find(text)
    await flood(tokens, 1_000)
    assert.notEqual(tokens.find(text), undefined)
    await clock.sleep(tokenCacheMs)
    await flood(tokens, 1_000)
    assert.notEqual(await tokens.find(text), undefined)
  })

  test('does not use up what tokens need that exist', async () => {
    const { tokens, calls, another } = open()
    const texts: string[] = []
    for (let i = 0; i < 3 * unknownTokensBurst; i++) texts.push((await tokens.create({ ...wanted, name: `${i}` }, 'me')).text)
    const server = another()
    for (const text of texts) assert.notEqual(await server.find(text), undefined)
    assert.equal(calls.read, texts.length)
    assert.equal(await flood(server, 2 * unknownTokensBurst), unknownTokensBurst, 'the whole burst is there still')
  })

  test('is remembered up to a bound: one token that is sent again and again costs one read', async () => {
    const limits = { ...defaultLimits, unknownTokensMax: 10, unknownTokensBurst: 1_000 }
    const { tokens, calls } = open({ limits })
    const texts = Array.from({ length: 11 }, () => drawToken(randomText))
    for (let i = 0; i < 100; i++) assert.equal(await tokens.find(texts[0]!), undefined)
    assert.equal(calls.read, 1)
    for (const text of texts) await tokens.find(text)
    assert.equal(calls.read, 11)
    await tokens.find(texts[10]!)
    assert.equal(calls.read, 11, 'the newest are remembered')
    await tokens.find(texts[0]!)
    assert.equal(calls.read, 12, 'the oldest was forgotten')
  })

  test('with many tokens that exist, memory is bounded by bytes', async () => {
    const limits = { ...defaultLimits, tokenCacheBytes: 20_000 }
    const { tokens, calls, another } = open({ limits })
    const texts: string[] = []
    for (let i = 0; i < 50; i++) texts.push((await tokens.create(wanted, 'me')).text)
    const server = another()
    for (const text of texts) await server.find(text)
    assert.notEqual(server.find(texts.at(-1)!), undefined)
    assert.equal(calls.read, 50)
    await server.find(texts[0]!)
    assert.equal(calls.read, 51, 'the least recently used are read again')
  })
})
