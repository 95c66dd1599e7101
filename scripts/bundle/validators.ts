import { join } from 'node:path'
import type { AnySchema } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import type { Plugin } from 'esbuild'
import { createAjv } from '../../src/app/http/ajv.ts'
import { preparedAtStart } from '../../src/app/prepared.ts'
import { SettingsSchema } from '../../src/app/settings.schema.ts'
import { withApp } from './apps.ts'

/** The modules in place of the files built-validators.ts and check-setting.ts, with the validators of all schemas. */
export function validators (root: string): Plugin {
  return {
    name: 'validators',
    setup (build) {
      const resolveDir = join(root, 'src/app/http')
      build.onLoad({ filter: /\/scripts\/bundle\/built-validators\.ts$/ }, async () => (
        { contents: `${sourceOf(await schemasOfApp())}\nexport const builtValidators = (name) => validators[name]`, resolveDir }))
      build.onLoad({ filter: /\/src\/app\/check-setting\.ts$/ }, () => ({
        contents: `${sourceOf(schemasOfSettings(), false)}\nexport const checkSetting = (name, _, value) => validators[name](value)`,
        resolveDir
      }))
    }
  }
}

function schemasOfSettings (): ReadonlyMap<string, string> {
  return new Map(Object.entries(SettingsSchema.properties).map(([name, schema]) => [name, JSON.stringify(schema)]))
}

/** The schemas that an app with all routes asks validators for, by name, as JSON. */
export async function schemasOfApp (): Promise<ReadonlyMap<string, string>> {
  const schemas = new Map<string, string>()
  const { docs, validators } = preparedAtStart()
  const collect: typeof validators = (name, schema) => {
    const text = JSON.stringify(schema)
    if ((schemas.get(name) ?? text) !== text) throw new Error(`${name}: expected one schema of this name, got two`)
    schemas.set(name, text)
    return validators(name, schema)
  }
  await withApp('tokens', () => {}, { docs, validators: collect })
  return schemas
}

/** Keywords for documents only. The code of a validator has its schema in it, for error messages, which need none of them. */
const prose = new Set(['description', 'example', 'title', 'x-openapi'])

/** For `JSON.parse`. A property may have the name of a keyword: then it is a schema, not a text. */
function withoutProse (this: object, key: string, value: unknown): unknown {
  return prose.has(key) && (key === 'x-openapi' || key === 'example' || typeof value === 'string') ? undefined : value
}

function sourceOf (schemas: ReadonlyMap<string, string>, verbose = true): string {
  const ajv = createAjv({ source: true, esm: true }, verbose)
  const texts = [...new Set(schemas.values())]
  texts.forEach((text, index) => { ajv.addSchema(JSON.parse(text, withoutProse) as AnySchema, `v${index}`) })
  const byName = [...schemas].map(([name, text]) => `${JSON.stringify(name)}: v${texts.indexOf(text)}`)
  return [
    'import { hasAtMostBytes } from "./keywords.ts"',
    standalone.default(ajv, Object.fromEntries(texts.map((_, index) => [`v${index}`, `v${index}`]))),
    `const validators = { ${byName.join(', ')} }`
  ].join('\n')
}
