import { PUT_ACCEPTED_MS } from '../ports/segment-store.ts'

const seconds = 1_000
const minutes = 60 * seconds
const KiB = 1024
const MiB = 1024 * KiB

/** Every bound of the log, in one place; names end in their unit. Sections are those of docs/protocol.md. */
export const defaultLimits = {
  // Append (§3)
  /** An append has answered by then; API Gateway hangs up at 29 s. */
  appendTimeoutMs: 20 * seconds,
  /** Of the above, what is kept back for giving a range up in order. */
  giveUpMs: 5 * seconds,
  /** One attempt at a put. Two of them fit into the grace that readers give. */
  putTimeoutMs: 2_300,
  reserveTimeoutMs: 5 * seconds,
  /** No attempt at a put starts later than this after the reservation. */
  reservationTtlMs: 60 * seconds,
  /** How many ranges an append tries before it says that readers keep sealing them. */
  appendAttemptsMax: 5,
  retryDelayMs: 50,
  retryDelayMaxMs: 1 * seconds,

  // Group commit (§3.5)
  segmentMessagesMax: 1_000,
  segmentBytesMax: 4 * MiB,
  putsInFlightMax: 1,
  lingerMs: 0,
  /** Segments larger than this are compressed when that makes them smaller (§2.4). */
  compressOverBytes: 1 * KiB,

  // Overload (§3.6)
  /** Puts of segments in flight at one time, and GETs of them: together as many as the S3 client has sockets. */
  storeCallsMax: 64,
  /** The congestion window: bytes in flight at one time, of puts and of GETs each. */
  windowBytesInitial: 1 * MiB,
  windowBytesMin: 16 * KiB,
  windowBytesMax: 32 * MiB,
  /** What a call may take beyond the latency of an idle link: the window grows below this, and shrinks above twice as much. */
  transferTargetMs: 500,
  /** A call with no more than this in flight beside it tells the latency. A late answer never shrinks the window below it, only a time-out does. */
  latencyProbeBytes: 64 * KiB,
  /** What may wait to be sent, in windows and in bytes; beyond it appends are refused. */
  backlogWindowsMax: 4,
  backlogBytesMax: 128 * MiB,
  /** A burst may exceed `backlogWindowsMax`, as long as none of its topic has waited for this long. */
  overloadedAfterMs: 500,

  // Read (§4)
  readTimeoutMs: 20 * seconds,
  /** After this a page that has something does not wait for room on the link. */
  pageFillMs: 5 * seconds,
  getTimeoutMs: 5 * seconds,
  readConcurrency: 10,
  /** So much may be loaded ahead of what a page has; more only when the page has as much already. */
  readAheadBytes: 1 * MiB,
  holeGraceMs: 5 * seconds,
  deadAfterMs: 20 * minutes,
  sealsPerReadMax: 64,
  listMax: 1_000,
  pageMessagesDefault: 10,
  pageMessagesMax: 1_000,
  /** As base64 this still fits the 6 MB of a Lambda answer. */
  pageBytesMax: 4 * MiB,
  segmentCacheBytes: 32 * MiB,

  // Live reading (§4.5)
  /** Between two looks at a topic's item, for what other processes append: the longer nothing comes, the rarer. */
  followPollMinMs: 100,
  followPollMaxMs: 1 * seconds,
  /** From a LIST of a followed topic that was in vain to the next: what was reserved a moment ago is still being put, and a LIST costs as much as a put. */
  followListMs: 500,
  waitMaxMs: 20 * seconds,
  heartbeatMs: 15 * seconds,
  /** What a reader of a stream that has stopped reading can hold in memory, but for a larger message. */
  streamPageBytes: 64 * KiB,
  /** Where a platform hands on only whole answers, a stream with nothing to say ends after this. */
  wholeStreamMs: 5 * seconds,
  /** After which a client should come back when its stream has ended. */
  streamRetryMs: 1 * seconds,

  // What a client may send, and how much the server holds for clients
  requestBytesMax: 4 * MiB,
  requestMessagesMax: 1_000,
  keyBytesMax: 1 * KiB,
  headersBytesMax: 8 * KiB,
  /** A request has to arrive within this, body included; the slowest line that can send the largest body has 0.5 Mbit/s. */
  requestTimeoutMs: 60 * seconds,
  /** A connection on which nothing moves is closed after this; longer than a long poll, and than the time between heartbeats. */
  stalledConnectionMs: 30 * seconds,
  /** How long a connection is kept for the next request; more than the 60 s of AWS's load balancers, which would reuse a closed one. */
  keepAliveMs: 72 * seconds,
  /** Requests that wait on a connection until those before them are answered; with more it is closed. */
  pipelinedRequestsMax: 32,
  /** The same on all connections together. */
  pipelinedRequestsTotalMax: 4_096,
  /** How long a request waits for room in MAX_BUFFERED_BYTES. */
  memoryWaitMs: 5 * seconds,
  /** Requests that hold no more than this have the last eighth of MAX_BUFFERED_BYTES for themselves. */
  smallRequestBytes: 64 * KiB,
  /** While requests wait for room, a client has this long, and a second more for each `clientBytesPerSecondMin`, to send or take its bytes. */
  clientGraceMs: 2 * seconds,
  clientBytesPerSecondMin: 1 * MiB,
  /** File descriptors that are kept for anything but connections. */
  reservedFiles: 64
}

