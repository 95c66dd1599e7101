import { App } from 'aws-cdk-lib'
import { ConfigError } from './lib/config.ts'
import { checkWithNag } from './lib/nag.ts'
import { addStacks } from './lib/stacks.ts'

const app = new App()
try {
  const stacks = addStacks(app)
  if (app.node.tryGetContext('nag') === 'true') checkWithNag(app, stacks)
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  console.error(`\n${error.message}\n`)
  process.exit(1)
}
