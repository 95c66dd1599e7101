import { builtinModules } from 'node:module'
import type { Plugin } from 'esbuild'

const builtin = 'builtin'
/** Of what is loaded later than the rest. With modules of its own, it shares none, and each of them is part of a larger file. */
const builtinOfLate = 'builtin-of-late'
const late = /\/(node_modules\/(@aws-sdk|@smithy|@aws|bowser|jose)|src\/adapters\/(aws|s3|dynamodb))\//
/** Of `import()`, whose importers may use all exports. */
const dynamic = 'builtin-dynamic'

/**
 * Gets Node's own modules by `process.getBuiltinModule`. The `import` statement would read all properties of `node:http`, and those that
 * are getters load more of Node: 45 ms of CPU time at every start. Here, only properties that somebody imports by name are read, and no
 * getters for `import()`.
 */
export const builtins: Plugin = {
  name: 'builtins',
  setup (build) {
    const names = builtinModules.filter((name) => !name.startsWith('_')).map((name) => name.replace(/^node:/, '')).join('|')
    build.onResolve({ filter: new RegExp(`^(node:)?(${names})$`) }, ({ path, kind, importer }) => {
      // A `require` is that of the banner.
      if (kind === 'require-call' || kind === 'require-resolve') return { path, external: true }
      const name = path.replace(/^node:/, '')
      if (kind === 'dynamic-import') return { path: name, namespace: dynamic }
      return { path: name, namespace: late.test(importer) ? builtinOfLate : builtin }
    })
    for (const namespace of [builtin, builtinOfLate]) {
      build.onLoad({ filter: /^/, namespace }, ({ path }) => ({ contents: sourceOf(path, () => true) }))
    }
    build.onLoad({ filter: /^/, namespace: dynamic }, ({ path }) => ({ contents: sourceOf(path, (property) => 'value' in property) }))
  }
}

/** What CommonJS packages get their modules of Node by. */
export const requireBanner = 'const require = process.getBuiltinModule;'

/** @param isExported gets the descriptor of a property */
function sourceOf (name: string, isExported: (property: PropertyDescriptor) => boolean): string {
  const keys = Object.entries(Object.getOwnPropertyDescriptors(process.getBuiltinModule(`node:${name}`)))
    .filter(([key, property]) => /^\w+$/.test(key) && key !== 'default' && isExported(property))
    .map(([key]) => key)
  return [
    `const builtin = process.getBuiltinModule('node:${name}')`,
    'const get = (key) => builtin[key]',
    'export default builtin',
    // Pure, so that esbuild leaves out those that nobody imports.
    ...keys.map((key) => `const _${key} = /* @__PURE__ */ get('${key}')`),
    `export { ${keys.map((key) => `_${key} as ${key}`).join(', ')} }`
  ].join('\n')
}
