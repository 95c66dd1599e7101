import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const cli = fileURLToPath(new URL('../cli.ts', import.meta.url))

/** As on a machine without an AWS account. */
function run (...args: string[]): { status: number | null, stdout: string, stderr: string } {
  const { PATH = '' } = process.env
  const env = { PATH, HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true' }
  return spawnSync(process.execPath, [cli, ...args], { env, encoding: 'utf8' })
}

for (const command of ['deploy', 'destroy', 'diff', 'bootstrap']) {
  test(`${command} without credentials says how to give some`, () => {
    const { status, stderr } = run(command, '-c', 'auth=tokens')
    assert.equal(status, 1)
    assert.match(stderr, new RegExp(`^No AWS credentials were found, so "${command}" is not possible`))
    assert.match(stderr, /AWS_PROFILE=.*\n.*AWS_ACCESS_KEY_ID=/)
    assert.doesNotMatch(stderr, /\n {4}at /, 'no stack trace')
  })
}

test('a command that does not exist', () => {
  assert.match(run('deplyo').stderr, /^Expected one of synth, diff, deploy, destroy, bootstrap, got "deplyo"/)
})

test('synth without auth fails, and says the ways out', () => {
  const { status, stderr } = run('synth')
  assert.equal(status, 1)
  assert.match(stderr, /auth: is missing\. Say who may use the service:/)
  assert.doesNotMatch(stderr, /\n {4}at /, 'no stack trace')
})
