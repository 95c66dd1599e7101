import { builtinModules } from 'node:module'
import type { Plugin } from 'esbuild'

const builtin = 'builtin'
/** Of what is loaded later than the rest. With modules of its own, it shares none, and each of them is part of a larger file. */
const builtinOfLate = 'builtin-of-late'
const late = /\/(node_modules\/(@aws-sdk|@smithy|@aws|bowser|jose)|src\/adapters\/(aws|s3|dynamodb))\//
const required = 'builtin-required'
/** Of `import()`, whose importers may use all exports. */
const dynamic = 'builtin-dynamic'

/**
 * Gets Node's own modules by `process.getBuiltinModule`. The `import` statement would read all properties of `node:http`, and those that
 * are getters load more of Node: 45 ms of CPU time at every start. Here, only properties that somebody imports by name are read, and no
 * getters for `import()`. `node:crypto` takes 5 ms, so its functions load it when they are called, which `/health` does not.
 */
export const builtins: Plugin = {
  name: 'builtins',
  setup (build) {
    const names = builtinModules.filter((name) => !name.startsWith('_')).map((name) => name.replace(/^node:/, '')).join('|')
    build.onResolve({ filter: new RegExp(`^(node:)?(${names})$`) }, ({ path, kind, importer }) => {
      const name = path.replace(/^node:/, '')
      // Another `require` is that of the banner.
      if (kind === 'require-call') return name === loadedWhenCalled ? { path: name, namespace: required } : { path, external: true }
      if (kind === 'dynamic-import') return { path: name, namespace: dynamic }
      return { path: name, namespace: late.test(importer) ? builtinOfLate : builtin }
    })
    for (const namespace of [builtin, builtinOfLate]) {
      build.onLoad({ filter: /^/, namespace }, ({ path }) => ({ contents: sourceOf(path, () => true) }))
    }
    build.onLoad({ filter: /^/, namespace: required }, ({ path }) => ({ contents: requiredFunctions(path) }))
    build.onLoad({ filter: /^/, namespace: dynamic }, ({ path }) => ({ contents: sourceOf(path, (property) => 'value' in property) }))
  }
}

const loadedWhenCalled = 'crypto'

/** What CommonJS packages get their modules of Node by. */
export const requireBanner = 'const require = process.getBuiltinModule;'

/** For a CommonJS package that uses functions only. */
function requiredFunctions (name: string): string {
  return `module.exports = new Proxy({}, { get: (_, key) => (...given) => process.getBuiltinModule('node:${name}')[key](...given) })`
}

/** @param isExported gets the descriptor of a property */
function sourceOf (name: string, isExported: (property: PropertyDescriptor) => boolean): string {
  const module = `process.getBuiltinModule('node:${name}')`
  const isCalled = (key: string, { value }: PropertyDescriptor): boolean => (
    name === loadedWhenCalled && typeof value === 'function' && /^[a-z]/.test(key))
  const properties = Object.entries(Object.getOwnPropertyDescriptors(process.getBuiltinModule(`node:${name}`)))
    .filter(([key, property]) => /^\w+$/.test(key) && key !== 'default' && isExported(property))
  return [
    `const get = (key) => ${module}[key]`,
    `export default /* @__PURE__ */ (() => ${module})()`,
    // Pure, so that esbuild leaves out those that nobody imports.
    ...properties.map(([key, property]) => isCalled(key, property)
      ? `const _${key} = (...given) => ${module}.${key}(...given)`
      : `const _${key} = /* @__PURE__ */ get('${key}')`),
    `export { ${properties.map(([key]) => `_${key} as ${key}`).join(', ')} }`
  ].join('\n')
}
