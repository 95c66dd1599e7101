import type { Plugin } from 'esbuild'

const stops = 'throw new Error("This is not part of the function that was built")'
const lazy = (name: string): string => `module.exports = new Proxy({}, { get: (_, key) => process.getBuiltinModule("${name}")[key] })`

/** Parts of packages that a function never runs, or not before its first answer, and what stands in their place. */
const replaced: ReadonlyArray<{ readonly why: string, readonly file: RegExp, readonly contents: string }> = [
  {
    why: 'loadLambdaSettings refuses a data folder, and CloudWatch has the metrics.',
    file: /\/src\/adapters\/(sqlite|prometheus)\//,
    contents: stops
  },
  {
    why: 'Fastify requires its own compilers unless it gets others: see schemaController.',
    file: /\/node_modules\/@fastify\/(ajv-compiler|fast-json-stringify-compiler)\//,
    contents: stops
  },
  {
    why: 'Which plugins fit which version of Fastify was checked when the app was started for this build.',
    file: /\/node_modules\/semver\/index\.js$/,
    contents: 'module.exports = { satisfies: () => true, gt: () => false, coerce: (version) => version }'
  },
  {
    why: 'Only the proxy of this function makes requests with it.',
    file: /\/node_modules\/light-my-request\/lib\/config-validator\.js$/,
    contents: 'module.exports = () => true'
  },
  {
    why: 'The log is written by this thread, without transports.',
    file: /\/node_modules\/pino\/lib\/(transport|multistream)\.js$/,
    contents: 'module.exports = () => { throw new Error("This is not part of the function that was built") }'
  }
]

export const leftOut = (root: string): Plugin => ({
  name: 'left-out',
  setup (build) {
    // TypeBox exports an object of all its functions. Of a module of them, esbuild leaves out those that nobody calls.
    build.onResolve({ filter: /^@sinclair\/typebox$/ }, ({ importer }) =>
      importer.includes('/node_modules/') ? undefined : { path: 'type', namespace: 'typebox' })
    build.onLoad({ filter: /^/, namespace: 'typebox' }, () => (
      { contents: 'export * as Type from "./node_modules/@sinclair/typebox/build/esm/type/type/type.mjs"', resolveDir: root }))
    for (const { file, contents } of replaced) build.onLoad({ filter: file }, () => ({ contents }))
    // Fastify requires them for servers that a function does not have. They load a third of Node's own code for networks.
    build.onResolve({ filter: /^node:(https|http2|dns)$/ }, ({ path, importer }) =>
      /\/node_modules\/fastify\//.test(importer) ? { path, namespace: 'lazy' } : undefined)
    build.onLoad({ filter: /^/, namespace: 'lazy' }, ({ path }) => ({ contents: lazy(path) }))
  }
})
