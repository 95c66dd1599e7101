import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import openapiTypes, { astToString, type OpenAPI3 } from 'openapi-typescript'
import ts from 'typescript'
import { Service } from '../../suite/service.ts'

/* package.json overrides which compiler openapi-typescript asks for: it works with version 6, but does not say so yet. */

const here = fileURLToPath(new URL('../', import.meta.url))
const config: unknown = ts.readConfigFile(`${here}tsconfig.json`, (file) => ts.sys.readFile(file)).config
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, here)
const asked = `
import type { Differences } from '../../test/support/openapi.ts'
export type Found = Differences<operations, components['schemas']>
`

/** @returns for each document the places in which the client's types differ, as the compiler finds them */
async function differences (documents: Readonly<Record<string, OpenAPI3>>): Promise<Record<string, string[]>> {
  // It stays, to look at.
  const folder = `${here}dist/openapi/`
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const files = Object.keys(documents).map((name) => `${folder}${name}.ts`)
  for (const [at, document] of Object.values(documents).entries()) {
    await writeFile(files[at]!, astToString(await openapiTypes(document, { silent: true })) + asked)
  }
  const program = ts.createProgram(files, options)
  const checker = program.getTypeChecker()
  const problems = ts.getPreEmitDiagnostics(program)
  assert.equal(ts.formatDiagnostics(problems, { ...ts.sys, getCanonicalFileName: String, getNewLine: () => '\n' }), '')
  return Object.fromEntries(Object.keys(documents).map((name, at) => {
    const file = checker.getSymbolAtLocation(program.getSourceFile(files[at]!)!)!
    const found = checker.getDeclaredTypeOfSymbol(file.exports!.get(ts.escapeLeadingUnderscores('Found'))!)
    const places = found.flags & ts.TypeFlags.Never ? [] : found.isUnion() ? found.types : [found]
    return [name, places.map((place) => place.isStringLiteral() ? place.value : `not compared: ${checker.typeToString(place)}`).sort()]
  }))
}

interface Schema { type: string, properties: Record<string, Schema>, anyOf: unknown[] }
interface Operation {
  readonly operationId: string
  readonly parameters?: unknown
  readonly requestBody?: unknown
  readonly responses: Readonly<Record<string, { readonly content?: object }>>
}

/** All that operations take and answer, with a member that the client does not know. */
function grow (text: string): { readonly grown: OpenAPI3, readonly places: string[] } {
  const grown = JSON.parse(text, (name, value: unknown) => {
    if (name === 'properties') return { ...value as object, added_member: { type: 'string' } }
    return name === 'parameters' ? [...value as unknown[], { in: 'query', name: 'added_member' }] : value
  }) as OpenAPI3
  const paths = Object.values(grown.paths as unknown as Record<string, Record<string, Operation>>)
  const places = paths.flatMap((path) => Object.values(path)).flatMap(({ operationId, parameters, requestBody, responses }) => {
    const answers = Object.values(responses).some(({ content = {} }) => 'application/json' in content)
    const parts = { query: parameters !== undefined, body: requestBody !== undefined, answer: answers }
    return Object.entries(parts).flatMap(([part, has]) => has ? [`${operationId}.${part}`] : [])
  })
  return { grown, places: places.sort() }
}

test('the types of the client are those of the OpenAPI document', { timeout: 120_000 }, async (t) => {
  // Only where AUTH names tokens does the service manage them.
  const service = await Service.start({ target: 'server-tokens' })
  t.after(() => service.close())
  const text = await (await fetch(`${service.url}/openapi.json`)).text()
  // Documents that the client does not fit, so that nothing is compared in vain.
  const { grown, places } = grow(text)
  const changed = JSON.parse(text) as OpenAPI3
  const { Acked, Problem, Topic } = changed.components!.schemas as unknown as Record<string, Schema>
  Acked!.properties['already']!.type = 'number'
  Problem!.properties['code']!.anyOf.push({ const: 'timeout' })
  delete Topic!.properties['end']
  const found = await differences({ document: JSON.parse(text) as OpenAPI3, grown, changed })
  assert.deepEqual(found['document'], [])
  assert.deepEqual(found['grown']!.filter((place) => /^\w+\.\w+$/.test(place)), places)
  assert.deepEqual(found['changed'], ['ack.answer', 'ack.answer.already', 'describeTopic.answer', 'describeTopic.answer.end',
    'putTopic.answer', 'putTopic.answer.end', 'receive.answer.acked', 'timeout'])
})
