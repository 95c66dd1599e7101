import { PUT_ACCEPTED_MS } from '../ports/segment-store.ts'
import type { Bytes, Ms } from '../ports/units.ts'

const seconds = 1_000
const minutes = 60 * seconds
const KiB = 1024
const MiB = 1024 * KiB

/** All limits of the log. Names end in their unit. Sections are those of docs/protocol.md. */
export const defaultLimits = {
  // Append (§3)
  /** An append returns within this time. API Gateway closes a request after 29 s. */
  appendTimeoutMs: 20 * seconds,
  /** Part of `appendTimeoutMs` that is reserved for sealing the own range when the outcome of a put is unknown. */
  resolveBySealMs: 5 * seconds,
  /** One attempt at a put. Two of them fit into `holeGraceMs`. */
  putTimeoutMs: 2_300,
  reserveTimeoutMs: 5 * seconds,
  /** No attempt at a put starts later than this after the reservation. */
  reservationTtlMs: 60 * seconds,
  /** Ranges that an append reserves before it fails because readers have sealed all of them. */
  appendAttemptsMax: 5,
  /** Attempts at one call to a store, but for puts, which an append repeats until its deadline. */
  callAttemptsMax: 3,
  retryDelayMs: 50,
  retryDelayMaxMs: 1 * seconds,

  // Group commit (§3.5)
  segmentMessagesMax: 65_536,
  segmentBytesMax: 4 * MiB,
  putsInFlightMax: 1,
  lingerMs: 0,
  /** Segments larger than this are compressed when that makes them smaller (§2.4). */
  compressOverBytes: 1 * KiB,

  // Facts (§6)
  /** FACT_WAIT: how long the writer of a range is waited for, from the first look at the range on, however old it is. */
  factWaitMs: 1 * seconds,
  factPollMs: 250,
  /** FACT_AGE_MAX: an open range that is older may have been removed by a lifecycle rule. */
  factAgeMaxMs: 24 * 60 * minutes,
  /** GAP_WAIT: an append of a producer waits for the one before it. */
  gapWaitMs: 1 * seconds,
  /**
   * INLINE_BYTES: the size of all producers' records in a topic's item above which idle producers leave it. Each started KiB
   * of the item costs a write unit.
   */
  inlineRecordsBytes: 700,
  /** INLINE_MAX: the number of producers in a topic's item above which even busy producers leave it. */
  inlineRecordsMax: 64,
  /** PRODUCER_IDLE: a producer that has not appended for this time may leave the item. */
  producerIdleMs: 1 * minutes,
  /** PRODUCER_TTL: the record of a producer that has left the item is kept for at least this time. */
  producerTtlMs: 7 * 24 * 60 * minutes,
  /** An idempotency key is known for this time, at least. */
  keyTtlMs: 24 * 60 * minutes,
  producerIdBytesMax: 256,
  idempotencyKeyCharsMax: 256,
  orderBytesMax: 256,

  // Overload (§3.6)
  /** Puts of segments in flight at one time, and GETs of them: together as many as the S3 client has sockets. */
  storeCallsMax: 64,
  /** The congestion window: bytes in flight at one time, of puts and of GETs each. */
  windowBytesInitial: 1 * MiB,
  windowBytesMin: 16 * KiB,
  windowBytesMax: 32 * MiB,
  /** Time of a call beyond the latency of an idle link. Below this the window grows, above twice as much it shrinks. */
  transferTargetMs: 500,
  /**
   * A call with at most this many bytes in flight measures the latency of the link. A late answer does not shrink the window
   * below this; a time-out does.
   */
  latencyProbeBytes: 64 * KiB,
  /**
   * The backlog, which waits to be sent. Above so many windows, appends to a topic with more than its share are refused; above so
   * many bytes, all appends.
   */
  backlogWindowsMax: 4,
  backlogBytesMax: 128 * MiB,
  /** A topic's burst may exceed `backlogWindowsMax` until its oldest append has waited for this long. */
  overloadedAfterMs: 500,

  // Read (§4)
  readTimeoutMs: 20 * seconds,
  /** After this time, a page that has messages does not wait for room on the link. */
  pageFillMs: 5 * seconds,
  getTimeoutMs: 5 * seconds,
  readConcurrency: 10,
  /** Bytes that may be loaded ahead of what a page has; more only if the page has more already. */
  readAheadBytes: 1 * MiB,
  holeGraceMs: 5 * seconds,
  /** DEAD_AFTER: nobody can put into a hole of this age any more. */
  holeUnfillableAfterMs: 20 * minutes,
  sealsPerReadMax: 64,
  /** A hole of more offsets below a segment is not sealed: readers wait until nobody can put into it any more. */
  holeSealsMax: 32_768,
  listMax: 1_000,
  pageMessagesDefault: 10,
  pageMessagesMax: 1_000,
  /** As base64 this still fits into the 6 MB of a Lambda response. */
  pageBytesMax: 4 * MiB,
  segmentCacheBytes: 32 * MiB,

  // Live reading (§4.5)
  /** Time between two polls of a followed topic's item; it grows up to the maximum while a poll finds nothing new. */
  followPollMinMs: 100,
  followPollMaxMs: 1 * seconds,
  /**
   * Minimum time between two LISTs of a followed topic after one that found nothing new: the range is usually still being
   * written, and a LIST costs as much as a put.
   */
  followListMs: 500,
  waitMaxMs: 20 * seconds,
  heartbeatMs: 15 * seconds,
  /** Most bytes that one stalled stream holds in memory: a page of this size, or one larger message. */
  streamPageBytes: 64 * KiB,
  /** If the platform delivers only complete responses, a stream without messages ends after this time. */
  bufferedStreamMs: 5 * seconds,
  /** Time after which a client should reconnect when its stream has ended. */
  streamRetryMs: 1 * seconds,

  // Managing topics (§5)
  topicsPageDefault: 100,
  topicsPageMax: 1_000,
  /** The least `retention_ms`. Stores tell times in whole seconds. */
  retentionMinMs: 1 * seconds,

  // Access (docs/access.md)
  /** Of an `Authorization` header. */
  authorizationBytesMax: 8 * KiB,
  /** Lists of topics that one request makes to find those that its token may see. */
  visibleListsMax: 8,
  /** Tokens and subjects whose rates are remembered. */
  ratePrincipalsMax: 65_536,
  /** Requests that wait or stream: between two looks at whether their tokens are still valid. */
  liveCheckMs: 5 * seconds,
  /** And for how long they go on while that can't be found out. */
  liveUncheckedMs: 60 * seconds,
  /** How far the clock of an issuer of JWTs may differ: tokens are valid for so much longer, and earlier. */
  clockToleranceMs: 60 * seconds,
  /** A JWT that was verified is not verified again for this time, as long as it does not expire: a key that is withdrawn works on. */
  jwtKeptMs: 60 * seconds,
  /** Bytes of the JWTs that are remembered. */
  jwtsKeptBytes: 4 * MiB,
  /** Of a request for the keys of the issuer. */
  jwksTimeoutMs: 5 * seconds,
  jwksBytesMax: 128 * KiB,
  /** Between two requests for the keys, for whatever reason. */
  jwksCooldownMs: 30 * seconds,
  /** Keys in use that are older are fetched again, while requests go on with those that are there. */
  jwksRefreshMs: 10 * minutes,
  /** Keys are used for this time if the issuer does not answer. */
  jwksAgeMaxMs: 60 * minutes,

  // Consumer groups (docs/groups-protocol.md)
  leaseDefaultMs: 30 * seconds,
  leaseMinMs: 1 * seconds,
  leaseMaxMs: 12 * 60 * minutes,
  /** Of a message that is handed back. */
  retryDelayByWorkerMaxMs: 12 * 60 * minutes,
  deliveriesDefault: 5,
  deliveriesMax: 1_000,
  /** IN_FLIGHT_MAX: messages of a group that are leased, wait to be handed out again, or are on their way to the dead letters. */
  groupInFlightMax: 4_000,
  groupInFlightDefault: 2_000,
  /** RUNS_SOFT: with so many runs in its state, a group hands out no new messages. */
  groupRunsSoft: 1_000,
  groupLeasesMax: 256,
  groupLanesMax: 1_024,
  /** SCAN_MAX: messages, and bytes, that one receive looks at without handing them out. */
  groupScanMessages: 1_000,
  groupScanBytes: 4 * MiB,
  /** DETAIL_MAX: of the reason for which a message was rejected, and how many of them a group keeps. */
  deadLetterDetailBytesMax: 100,
  deadLetterDetailsMax: 64,
  consumerBytesMax: 64,
  /** Offsets that one acknowledgement names, and acknowledgements in one receive. */
  leaseOffsetsMax: 1_000,
  receiveAcksMax: 100,
  /** Letters that one redrive looks at by default. */
  redriveDefault: 100,
  /** Groups in the description of a topic. */
  describedGroupsMax: 100,
  /** Commands of one process that share a write. */
  groupCommandsMax: 256,
  /** A refused write is tried again after a random time up to 25 ms · 2^n, at most this. */
  groupRetryMs: 25,
  groupRetryMaxMs: 400,
  /** A receive whose write is refused so many times fails; other commands fail after `groupSettleMs`. */
  groupReceiveAttemptsMax: 8,
  groupSettleMs: 5 * seconds,
  /** A process writes on a state that it has kept for at most this time without reading it again. */
  groupStateKeptMs: 500,
  /** CLOCK_AGE_MAX: the store's clock is not estimated from an answer that is older. */
  groupClockAgeMs: 10 * seconds,
  /** A waiting receive reads the group's item at this interval while messages are pending. */
  groupPollMs: 1 * seconds,
  /** Pages that the receives of one group share, and those of all groups of a process. */
  groupPagesBytes: 1 * MiB,
  groupPagesTotalBytes: 32 * MiB,
  /** Each answer about a group comes within this time. */
  groupAnswerMs: 24 * seconds,
  /** Moving one batch of dead letters takes at most this, and nobody else tries for `deadLetterClaimMs`. */
  deadLetterMoveMs: 5 * seconds,
  deadLetterClaimMs: 10 * seconds,

  // Access tokens
  /** A token that was looked up is believed for this time, so a revocation takes effect within it. */
  tokenCacheMs: 10 * seconds,
  /** Memory for tokens that were looked up, about. */
  tokenCacheBytes: 8 * MiB,
  /** Looking up a token takes at most this, attempts included. */
  tokenReadTimeoutMs: 3 * seconds,
  /** Ids that have no token are remembered for `tokenCacheMs`, too: so many. */
  unknownTokensMax: 1_000,
  /** So many look-ups of ids that were not known before may find nothing in a second, and at one time. */
  unknownTokensPerSecond: 20,
  unknownTokensBurst: 100,
  tokenNameCharsMax: 128,
  tokenGrantsMax: 100,
  /** Requests a second that a token can be limited to. */
  tokenRateMax: 1_000_000,

  // What a client may send, and how much the server holds for clients
  requestBytesMax: 4 * MiB,
  requestMessagesMax: 65_536,
  /** Of the bodies that manage topics: a config, an offset. */
  managementBodyBytesMax: 16 * KiB,
  /** Of the bodies of consumer groups. All offsets that can be in flight fit in. */
  groupBodyBytesMax: 128 * KiB,
  /** Of the body that creates a token: `tokenGrantsMax` of the longest grants fit in. */
  tokenBodyBytesMax: 32 * KiB,
  keyBytesMax: 1 * KiB,
  headersBytesMax: 8 * KiB,
  /** Levels of nested objects and arrays in a payload. Many parsers are recursive, and some fail on deeper nesting. */
  payloadNestingMax: 512,
  /** UTF-16 units of a body or a segment that are read or encoded before other requests get a turn. */
  sliceChars: 64 * KiB,
  /** A request must arrive within this time, including its body. The largest body needs at least 0.5 Mbit/s. */
  requestTimeoutMs: 60 * seconds,
  /**
   * A connection without traffic is closed after this time. Every answer takes less, with the waits for memory, and so does the
   * time between two heartbeats.
   */
  stalledConnectionMs: 30 * seconds,
  /**
   * An idle connection is kept open for this time. Longer than the 60 s of AWS's load balancers, which could otherwise use a
   * closed one.
   */
  keepAliveMs: 72 * seconds,
  /** Pipelined requests that may wait on a connection; with more, the connection is closed. */
  pipelinedRequestsMax: 32,
  /** The same on all connections together. */
  pipelinedRequestsTotalMax: 4_096,
  /** Bytes that are received, and the same number that are sent, in one turn of the event loop before other requests get a turn. */
  copiedPerTurnBytes: 1 * MiB,
  /** A request waits up to this time for room in MAX_BUFFERED_BYTES. */
  memoryWaitMs: 5 * seconds,
  /** The last eighth of MAX_BUFFERED_BYTES is reserved for requests that hold at most this. */
  smallRequestBytes: 64 * KiB,
  /**
   * While requests wait for room, a client must send or receive its bytes within this time, plus a second for each
   * `clientBytesPerSecondMin`.
   */
  clientGraceMs: 2 * seconds,
  clientBytesPerSecondMin: 1 * MiB,
  /** Addresses whose rate is remembered; a forgotten one may have another burst. */
  rateAddressesMax: 65_536,
  /** Results of the checks of /ready are used for this time, so that nobody can make the checks cost. */
  readinessKeptMs: 1 * seconds,
  /** File descriptors that are not available for connections. */
  reservedFiles: 64,

  // Metrics
  /** METRICS_TOPICS: topics with a label of their own in the metrics, and groups; all others share one. */
  metricTopicsMax: 100,

  // Traces
  /** Of one span, and so the messages of an append or a page whose `traceparent` is looked for. */
  traceLinksMax: 32,
  /** In longer messages, `traceparent` is not looked for, since all of the message must be parsed. */
  tracedMessageBytesMax: 32 * KiB
}

