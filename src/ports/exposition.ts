/** The forms in which metrics can be scraped: Prometheus' text format 0.0.4, and OpenMetrics 1.0. */
export type ExpositionFormat = 'prometheus' | 'openmetrics'

/** Shows the metrics of this process to whoever scrapes them. */
export interface Exposition {
  /** All metrics as they are now. Never rejects. */
  show (format: ExpositionFormat): Promise<{ readonly type: string, readonly text: string }>
}
