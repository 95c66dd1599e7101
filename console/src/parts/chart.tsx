import type { JSX } from 'preact'
import { useEffect, useReducer, useRef } from 'preact/hooks'
import UPlot from 'uplot'

export interface Line {
  readonly name: string
  readonly values: ReadonlyArray<number | undefined>
}

export interface ChartProps {
  readonly title: string
  /** In ms since 1970. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** Whether the axis counts in powers of two. */
  readonly binary?: boolean
}

/** How many values the table below a chart has. */
const tableRows = 12
const height = 132

/** Lines over time, and the numbers behind them as a table. */
export function Chart ({ title, times, lines, format, binary = false }: ChartProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot>(undefined)
  const formatting = useRef(format)
  formatting.current = format
  const names = lines.map(({ name }) => name).join()
  const dark = useDark()
  useEffect(() => {
    const element = place.current!
    const size = (): { width: number, height: number } => ({ width: Math.max(160, element.clientWidth), height })
    const options = optionsOf(lines, element, size(), (value) => formatting.current(value), binary)
    plot.current = new UPlot(options, [[], ...lines.map(() => [])], element)
    const observer = new ResizeObserver(() => { plot.current?.setSize(size()) })
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.current?.destroy()
    }
  }, [names, dark])
  useEffect(() => {
    plot.current?.setData([times.map((ms) => ms / 1_000), ...lines.map(({ values }) => values.map((value) => value ?? null))])
  }, [times, names, dark])
  const last = lines.map(({ values }) => values.at(-1))
  return (
    <figure class='chart'>
      <figcaption>
        <h2>{title}</h2>
        <ul>
          {lines.map(({ name }, index) => (
            <li key={name}><i class={`dot line${index}`} />{name} <b>{last[index] === undefined ? '–' : format(last[index])}</b></li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} class='plot' aria-hidden='true' />
      <details>
        <summary>Numbers</summary>
        <table>
          <thead><tr><th scope='col'>Time</th>{lines.map(({ name }) => <th key={name} scope='col' class='number'>{name}</th>)}</tr></thead>
          <tbody>
            {times.slice(-tableRows).map((ms, row, shown) => {
              const index = times.length - shown.length + row
              return (
                <tr key={ms}>
                  <td>{timeOfDay(ms)}</td>
                  {lines.map(({ name, values }) => (
                    <td key={name} class='number'>{values[index] === undefined ? '–' : format(values[index])}</td>
                  ))}
                </tr>
              )
            })}
          </tbody>
        </table>
      </details>
    </figure>
  )
}

function timeOfDay (ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8)
}

const powersOfTwo = Array.from({ length: 50 }, (_none, power) => 2 ** power)

function optionsOf (
  lines: readonly Line[], element: HTMLElement, size: { width: number, height: number }, format: (value: number) => string, binary: boolean
): UPlot.Options {
  const style = getComputedStyle(element)
  const color = (name: string): string => style.getPropertyValue(name).trim()
  const axis = { stroke: color('--muted'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui' }
  return {
    ...size,
    cursor: { y: false, points: { size: 6 } },
    legend: { show: false },
    padding: [8, 24, 0, 0],
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.15 : 1] } },
    axes: [
      { ...axis, size: 24, space: 70, values: (_plot, ticks) => ticks.map((seconds) => timeOfDay(seconds * 1_000)) },
      { ...axis, size: 58, space: 28, values: (_plot, ticks) => ticks.map(format), ...binary && { incrs: powersOfTwo } }
    ],
    series: [{}, ...lines.map((_line, index) => ({
      stroke: color(`--line${index}`),
      width: 1.5,
      points: { show: false },
      ...index === 0 && lines.length === 1 && { fill: color('--line0-soft') }
    }))]
  }
}

/** Charts are drawn anew when the system changes between dark and light. */
function useDark (): boolean {
  const query = matchMedia('(prefers-color-scheme: dark)')
  const redraw = useRedraw()
  useEffect(() => {
    query.addEventListener('change', redraw)
    return () => { query.removeEventListener('change', redraw) }
  }, [])
  return query.matches
}

function useRedraw (): () => void {
  const [, change] = useReducer((times: number) => times + 1, 0)
  return () => { change(undefined) }
}

/** A small line without axes. */
export function Sparkline ({ values }: { values: readonly number[] }): JSX.Element {
  const width = 96
  const tall = 20
  const most = Math.max(...values, 1e-9)
  const points = values.map((value, index) => {
    return `${(width - (values.length - 1 - index) * width / 59).toFixed(1)},${(tall - 1.5 - value / most * (tall - 3)).toFixed(1)}`
  })
  return (
    <svg class='sparkline' width={width} height={tall} viewBox={`0 0 ${width} ${tall}`} aria-hidden='true'>
      {values.length > 1 && <polyline points={points.join(' ')} />}
    </svg>
  )
}
