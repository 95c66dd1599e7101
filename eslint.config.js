import neostandard from 'neostandard'
import tseslint from 'typescript-eslint'

/**
 * The layer rule: imports point inward only. `ports` are the innermost layer (interfaces and the values they speak in),
 * `domain` calls them, `adapters` implement them, `app` speaks HTTP to the domain. Only the two entry files
 * (server.ts, lambda.ts, and what they share) join all of them. Type imports count.
 */
const forbid = (folder, others, why) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': ['error', {
      patterns: [
        { group: others.flatMap((other) => [`**/${other}/**`]), message: why },
        { group: ['**/server.ts', '**/lambda.ts', '**/wiring.ts'], message: 'Entry files are imported by nobody.' }
      ]
    }]
  }
})

export default [
  ...neostandard({ ts: true, ignores: ['node_modules', 'data', 'dist', '.planted'] }),
  ...tseslint.configs.recommendedTypeCheckedOnly.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] }] }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true, allowNullish: true }]
    }
  },
  forbid('ports', ['domain', 'adapters', 'app'], 'ports is the innermost layer: it imports nothing of the others.'),
  forbid('domain', ['adapters', 'app'], 'domain talks to the outside through ports only.'),
  forbid('adapters', ['domain', 'app'], 'an adapter knows its port, not who calls it.'),
  forbid('app', ['adapters'], 'app gets its adapters handed in.')
]
