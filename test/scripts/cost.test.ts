import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { prices as counted } from '../../src/adapters/metrics/prices.ts'
import { estimate } from '../../scripts/cost/estimate.ts'
import { pollsWithin } from '../../scripts/cost/model.ts'
import { type Options, OptionsError, readOptions } from '../../scripts/cost/options.ts'
import { others } from '../../scripts/cost/others.ts'
import { ratesOf } from '../../scripts/cost/prices.ts'
import { root } from '../support/docs/markdown.ts'

function run (...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'scripts/cost/main.ts'), ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

function optionsOf (args: string): Options {
  const asked = readOptions(args.split(' ').filter((word) => word !== ''))
  assert(typeof asked === 'object')
  return asked.options
}

test('the command answers in words, or in JSON whose parts are its sum', () => {
  const words = run('--messages', '5e6', '--size', '1000', '--batch', '10', '--readers', '3')
  assert.equal(words.stderr, '')
  assert.match(words.stdout, /^5,000,000 messages a month of 1,000 bytes, in batches of 10, in us-east-1 behind an HTTP API\n/)
  assert.match(words.stdout, /^Produce: 500,000 appends /m)
  const { stdout } = run('--groups', '2', '--json')
  const { produce, follow, groups, storage, idle, total, elsewhere } = JSON.parse(stdout) as Awaited<ReturnType<typeof estimate>>
  const parts = [produce, follow, groups, idle].flatMap((part) => Object.values<number>({ ...part }))
  const sum = parts.reduce((all, part) => all + part, storage)
  assert(Math.abs(total - sum) < 1e-9)
  assert(Object.values(groups).every((part) => part > 0))
  assert.equal(Object.keys(elsewhere).length, 6)
})

test('help is printed with examples, and each example is possible', () => {
  const { status, stdout } = run('--help')
  assert.equal(status, 0)
  const examples = [...stdout.matchAll(/^ {2}npm run cost -- (.+)$/gm)].map(([, args]) => args!)
  assert(examples.length >= 3)
  for (const args of examples) assert.doesNotThrow(() => readOptions(args.split(' ')), args)
})

test('each wrong option has a line that names it and what was expected', () => {
  const { status, stdout, stderr } = run('--batch', '0', '--front', 'alb', '--messages', 'many', '--region', 'mars')
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.deepEqual(stderr.trim().split('\n').sort(), [
    '--batch: expected a whole number from 1 to 1,000, got "0"',
    '--front: expected http, rest, url, got "alb"',
    '--messages: expected a whole number from 1 to 1,000,000,000,000, got "many"',
    '--region: expected us-east-1, eu-central-1, got "mars"'
  ])
})

test('what does not fit together is refused', () => {
  const refused = (args: string, message: RegExp): void => {
    assert.throws(() => readOptions(args.split(' ')), (error) => error instanceof OptionsError && message.test(error.message), args)
  }
  refused('--message 5', /^Unknown option '--message'\. "npm run cost -- --help" lists the options$/)
  refused('--messages', /--messages/)
  refused('5', /^Unexpected argument '5'/)
  refused('--batch 1000 --size 3501', /^--batch: expected at most 3,500,000 bytes in an append, got 1000 messages of 3501 bytes/)
  refused('--batch 100 --lease 30', /^--lease: expected a divisor or a multiple of --batch \(100\), got 30$/)
  refused('--write --json', /^--write: expected no other options/)
})

test('the largest appends and leases can be counted', async () => {
  for (const args of ['--batch 1000 --size 3500 --groups 1', '--batch 1 --size 3500000 --groups 1', '--batch 1 --lease 1000 --groups 1']) {
    const { total } = await estimate(optionsOf(args))
    assert(total > 0, args)
  }
})

test('fewer calls and cheaper fronts cost less', async () => {
  const totalOf = async (args: string): Promise<number> => (await estimate(optionsOf(args))).total
  const usual = await totalOf('')
  const fewer = ['--batch 1000', '--retention-days 1', '--compression 4', '--readers 0', '--poll-seconds 60']
  for (const args of [...fewer, '--front url', '--logs off', '--memory 512']) assert(await totalOf(args) < usual, args)
  const more = ['--batch 10', '--groups 1', '--readers 2', '--follow sse', '--messages 2e6']
  for (const args of [...more, '--front rest', '--region eu-central-1']) assert(await totalOf(args) > usual, args)
})

test('an environment that waits reads the topic as the protocol says', () => {
  assert.equal(pollsWithin(0.1), 1)
  assert.equal(pollsWithin(0.25), 2)
  // More often than the shortest pause, one read finds several appends.
  assert.equal(pollsWithin(0.01), 0.1)
  // 100, 150, 225, 338, 506, 759 ms, then each second.
  assert.equal(pollsWithin(2.05), 6)
  assert(pollsWithin(1_000) > 1_000 && pollsWithin(1_000) < 1_006)
})

test('other services, calculated by hand', () => {
  const rates = ratesOf('us-east-1')
  const load = { messages: 100e6, size: 1_000, batch: 100, readers: 2, retentionDays: 1 }
  const about = (name: string, expected: number): void => {
    assert(Math.abs(others[name]!(load, rates) - expected) < 0.01, `${name}: ${others[name]!(load, rates)}`)
  }
  const gb = 100e9 / 1_073_741_824
  about('Kinesis, on demand', 720 * 0.04 + gb * 1.024 * 0.08 + 2 * gb * 0.04)
  about('Kinesis, provisioned', 720 * 0.015 + 100 * 0.014)
  // 10 messages a request; send, receive and delete, for each of two queues.
  about('SQS standard', 2 * 3 * 10 * 0.40)
  about('SQS FIFO', 2 * 3 * 10 * 0.50)
  about('MSK Serverless', 720 * 0.7515 + gb * (0.10 + 2 * 0.05) + gb / 30 * 0.10)
})

test('the prices of the calls are those of the metrics', () => {
  const { put, list, get, readUnit, writeUnit } = ratesOf('us-east-1')
  assert.deepEqual([put, list, get, readUnit, writeUnit].map((rate) => rate * 1e6), [
    counted.perMillionPuts, counted.perMillionLists, counted.perMillionGets, counted.perMillionReadUnits, counted.perMillionWriteUnits
  ])
})
