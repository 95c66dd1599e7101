import { builtinModules } from 'node:module'
import type { Plugin } from 'esbuild'

/** A property of a module, as `fs.ReadStream`, in a module of its own. */
const getter = 'builtin-getter'
/** For `import()`, whose importers may use all exports. */
const dynamic = 'builtin-dynamic'

/**
 * Gets Node's own modules by `process.getBuiltinModule`. The `import` statement would read all properties of `node:http`, and those that
 * are getters load more of Node: 45 ms of CPU time at every start. Here, a property is read only if somebody imports it by its name, and
 * a getter only when the chunk of that importer is loaded.
 */
export const builtins: Plugin = {
  name: 'builtins',
  setup (build) {
    const names = builtinModules.filter((name) => !name.startsWith('_')).map((name) => name.replace(/^node:/, '')).join('|')
    build.onResolve({ filter: new RegExp(`^(node:)?(${names})$`) }, ({ path, kind }) => {
      // A `require` is that of the banner.
      if (kind === 'require-call' || kind === 'require-resolve') return { path, external: true }
      return { path: path.replace(/^node:/, ''), namespace: kind === 'dynamic-import' ? dynamic : 'builtin' }
    })
    build.onResolve({ filter: /^/, namespace: 'builtin' }, ({ path }) => ({ path, namespace: getter, sideEffects: false }))
    build.onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => {
      const { properties, getters } = propertiesOf(path)
      return { contents: [...exports(path, properties), ...getters.map((key) => `export { ${key} } from '${path}.${key}'`)].join('\n') }
    })
    build.onLoad({ filter: /^/, namespace: getter }, ({ path }) => {
      const [module = '', key = ''] = path.split('.')
      return { contents: exports(module, [key]).join('\n') }
    })
    build.onLoad({ filter: /^/, namespace: dynamic }, ({ path }) => ({ contents: exports(path, propertiesOf(path).properties).join('\n') }))
  }
}

/** What CommonJS packages get their modules of Node by. */
export const requireBanner = 'const require = process.getBuiltinModule;'

function propertiesOf (name: string): { readonly properties: string[], readonly getters: string[] } {
  const described = Object.entries(Object.getOwnPropertyDescriptors(process.getBuiltinModule(`node:${name}`)))
    .filter(([key]) => /^\w+$/.test(key) && key !== 'default')
  const keys = (isGetter: boolean): string[] => described.filter(([, property]) => isGetter === ('get' in property)).map(([key]) => key)
  return { properties: keys(false), getters: keys(true) }
}

function exports (name: string, keys: readonly string[]): string[] {
  return [
    `const builtin = process.getBuiltinModule('node:${name}')`,
    'const get = (key) => builtin[key]',
    'export default builtin',
    // Pure, so that esbuild leaves out those that nobody imports.
    ...keys.map((key) => `const _${key} = /* @__PURE__ */ get('${key}')`),
    `export { ${keys.map((key) => `_${key} as ${key}`).join(', ')} }`
  ]
}
