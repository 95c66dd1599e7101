import { join } from 'node:path'
import type { Plugin } from 'esbuild'

const stops = 'throw new Error("This is not part of the function that was built")'
/** A module of Node that is loaded when it is used. `assert` is used when it fails. */
const lazy = (name: string): string => name === 'node:assert'
  ? 'module.exports = (value, message) => { if (!value) process.getBuiltinModule("node:assert")(value, message) }'
  : `module.exports = new Proxy({}, { get: (_, key) => process.getBuiltinModule("${name}")[key] })`

/** Parts of packages that a function never runs, or not before its first answer, and what stands in their place. */
const replaced: ReadonlyArray<{ readonly why: string, readonly file: RegExp, readonly contents: string }> = [
  {
    why: 'loadLambdaSettings refuses a data folder.',
    file: /\/src\/adapters\/sqlite\//,
    contents: stops
  },
  {
    why: 'For the specification and the page of errors, which the build has written.',
    file: /\/src\/app\/http\/error-help\.ts$/,
    contents: 'export const errorHelp = new Proxy({}, { get: () => ({}) })'
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
    why: 'The patterns of routes have no regular expressions.',
    file: /\/node_modules\/safe-regex2\/index\.js$/,
    contents: 'module.exports = () => true'
  },
  {
    why: 'A function has no proxies to trust: the event has the address.',
    file: /\/node_modules\/@fastify\/proxy-addr\/index\.js$/,
    contents: `module.exports = () => { ${stops} }`
  },
  {
    why: 'Errors are sent by the handler of the app.',
    file: /\/node_modules\/fastify\/lib\/error-serializer\.js$/,
    contents: 'module.exports = JSON.stringify'
  },
  {
    why: 'For developers.',
    file: /\/node_modules\/find-my-way\/lib\/pretty-print\.js$/,
    contents: 'module.exports = {}'
  },
  {
    why: 'The environment of a function has its credentials; a container gets them from an address. Nobody has a profile, or a token.',
    file: /\/node_modules\/@aws-sdk\/credential-provider-(sso|ini|process|login|web-identity)\/dist-es\/index\.js$/,
    contents: 'const skip = () => async () => { throw Object.assign(new Error("not on Lambda"), { tryNextLink: true }) };' +
      'export { skip as fromSSO, skip as fromIni, skip as fromProcess, skip as fromLoginCredentials, skip as fromTokenFile }'
  },
  {
    why: 'For browsers.',
    file: /\/node_modules\/bowser\//,
    contents: stops
  },
  {
    why: 'Requests and answers have no cookies.',
    file: /\/node_modules\/(cookie|set-cookie-parser)\//,
    contents: 'export {}'
  },
  {
    why: 'Nothing that is logged has members to leave out.',
    file: /\/node_modules\/@pinojs\/redact\/index\.js$/,
    contents: `module.exports = () => { ${stops} }`
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
    build.onResolve({ filter: /^@sinclair\/typebox$/ }, () => ({ path: join(root, 'scripts/bundle/plain-types.ts') }))
    for (const { file, contents } of replaced) build.onLoad({ filter: file }, () => ({ contents }))
    // Required for servers that a function does not have, and for mistakes that it does not make. Together they load a third of Node.
    build.onResolve({ filter: /^node:(https|http2|dns|assert)$/ }, ({ path, importer }) =>
      /\/node_modules\/(fastify|find-my-way|light-my-request)\//.test(importer) ? { path, namespace: 'lazy' } : undefined)
    build.onLoad({ filter: /^/, namespace: 'lazy' }, ({ path }) => ({ contents: lazy(path) }))
  }
})