export type Limits = {
  readonly [Name in keyof typeof defaultLimits]: Name extends `${string}Ms` ? Ms : Name extends `${string}Bytes${string}` ? Bytes : number
}

/** @throws Error if two limits contradict each other: the protocol is correct only with these relations */
export function checkLimits (limits: Limits): Limits {
  const counts = [limits.segmentMessagesMax, limits.putsInFlightMax, limits.readConcurrency, limits.callAttemptsMax, limits.storeCallsMax]
  const relations: Array<[boolean, string]> = [
    [limits.putTimeoutMs * 2 <= limits.holeGraceMs, 'a put and one retry fit into holeGraceMs'],
    [limits.resolveBySealMs + limits.reserveTimeoutMs < limits.appendTimeoutMs, 'a reservation and resolving by a seal leave time to put'],
    [limits.appendTimeoutMs <= limits.reservationTtlMs, 'an append ends before its reservation'],
    [limits.reservationTtlMs < PUT_ACCEPTED_MS, 'a writer gives up before the store refuses'],
    [PUT_ACCEPTED_MS + minutes < limits.holeUnfillableAfterMs, 'a hole is unfillable only when the store certainly refuses its put'],
    [limits.holeGraceMs < limits.holeUnfillableAfterMs, 'a hole is sealed before it is unfillable'],
    [limits.resolveBySealMs + limits.putTimeoutMs < limits.appendTimeoutMs, 'an append may wait before it is sent'],
    [limits.windowBytesMin <= limits.windowBytesInitial, 'windowBytesMin is at most windowBytesInitial'],
    [limits.windowBytesInitial <= limits.windowBytesMax, 'windowBytesInitial is at most windowBytesMax'],
    [
      limits.holeGraceMs + limits.putTimeoutMs + limits.resolveBySealMs < limits.appendTimeoutMs,
      'an append that meets an open range has the time to resolve it'
    ],
    [limits.holeUnfillableAfterMs < limits.factAgeMaxMs, 'a range is unfillable before it counts as lost'],
    [limits.followPollMinMs <= limits.followPollMaxMs, 'followPollMinMs is at most followPollMaxMs'],
    [
      Math.max(limits.waitMaxMs, limits.readTimeoutMs, limits.appendTimeoutMs) + limits.memoryWaitMs < limits.stalledConnectionMs,
      'a connection that waits for its answer, or for the beginning of a stream, is not stalled'
    ],
    [
      Math.max(limits.heartbeatMs, limits.readTimeoutMs) + limits.streamRetryMs < limits.stalledConnectionMs,
      'a stream sends a heartbeat before its connection is stalled'
    ],
    [
      limits.waitMaxMs <= limits.groupAnswerMs && limits.groupAnswerMs + limits.memoryWaitMs < limits.stalledConnectionMs,
      'a connection that waits for messages of a group is not stalled'
    ],
    [
      limits.tokenReadTimeoutMs + Math.max(limits.waitMaxMs, limits.readTimeoutMs, limits.appendTimeoutMs, limits.groupAnswerMs) <
        limits.stalledConnectionMs,
      'a connection is not stalled while its token is looked up'
    ],
    [limits.pageMessagesDefault <= limits.pageMessagesMax, 'pageMessagesDefault is at most pageMessagesMax'],
    [limits.topicsPageDefault <= limits.topicsPageMax && limits.topicsPageMax <= limits.listMax, 'a page of topics needs one LIST'],
    [limits.pageBytesMax * 4 / 3 < 6_000_000 * 0.98, 'a page as base64 fits a Lambda answer'],
    [limits.requestMessagesMax <= limits.segmentMessagesMax, 'the messages of a batch fit into one segment'],
    [limits.requestBytesMax <= limits.segmentBytesMax, 'the bytes of a batch fit into one segment'],
    [counts.every((count) => count >= 1), 'at least one of each']
  ]
  for (const [holds, rule] of relations) if (!holds) throw new Error(`limits contradict each other: ${rule}`)
  return limits
}
