import type { StartedLocalStackContainer } from '@testcontainers/localstack'
import { shareFunctionFolder } from './lambda/function.ts'

/** The last version that starts without an account. `.ci/localstack.sh` makes the same one. */
const IMAGE = 'localstack/localstack:4.14.0'
const HOW = `start Docker with the image ${IMAGE} (.ci/localstack.sh), or set TEST_LOCALSTACK_ENDPOINT`

let container: StartedLocalStackContainer | undefined
let removeFunction = (): void => {}

/**
 * Builds the Lambda function, and starts LocalStack, once for all test files; they find it in TEST_LOCALSTACK_ENDPOINT (see
 * localstack.ts). One that is named there already is used as it is. Without Docker the tests that need it are skipped, or with
 * REQUIRE_LOCALSTACK=1 the run fails.
 */
export async function globalSetup (): Promise<void> {
  // Whatever a test reaches by mistake, it is no real account.
  delete process.env['AWS_PROFILE']
  delete process.env['AWS_SESSION_TOKEN']
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' })

  removeFunction = await shareFunctionFolder()
  if (process.env['TEST_LOCALSTACK_ENDPOINT'] !== undefined) return
  try {
    // Loaded only where it is used: it takes a second.
    const { LocalstackContainer } = await import('@testcontainers/localstack')
    await keepWithoutReaper()
    container = await new LocalstackContainer(IMAGE).start()
    process.env['TEST_LOCALSTACK_ENDPOINT'] = container.getConnectionUri()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (process.env['REQUIRE_LOCALSTACK'] === '1') throw new Error(`LocalStack does not start (${reason}): ${HOW}`, { cause: error })
    console.log(`The tests on LocalStack are skipped (${reason}). To run them: ${HOW}.`)
  }
}

export async function globalTeardown (): Promise<void> {
  removeFunction()
  await container?.stop()
}

/** testcontainers has a container of its own that clears up after a killed run; where its image can't be had, go without. */
async function keepWithoutReaper (): Promise<void> {
  const { getContainerRuntimeClient, getReaper } = await import('testcontainers')
  const runtime = await getContainerRuntimeClient()
  if (process.env['TESTCONTAINERS_RYUK_DISABLED'] !== undefined) return
  try {
    await getReaper(runtime)
  } catch {
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
  }
}
