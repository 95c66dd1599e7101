import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Type } from '@sinclair/typebox'
import { buildFunction } from '../../scripts/bundle/build.ts'
import { Type as PlainType } from '../../scripts/bundle/plain-types.ts'
import { markRunOnce } from '../../scripts/bundle/run-once.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('the built function is small, needs nothing but Node, and has what it must not have', async (t) => {
  const folder = temporaryFolder(t)
  const { entryBytes, gzipBytes, metafile } = await buildFunction(folder)

  await t.test('its size is bounded: what is loaded at every start, and all code as the zip has it', () => {
    assert(entryBytes <= 700 * 1024, `index.mjs has ${entryBytes} bytes`)
    assert(gzipBytes <= 350 * 1024, `all code has ${gzipBytes} bytes, compressed`)
  })

  await t.test('the entry has no AWS SDK; nothing has compilers of schemas, Swagger UI, prom-client or SQLite', () => {
    const filesIn = (isIn: (output: string) => boolean): string[] => Object.entries(metafile.outputs)
      .filter(([output]) => isIn(output))
      // What stops where somebody tries to use it has some bytes, and a package may leave a constant.
      .flatMap(([, { inputs }]) => Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 500).map(([input]) => input))
    const unwanted = /\/(ajv|fast-json-stringify|prom-client|typebox|swagger|swagger-ui)\/|\/adapters\/(sqlite|prometheus)\//
    assert.deepEqual(filesIn((output) => output.endsWith('/index.mjs')).filter((input) => /@aws-sdk|@smithy|\/jose\//.test(input)), [])
    assert.deepEqual(filesIn(() => true).filter((input) => unwanted.test(input)), [])
  })

  await t.test('it starts in a folder without packages, and calls nobody before a request comes', () => {
    const script = 'const { handler, streamHandler, sweepHandler } = await import("./index.mjs")\n' +
      'console.log(typeof handler, typeof streamHandler, typeof sweepHandler)'
    const run = (environment: Record<string, string>): string => execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
      env: { AUTH: 'none', AWS_LAMBDA_FUNCTION_NAME: 'f', ...environment }
    })
    // An address that refuses connections: a call would be an error in the log, and would keep the process alive.
    const aws = { BUCKET_NAME: 'bucket', COUNTERS_TABLE: 'table', AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }
    assert.equal(run(aws), 'function function function\n')
    assert.throws(() => run({ ...aws, AUTH: 'tokens,nothing', RATE_LIMIT: '0' }),
      /SettingsError\]: AUTH: expected one of none, tokens, jwt, "tokens,jwt", platform, got "tokens,nothing"\nRATE_LIMIT: expected/)
  })

  await t.test('what takes long to load is not loaded by the start', () => {
    const script = 'const loaded = []\n' +
      'const { getBuiltinModule } = process\n' +
      'process.getBuiltinModule = (name) => { loaded.push(name.replace("node:", "")); return getBuiltinModule(name) }\n' +
      'await import("./index.mjs")\n' +
      'console.log(loaded.join())'
    const loaded = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder, encoding: 'utf8', env: { AUTH: 'none', AWS_LAMBDA_FUNCTION_NAME: 'f', BUCKET_NAME: 'bucket', COUNTERS_TABLE: 'table' }
    }).trim().split(',')
    assert(loaded.includes('http'), loaded.join())
    assert.deepEqual(loaded.filter((name) => ['crypto', 'https', 'http2', 'dns', 'assert/strict'].includes(name)), [])
  })

  await t.test('the licences of all packages in it are there', () => {
    const text = readFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), 'utf8')
    for (const name of ['fastify', '@aws-sdk/client-s3', 'jose']) assert.match(text, new RegExp(`^${name} [0-9]`, 'm'))
    assert(readdirSync(folder).includes('openapi-tokens.json'))
  })
})

test('modules of packages are marked as functions that run, and nothing else is changed', () => {
  const before = 'var h=(f)=>f,a=h((e,t)=>{t.x=e}),b=h(()=>{let c=(d)=>{d()}}),c=h(x=>x),d=h(1);const e=h((f,g)=>{return f});h((i)=>{});'
  const after = 'var h=(f)=>f,a=h((function(e,t){t.x=e})),b=h((function(){let c=(d)=>{d()}})),c=h(x=>x),d=h(1);' +
    'const e=h((function(f,g){return f}));h((i)=>{});'
  assert.equal(markRunOnce(before), after)
})

test('the schemas without TypeBox are the same', () => {
  const schemas = (type: typeof Type): unknown => {
    const named = type.Object({ a: type.Optional(type.String({ pattern: '^a' })), b: type.Integer({ minimum: 1 }) }, { $id: 'Named' })
    return [
      named,
      type.Array(named, { minItems: 1 }),
      type.Boolean(),
      type.Literal('a', { description: 'b' }),
      type.Literal(1),
      type.Literal(true),
      type.Null(),
      type.Number(),
      type.Object({ all: type.Optional(named) }, { additionalProperties: false }),
      type.Object({}),
      type.Record(type.String(), type.String({ 'x-expected': 'c' }), { title: 'd' }),
      type.Ref(named),
      type.Union([type.Literal('a'), type.Null()], { default: 'a' }),
      type.Unknown({ description: 'e' }),
      type.Unsafe({ type: 'string' })
    ]
  }
  assert.deepEqual(JSON.parse(JSON.stringify(schemas(PlainType as never))), JSON.parse(JSON.stringify(schemas(Type))))
})
