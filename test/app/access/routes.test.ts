import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addAccess } from '../../../src/app/access/access.ts'
import { noAuthenticator } from '../../../src/app/access/authenticator.ts'
import Fastify, { type RouteOptions } from 'fastify'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { bearer } from '../../support/http/access.ts'
import { memoryApp } from '../../support/http/app.ts'

/** The routes that need nothing. All others are answered with 401 without a token. */
const open = ['/', '/docs', '/docs/*', '/docs/errors', '/health', '/openapi.json', '/ready']

/** What each other route needs. */
const needs: Record<string, string> = {
  'GET /topics': 'list',
  'GET /topics/:topic': 'consume:t',
  'PUT /topics/:topic': 'admin:t',
  'DELETE /topics/:topic': 'admin:t',
  'POST /topics/:topic/produce': 'produce:t',
  'POST /topics/:topic/close': 'produce:t',
  'POST /topics/:topic/trim': 'admin:t',
  'GET /topics/:topic/consume': 'consume:t',
  'GET /topics/:topic/groups': 'groups:t',
  'GET /topics/:topic/groups/:group': 'groups:t',
  'PUT /topics/:topic/groups/:group': 'groups:t',
  'DELETE /topics/:topic/groups/:group': 'groups:t',
  'PUT /topics/:topic/groups/:group/offset': 'groups:t',
  'POST /topics/:topic/groups/:group/redrive': 'groups:t',
  'POST /topics/:topic/groups/:group/receive': 'groups:t',
  'POST /topics/:topic/groups/:group/ack': 'groups:t',
  'POST /topics/:topic/groups/:group/nack': 'groups:t',
  'POST /topics/:topic/groups/:group/extend': 'groups:t',
  'POST /tokens': 'admin:*',
  'GET /tokens': 'admin:*',
  'GET /tokens/:id': 'admin:*',
  'DELETE /tokens/:id': 'admin:*'
}

test('every route declares what it needs, and asks for it', async (t) => {
  const { app, tokens } = memoryApp(t, { access: 'tokens', corsOrigins: ['*'] })
  const { text } = await tokens.create({ name: 'other', allow: ['admin:other'] }, 'a test')
  const routes: Array<{ method: string, url: string, access: string | undefined }> = []
  app.addHook('onRoute', ({ method, url, config }: RouteOptions & { url: string }) => {
    for (const one of [method].flat()) routes.push({ method: one, url, access: config?.access })
  })
  await app.ready()
  const seen = new Set<string>()
  for (const { method, url, access } of routes) {
    if (method === 'OPTIONS') continue
    if (open.includes(url) || url.startsWith('/docs/')) {
      assert(access === undefined || access === 'open', url)
      continue
    }
    const route = `${method === 'HEAD' ? 'GET' : method} ${url}`
    const need = needs[route]
    assert(need !== undefined && access !== undefined, `${method} ${url} is new: add it to this test, and to docs/access.md`)
    seen.add(route)
    for (const version of ['', '/v1']) {
      const path = version + url.replace(':topic', 't').replace(':group', 'g').replace(':id', 'x')
      const anonymous = await app.inject({ method: method as 'GET', url: path })
      assert.deepEqual([anonymous.statusCode, anonymous.headers['www-authenticate']], [401, 'Bearer realm="streams"'], `${method} ${url}`)
      const other = await app.inject({ method: method as 'GET', url: path, headers: bearer(text) })
      if (need === 'list') assert.equal(other.statusCode, 200)
      else {
        assert.equal(other.statusCode, 403, `${method} ${url}`)
        assert.equal(other.headers['www-authenticate'], `Bearer realm="streams", error="insufficient_scope", scope="${need}"`)
        if (method !== 'HEAD') assert.equal(other.json<{ detail: string }>().detail, `The token does not allow ${need}.`)
      }
    }
  }
  assert.deepEqual([...seen].sort(), Object.keys(needs).sort())
})

test('a route that does not say what it needs prevents the start', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  addAccess(app, { authenticator: noAuthenticator, limits: defaultLimits })
  assert.throws(() => app.get('/topics/:topic/new', async () => ''),
    /GET \/topics\/:topic\/new: expected config.access, what the route needs, got nothing/)
  assert.throws(() => app.get('/new', { config: { access: 'consume' } }, async () => ''), /GET \/new: expected a topic in the path/)
})

interface Operation { readonly security?: unknown, readonly responses: object }

test('OpenAPI says of each operation which grant it needs', async (t) => {
  for (const access of ['tokens', undefined] as const) {
    const { app } = memoryApp(t, access === undefined ? {} : { access })
    const { paths, components } = (await app.inject('/openapi.json'))
      .json<{ paths: Record<string, Record<string, Operation>>, components: { securitySchemes: object } }>()
    assert.deepEqual(components.securitySchemes, {
      bearer: { type: 'http', scheme: 'bearer', description: 'An access token, or a JWT of the issuer that the server trusts.' }
    })
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { security, responses }] of Object.entries(methods)) {
        const need = needs[`${method.toUpperCase()} ${path.replaceAll('{', ':').replaceAll('}', '')}`]
        if (need === undefined) assert.deepEqual([security, '401' in responses, open.includes(path)], [undefined, false, true], path)
        else {
          const grants = need === 'list' ? [] : [need.replace(':t', ':{topic}')]
          assert.deepEqual(security, [{ bearer: grants }, ...access === undefined ? [{}] : []], path)
          assert('401' in responses && '403' in responses)
        }
      }
    }
  }
})
