/** A line of a text in Prometheus' format or OpenMetrics. */
export interface PromSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface PromText {
  /** By the name of the metric, as the `# TYPE` lines tell. */
  readonly types: ReadonlyMap<string, string>
  readonly samples: readonly PromSample[]
}

/** @throws Error for a line that neither format allows */
export function parseMetrics (text: string): PromText {
  const types = new Map<string, string>()
  const samples: PromSample[] = []
  for (const line of text.split('\n')) {
    if (line === '' || line === '# EOF' || line.startsWith('# HELP ')) continue
    const [, typed, type] = /^# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge|histogram|summary)$/i.exec(line) ?? []
    if (typed !== undefined) {
      if (types.has(typed)) throw new Error(`a second type of ${typed}`)
      types.set(typed, type!)
      continue
    }
    const [, name, labels = '', value] = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? []
    if (name === undefined) throw new Error(`not a line of the format: ${line}`)
    samples.push({ name, labels: labelsOf(labels), value: value === '+Inf' ? Infinity : Number(value) })
  }
  return { types, samples }
}

function labelsOf (text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== '') {
    const [all, name, value] = /^([a-z_][a-z0-9_]*)="((?:[^"\\]|\\.)*)",?/i.exec(rest) ?? []
    if (all === undefined) throw new Error(`not labels: ${text}`)
    labels[name!] = value!.replaceAll(/\\(.)/g, '$1')
    rest = rest.slice(all.length)
  }
  return labels
}

/** The sum of the samples with this name and these labels; `undefined` if there is none. */
export function valueOf ({ samples }: PromText, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const found = samples.filter((sample) => sample.name === name &&
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
  return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
}