export type Limits = Readonly<typeof defaultLimits>

/** Throws when two bounds contradict each other: the protocol's argument rests on these relations. */
export function checkLimits (limits: Limits): Limits {
  const relations: Array<[boolean, string]> = [
    [limits.putTimeoutMs * 2 <= limits.holeGraceMs, 'a put and one retry fit into holeGraceMs'],
    [limits.giveUpMs + limits.reserveTimeoutMs < limits.appendTimeoutMs, 'giving up and a reservation leave time to put'],
    [limits.appendTimeoutMs <= limits.reservationTtlMs, 'an append ends before its reservation'],
    [limits.reservationTtlMs < PUT_ACCEPTED_MS, 'a writer gives up before the store refuses'],
    [PUT_ACCEPTED_MS + minutes < limits.deadAfterMs, 'a hole is dead only when the store refuses its put for certain'],
    [limits.giveUpMs + limits.putTimeoutMs < limits.appendTimeoutMs, 'an append may wait before it is sent'],
    [limits.windowBytesMin <= limits.windowBytesInitial && limits.windowBytesInitial <= limits.windowBytesMax, 'windowBytesInitial is between windowBytesMin and windowBytesMax'],
    [limits.holeGraceMs < limits.deadAfterMs, 'a hole is sealed before it is dead'],
    [limits.followPollMinMs <= limits.followPollMaxMs, 'followPollMinMs is at most followPollMaxMs'],
    [Math.max(limits.waitMaxMs, limits.heartbeatMs, limits.appendTimeoutMs) < limits.stalledConnectionMs, 'a connection that waits for its answer is not stalled'],
    [limits.pageMessagesDefault <= limits.pageMessagesMax, 'pageMessagesDefault is at most pageMessagesMax'],
    [limits.pageBytesMax * 4 / 3 < 6_000_000 * 0.98, 'a page as base64 fits a Lambda answer'],
    [limits.requestMessagesMax <= limits.segmentMessagesMax && limits.requestBytesMax <= limits.segmentBytesMax, 'a batch fits into one segment'],
    [limits.segmentMessagesMax >= 1 && limits.putsInFlightMax >= 1 && limits.readConcurrency >= 1 && limits.storeCallsMax >= 1, 'at least one of each']
  ]
  for (const [holds, rule] of relations) if (!holds) throw new Error(`limits contradict each other: ${rule}`)
  return limits
}
