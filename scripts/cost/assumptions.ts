/** What can't be counted. All of it is in docs/cost.md. */
export const assumed = {
  /** The time of a function: its own, and that of each call to a store, one after the other. */
  ownMs: 3,
  putMs: 20,
  getMs: 15,
  listMs: 25,
  tableMs: 5,
  /** Of parsing and compressing. */
  msPerMiB: 10,
  /** From an answer to the next request of the same client. */
  roundTripMs: 100,
  /** Lambda's own lines in the log for an invocation (`platform.start`, `platform.report`). */
  platformLogBytes: 600,
  /** A line of the access log, which the HTTP API writes by default. */
  accessLogBytes: 350,
  memoryMiB: 1_024,
  sweepMemoryMiB: 512,
  sweepsPerHour: 1,
  /** Of `timeout` of a deployment with streaming. */
  streamSeconds: 300,
  /** Of what a stream may send before it ends (src/lambda.ts). */
  streamBytes: 16 * 1024 * 1024,
  /** Names in the metrics of the 9 alarms of a deployment. The account's first ten cost nothing. */
  alarmMetrics: 12,
  freeAlarmMetrics: 10,
  daysPerMonth: 30
} as const

export const secondsPerMonth = assumed.daysPerMonth * 86_400
export const hoursPerMonth = assumed.daysPerMonth * 24
/** AWS counts in these. */
export const GB = 1024 ** 3
