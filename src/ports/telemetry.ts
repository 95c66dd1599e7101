import type { StoreFailure } from './errors.ts'
import type { GroupName } from './group-store.ts'
import type { Bytes, Ms } from './units.ts'

/** The calls to stores that are counted, each with the store that it goes to. */
export const storeOperations = {
  put: 'segments',
  get: 'segments',
  list: 'segments',
  list_names: 'segments',
  remove: 'segments',
  reserve: 'topics',
  state: 'topics',
  mark_closed: 'topics',
  correct_reserved_at: 'topics',
  raise_earliest: 'topics',
  mark_deleted: 'topics',
  configure: 'topics',
  note_swept: 'topics',
  list_topics: 'topics',
  read_record: 'records',
  replace_record: 'records',
  remove_expired: 'records',
  read_group: 'groups',
  write_group: 'groups',
  remove_group: 'groups',
  list_groups: 'groups',
  read_token: 'tokens',
  create_token: 'tokens',
  remove_token: 'tokens',
  list_tokens: 'tokens'
} as const satisfies Record<string, 'segments' | 'topics' | 'records' | 'groups' | 'tokens'>

export type StoreOperation = keyof typeof storeOperations

/** `internal`: the adapter threw something other than a StoreError. */
export type StoreOutcome = 'ok' | StoreFailure | 'internal'

/** Why a read stopped at offsets without an object, or went on (log §4.3). `correct`: the topic's time was corrected at first. */
export type HoleVerdict = 'wait' | 'pass' | 'seal' | 'correct'

/** `hole`: by a reader, for offsets that nobody filled. `range`: over a reservation whose put is not known to have succeeded. */
export type SealKind = 'hole' | 'range'

/** Requests that stay open: a stream of events, a long poll, a receive of a consumer group that waits. */
export const liveKinds = ['stream', 'long_poll', 'receive'] as const
export type LiveKind = typeof liveKinds[number]

/**
 * What refused a request or a connection to protect the process: MAX_BUFFERED_BYTES, MAX_CONNECTIONS, the bound on live requests,
 * the backlog of appends, a rate limit, the bound on pipelined requests.
 */
export const bounds = ['memory', 'connections', 'followers', 'overload', 'rate', 'pipelining'] as const
export type Bound = typeof bounds[number]

/** What one sweep has done, dry runs apart. */
export interface SweepReport {
  readonly segments: number
  /** As stored. */
  readonly bytes: Bytes
  /** Expired records of producers and keys. */
  readonly records: number
  /** Topics that could not be swept. */
  readonly failedTopics: number
  /** Whether it ended early because of an error. */
  readonly failed: boolean
}

/** An answered request. */
export interface RequestReport {
  readonly method: string
  /** The route's pattern, without the version in front; `undefined` if the path has no route. */
  readonly route: string | undefined
  /** `undefined` if the client disconnected before the end of the answer. */
  readonly status: number | undefined
  /** The code of the error that was the answer. */
  readonly code: string | undefined
  /** `undefined` if it was a stream, or has waited for messages. */
  readonly ms: Ms | undefined
}

/**
 * Where the service reports what it does. One method an event, with the numbers of all its metrics (metrics.ts). Methods must not
 * throw.
 */
export interface Telemetry {
  /**
   * A call to a store has ended.
   * @param ms its duration
   * @param bytes of the object that was put or fetched, as stored; 0 for other calls, and for calls that failed
   */
  storeCall (operation: StoreOperation, outcome: StoreOutcome, ms: Ms, bytes: Bytes): void
  /** A call to a table has consumed capacity, in the units that are paid for. */
  capacityUsed (kind: 'read' | 'write', units: number): void
  /**
   * A caller of an append has been answered.
   * @param outcome `ok`, `duplicate` for a repeat of an append that was stored before, or the code of the error
   */
  append (outcome: string, ms: Ms): void
  /**
   * A segment has been stored and acknowledged.
   * @param appends that share it
   * @param bytes of its messages, without compression
   */
  segmentWritten (topic: string, appends: number, messages: number, bytes: Bytes): void
  /** A page has been read, apart from the time in which it waited for messages. @param outcome `ok`, or the code of the error */
  read (outcome: string, ms: Ms): void
  /** Messages are sent to a client. Messages that a group redelivers, or that several clients get, count each time. */
  delivered (topic: string, messages: number, bytes: Bytes): void
  /** A segment was needed. @param found whether it was in the cache */
  segmentLookup (found: boolean): void
  /** A page has ended that loaded segments ahead. @param unused segments that it loaded and did not need */
  loadedAhead (used: number, unused: number): void
  /** A read has met offsets below the end that have no object. */
  hole (verdict: HoleVerdict): void
  sealPut (kind: SealKind): void
  liveRequestBegan (kind: LiveKind): void
  liveRequestEnded (kind: LiveKind): void
  swept (report: SweepReport): void
  /**
   * A receive has been answered.
   * @param messages that were leased, `redelivered` of them not for the first time
   * @param lag messages from the group's committed offset to the end of the topic
   */
  groupReceived (name: GroupName, messages: number, redelivered: number, lag: number): void
  groupAcked (name: GroupName, messages: number): void
  /** Leases ended because their time was over. */
  groupLeasesExpired (name: GroupName, leases: number): void
  /** Messages were given up, with their last attempt or because a worker rejected them. */
  groupDeadLettered (name: GroupName, messages: number): void
  /** @param bytes of bodies and answers that the process holds for its clients now */
  bytesHeld (bytes: Bytes): void
  refused (bound: Bound): void
  request (report: RequestReport): void
}
