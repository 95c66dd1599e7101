/**
 * Runs the AWS CDK on this app: `node infra/cli.ts deploy -c auth=tokens`. All arguments after the command are the CDK's own.
 * In the root: `npm run synth`, `npm run deploy`, and so on.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defaultProvider } from '@aws-sdk/credential-provider-node'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))
const cdk = fileURLToPath(new URL('node_modules/.bin/cdk', import.meta.url))

const [command = '', ...given] = process.argv.slice(2)
const withConsole = given.includes('console=true')
const builtFunction = fileURLToPath(new URL(`../dist/lambda${withConsole ? '-console' : ''}/index.mjs`, import.meta.url))
const namesStacks = given.some((argument) => argument.startsWith('ServerlessStreams') || argument === '--all')
const noFunction = ['-c', 'bundle=placeholder']
/** For commands that deploy no API: it need not be said who may use it. */
const noApi = ['-c', 'auth=none', ...noFunction]

const commands: Readonly<Record<string, () => Promise<string[]> | string[]>> = {
  synth: () => ['--quiet', '-c', 'nag=true', ...hasContext('bundle') || existsSync(builtFunction) ? [] : noFunction],

  async diff () {
    await needCredentials()
    return build()
  },

  async deploy () {
    await needCredentials()
    return [...build(), ...namesStacks ? [] : ['--all']]
  },

  async destroy () {
    await needCredentials()
    // Only the API, unless the data is meant to go, too.
    const stacks = namesStacks ? [] : given.includes('removal=destroy') ? ['--all'] : ['ServerlessStreamsApi*']
    return [...hasContext('auth') ? noFunction : noApi, ...stacks]
  },

  async bootstrap () {
    await needCredentials()
    return hasContext('auth') ? noFunction : noApi
  }
}

const run = commands[command]
if (run === undefined) end(`Expected one of ${Object.keys(commands).join(', ')}, got ${JSON.stringify(command)}`)
const added = await run()
const { status, error } = spawnSync(cdk, [command, '--no-notices', ...added, ...given], { cwd: here, stdio: 'inherit' })
if (error !== undefined) end(`The CDK does not start (${error.message}). Run "npm ci --prefix infra"`)
if (command === 'destroy' && status === 0 && !added.includes('--all') && !namesStacks) {
  console.log('The stack with bucket and table is still there. docs/deploying.md says how to remove it ("Removal")')
}
process.exitCode = status ?? 1

function hasContext (name: string): boolean {
  return given.some((argument) => argument.startsWith(`${name}=`) || argument.includes(`=${name}=`))
}

/** Builds the function, unless another one is named. */
function build (): string[] {
  if (hasContext('bundle')) return []
  const options = withConsole ? ['--', '--console'] : []
  const { status } = spawnSync('npm', ['run', '--if-present', '--silent', 'bundle', ...options], { cwd: root, stdio: 'inherit' })
  if (status !== 0) end('The function could not be built ("npm run bundle"), so nothing was deployed')
  return []
}

async function needCredentials (): Promise<void> {
  try {
    await defaultProvider()()
  } catch (error) {
    end(`No AWS credentials were found, so "${command}" is not possible (${error instanceof Error ? error.message : String(error)}).
Set one of these, then try again:
  AWS_PROFILE=…                                  a profile of ~/.aws/config; "aws configure sso" makes one
  AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…    and AWS_SESSION_TOKEN, if the key is temporary
To see what would be deployed, without an account: npm run synth -- -c auth=tokens`)
  }
}

function end (message: string): never {
  console.error(message)
  process.exit(1)
}
