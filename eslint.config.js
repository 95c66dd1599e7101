import { existsSync } from 'node:fs'
import neostandard from 'neostandard'
import tseslint from 'typescript-eslint'

// They have dependencies of their own. Without them, all that they import would have no types.
const notInstalled = ['infra', 'clients/checks'].filter((folder) => !existsSync(new URL(`${folder}/node_modules`, import.meta.url)))

export default [
  ...neostandard({ ts: true, ignores: ['node_modules', 'data', '**/dist', '.planted', 'infra/cdk.out', ...notInstalled] }),
  {
    rules: { '@stylistic/max-len': ['error', { code: 140, ignoreUrls: true }] }
  },
  {
    // They hold lines of the sources, some with a longer one in their place.
    files: ['test/simulation/*/planted-*faults.ts'],
    rules: { '@stylistic/max-len': 'off' }
  },
  {
    // A construct of the CDK adds itself to its scope.
    files: ['infra/**'],
    rules: { 'no-new': 'off' }
  },
  ...tseslint.configs.recommendedTypeCheckedOnly.map((config) => ({ ...config, files: ['**/*.{ts,tsx}'] })),
  {
    files: ['**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error', { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] }] }
      ],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true, allowNullish: true }]
    }
  }
]
