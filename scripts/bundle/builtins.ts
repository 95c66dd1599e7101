import { builtinModules } from 'node:module'
import type { Plugin } from 'esbuild'

/**
 * Gets Node's own modules by `process.getBuiltinModule`. The `import` statement would read all exports of `node:http`, and some of them
 * load more of Node when they are read: 45 ms of CPU time at every start. Only the names that are used get into the bundle.
 */
export const builtins: Plugin = {
  name: 'builtins',
  setup (build) {
    const names = builtinModules.filter((name) => !name.startsWith('_')).map((name) => name.replace(/^node:/, '')).join('|')
    build.onResolve({ filter: new RegExp(`^(node:)?(${names})$`) }, ({ path, kind }) => {
      // A `require` is that of the banner.
      if (kind === 'require-call' || kind === 'require-resolve') return { path, external: true }
      return { path: path.replace(/^node:/, ''), namespace: 'builtin' }
    })
    build.onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => ({ contents: sourceOf(`node:${path}`) }))
  }
}

/** What CommonJS packages get their modules of Node by. */
export const requireBanner = 'const require = process.getBuiltinModule;'

function sourceOf (name: string): string {
  const exported = Object.keys(process.getBuiltinModule(name) as object).filter((key) => key !== 'default' && /^\w+$/.test(key))
  return [
    `const builtin = /* @__PURE__ */ process.getBuiltinModule('${name}')`,
    'export default builtin',
    // Each in a function, so that those that nobody imports can be left out.
    ...exported.map((key) => `const _${key} = /* @__PURE__ */ (() => builtin.${key})()`),
    `export { ${exported.map((key) => `_${key} as ${key}`).join(', ')} }`
  ].join('\n')
}
