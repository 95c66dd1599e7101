import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { cloudWatchMetrics } from '../../src/adapters/emf/emf.ts'
import { metrics } from '../../src/ports/metrics.ts'
import { parse, read } from '../support/docs/markdown.ts'
import { ask, send } from '../support/http/requests.ts'
import { parseMetrics, type PromText } from '../support/metrics/prometheus-text.ts'
import { startServer } from '../support/processes/server.ts'

const page = read('docs/operations.md')

interface Panel {
  readonly title: string
  readonly targets?: ReadonlyArray<{ readonly expr: string, readonly legendFormat: string }>
}

interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: ReadonlyArray<{ readonly name: string, readonly definition?: string }> }
}

const dashboard = JSON.parse(read('docs/grafana/streams.json')) as Dashboard

test('docs/operations.md has each metric, with its labels, its meaning and its place in CloudWatch', () => {
  const rows = [...page.matchAll(/^\| `(streams_\w+)` \| (\w+) \| (.*) \| (.*) \| (.+) \|$/gm)].map(([, ...cells]) => cells)
  const inCloudWatch = (key: string): string => {
    if (!Object.hasOwn(cloudWatchMetrics, key)) return ''
    const label = cloudWatchMetrics[key as keyof typeof cloudWatchMetrics]
    return label === undefined ? 'yes' : `by ${label}`
  }
  assert.deepEqual(rows, Object.entries(metrics).map(([key, { name, kind, labels, help }]) => (
    [name, kind, labels.map((label) => `\`${label}\``).join(', '), inCloudWatch(key), help])))
})

test('the dashboard and the alarms use metrics and labels that a server shows after some load', async (t) => {
  const shown = await metricsAfterLoad(t)
  const known = (name: string) => shown.types.has(name) || shown.types.get(name.replace(/_(bucket|sum|count)$/, '')) === 'histogram'
  const alarms = parse(page).prose.filter(({ text }) => text.startsWith('|')).flatMap(({ text }) => (
    [...text.matchAll(/`([^`]*streams_[^`]*|nodejs_[^`]*)`/g)].map(([, expression]) => expression!.replaceAll('\\|', '|'))))
  const queries = [
    ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...dashboard.templating.list.flatMap(({ definition }) => definition ?? []),
    ...alarms
  ]
  assert.ok(queries.length > 60)
  for (const query of queries) {
    const names = [...query.matchAll(/\b(?:streams|process|nodejs)_\w+/g)].map(([name]) => name)
    assert.ok(names.length > 0, query)
    for (const name of names) {
      assert.ok(known(name), `${name} in ${query}`)
      const labels = labelsOf(shown, name)
      for (const label of labelsIn(query)) {
        assert.ok(label === 'instance' || labels.has(label), `the label ${label} of ${name} in ${query}`)
      }
    }
  }
})

test('the legends of the dashboard name labels that their queries keep', () => {
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { expr, legendFormat } of targets) {
      const kept = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/,\s*/))
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) assert.ok(label === 'instance' || kept.includes(label!), title)
    }
  }
})

test('the dashboard shows each metric', () => {
  const all = JSON.stringify(dashboard)
  assert.deepEqual(Object.values(metrics).map(({ name }) => name).filter((name) => !all.includes(name)), [])
})

/** Those that are compared in braces, and those that are kept. */
function labelsIn (query: string): string[] {
  const compared = [...query.matchAll(/\{([^}]*)\}/g)]
    .flatMap(([, text]) => [...text!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!))
  const kept = [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/,\s*/))
  return [...compared, ...kept]
}

/** Of the samples that are shown, and of the table, where nothing has happened yet. */
function labelsOf ({ samples }: PromText, name: string): Set<string> {
  const declared = Object.values(metrics).find((metric) => name === metric.name || name.startsWith(`${metric.name}_`))
  const shown = samples.filter((sample) => sample.name === name).flatMap(({ labels }) => Object.keys(labels))
  return new Set([...shown, ...declared?.labels ?? []])
}

async function metricsAfterLoad (t: TestContext): Promise<PromText> {
  const { baseUrl } = await startServer(t, { DATA_DIR: ':memory:' })
  const post = async (path: string, body: object): Promise<{ lease?: { id: string } | null }> => (
    JSON.parse((await send(baseUrl, 'POST', path, body)).text) as { lease?: { id: string } | null })
  for (let n = 0; n < 10; n++) await post('/topics/orders/produce', { payload: n })
  await ask(baseUrl, { path: '/topics/orders/consume?offset=1' })
  await ask(baseUrl, { path: '/topics/orders/consume?offset=99' })
  const { lease } = await post('/topics/orders/groups/billing/receive', { limit: 5 })
  await post('/topics/orders/groups/billing/ack', { lease_id: lease!.id })
  return parseMetrics((await ask(baseUrl, { path: '/metrics' })).text)
}
