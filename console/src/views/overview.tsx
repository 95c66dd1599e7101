import type { JSX } from 'preact'
import { bytes, count, dollars, duration, latency, perSecond, short } from '../model/format.ts'
import { latest, type Moment, moments, pollMs, state, useMonitor } from '../model/monitor.ts'
import { total } from '../model/metrics-text.ts'
import { Chart, type Line } from '../parts/chart.tsx'
import { Empty, Fact, Failure } from '../parts/ui.tsx'

interface Plot {
  readonly title: string
  readonly format: (value: number) => string
  /** Name of a line, and of its value. */
  readonly lines: ReadonlyArray<readonly [string, string]>
}

const percent = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} %`

const plots: readonly Plot[] = [
  { title: 'Messages a second', format: perSecond, lines: [['in', 'in'], ['out', 'out']] },
  { title: 'Bytes a second', format: bytes, lines: [['in', 'bytesIn'], ['out', 'bytesOut']] },
  { title: 'Append latency', format: latency, lines: [['median', 'appendP50'], ['99 %', 'appendP99']] },
  { title: 'Read latency', format: latency, lines: [['median', 'readP50'], ['99 %', 'readP99']] },
  {
    title: 'Storage calls a second',
    format: perSecond,
    lines: [['put', 'storePut'], ['get', 'storeGet'], ['list', 'storeList'], ['other', 'storeOther']]
  },
  { title: 'Errors a second', format: perSecond, lines: [['answers', 'errors'], ['storage', 'storeFailed'], ['bounds', 'refusals']] },
  { title: 'Holes and seals a second', format: perSecond, lines: [['holes met', 'holes'], ['seals put', 'seals']] },
  { title: 'Open requests', format: short, lines: [['streams and polls', 'live']] },
  { title: 'CPU of one core', format: percent, lines: [['cpu', 'cpu']] },
  { title: 'Memory', format: bytes, lines: [['process', 'memory'], ['bodies', 'heldBytes']] }
]

const costPlot: Plot = { title: 'Storage calls, dollars a day', format: dollars, lines: [['at this rate', 'dollarsADay']] }

export function OverviewView (): JSX.Element {
  useMonitor()
  const shown = moments.value
  const isPaid = shown.at(-1)?.values['dollarsADay'] !== undefined
  return (
    <>
      <div class='head'>
        <h1>Overview</h1>
        <span class='muted'>of the server that answers, every {duration(pollMs)} while this page is open</span>
      </div>
      {state.value === 'failed' && <Failure error={new Error('The server does not answer.')} />}
      {state.value === 'forbidden' && (
        <Empty title='The token does not allow this'><p>It needs the grant <code>metrics</code>.</p></Empty>
      )}
      {state.value === 'off' && (
        <Empty title='The server has no metrics'>
          <p>It runs with <code>METRICS=off</code>, or as a Lambda function, whose metrics are in CloudWatch.</p>
        </Empty>
      )}
      {state.value === 'waiting' && <p class='muted' role='status'>Loading…</p>}
      {latest.value !== undefined && state.value !== 'forbidden' && (
        <>
          <Numbers last={shown.at(-1)} isPaid={isPaid} />
          <div class='plots'>
            {[...plots, ...isPaid ? [costPlot] : []].map((plot) => (
              <section class='card' key={plot.title} aria-label={plot.title}>
                <Chart
                  title={plot.title} format={plot.format} binary={plot.format === bytes} times={shown.map(({ at }) => at)}
                  lines={linesOf(plot, shown)}
                />
              </section>
            ))}
          </div>
          <Counts />
        </>
      )}
    </>
  )
}

function linesOf ({ lines }: Plot, shown: readonly Moment[]): readonly Line[] {
  return lines.map(([name, member]) => ({ name, values: shown.map(({ values }) => values[member]) }))
}

function Numbers ({ last, isPaid }: { last: Moment | undefined, isPaid: boolean }): JSX.Element {
  const value = (name: string): number | undefined => last?.values[name]
  const errors = value('errors') ?? 0
  return (
    <dl class='facts card'>
      <Fact name='In'>{perSecond(value('in'))}/s</Fact>
      <Fact name='Out'>{perSecond(value('out'))}/s</Fact>
      <Fact name='Append, 99 %'>{latency(value('appendP99'))}</Fact>
      <Fact name='Read, 99 %'>{latency(value('readP99'))}</Fact>
      <Fact name='Storage calls'>{perSecond(value('storeAll'))}/s</Fact>
      <Fact name='Errors' tone={errors > 0 ? 'bad' : 'good'}>{perSecond(errors)}/s</Fact>
      <Fact name='Open requests'>{count(value('live') ?? 0)}</Fact>
      <Fact name='Cost a day'>{isPaid ? dollars(averageCost()) : 'none: a folder'}</Fact>
    </dl>
  )
}

/** Over all that was seen: a single append would look like thousands of dollars. */
function averageCost (): number {
  const values = moments.value.flatMap(({ values: { dollarsADay } }) => dollarsADay === undefined ? [] : [dollarsADay])
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

const tables: ReadonlyArray<{ readonly title: string, readonly metric: string, readonly label: string }> = [
  { title: 'Storage calls', metric: 'streams_store_calls_total', label: 'operation' },
  { title: 'Errors by code', metric: 'streams_http_errors_total', label: 'code' },
  { title: 'Refusals', metric: 'streams_refusals_total', label: 'bound' },
  { title: 'Holes', metric: 'streams_holes_total', label: 'verdict' },
  { title: 'Seals', metric: 'streams_seals_total', label: 'kind' }
]

/** Totals since the server started. */
function Counts (): JSX.Element {
  const metrics = latest.value!
  return (
    <section class='card' aria-label='Since the server started'>
      <h2>Since the server started</h2>
      <div class='counts'>
        {tables.map(({ title, metric, label }) => {
          const names = [...new Set((metrics.get(metric) ?? []).map(({ labels }) => labels[label] ?? ''))].sort()
          return (
            <table class='data' key={title}>
              <thead><tr><th scope='col'>{title}</th><th scope='col' class='number'>Count</th></tr></thead>
              <tbody>
                {names.length === 0 && <tr><td colSpan={2} class='muted'>none</td></tr>}
                {names.map((name) => (
                  <tr key={name}>
                    <th scope='row'>{name.replaceAll('_', ' ')}</th>
                    <td class='number'>{count(total(metrics, metric, { [label]: name }))}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        })}
      </div>
    </section>
  )
}
