export type Metric = { readonly name: string, readonly labels: readonly string[], readonly help: string } & (
  | { readonly kind: 'counter' | 'gauge' }
  /** Upper bounds, ascending, inclusive. */
  | { readonly kind: 'histogram', readonly buckets: readonly number[] }
)

/**
 * All metrics, as Prometheus names them. An adapter for another system derives its names from these; dashboards and alarms
 * import them. The values of `operation` and `store` are the keys and values of `storeOperations`, those of the
 * `outcome` of a call are `StoreOutcome` (telemetry.ts). The labels `topic` and `group` have at most `metricTopicsMax` values.
 */
export const metrics = {
  requests: {
    name: 'streams_http_requests_total',
    kind: 'counter',
    labels: ['method', 'route', 'status'],
    help: 'HTTP requests that have ended. The status is aborted if the client disconnected before the end.'
  },
  requestSeconds: {
    name: 'streams_http_request_duration_seconds',
    kind: 'histogram',
    labels: ['method', 'route'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    help: 'Duration of HTTP requests, apart from streams and from requests that waited for messages.'
  },
  errors: {
    name: 'streams_http_errors_total',
    kind: 'counter',
    labels: ['code'],
    help: 'HTTP requests that were answered by an error, by its code.'
  },
  appends: {
    name: 'streams_appends_total',
    kind: 'counter',
    labels: ['outcome'],
    help: 'Appends that were answered: ok, duplicate, or the code of the error.'
  },
  appendSeconds: {
    name: 'streams_append_duration_seconds',
    kind: 'histogram',
    labels: [],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    help: 'Duration of appends that succeeded.'
  },
  messagesAppended: {
    name: 'streams_messages_appended_total',
    kind: 'counter',
    labels: ['topic'],
    help: 'Messages that were stored.'
  },
  bytesAppended: {
    name: 'streams_message_bytes_appended_total',
    kind: 'counter',
    labels: ['topic'],
    help: 'Bytes of the messages that were stored, without compression.'
  },
  segmentAppends: {
    name: 'streams_segment_appends',
    kind: 'histogram',
    labels: [],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    help: 'Appends that share a segment.'
  },
  segmentMessages: {
    name: 'streams_segment_messages',
    kind: 'histogram',
    labels: [],
    buckets: [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536],
    help: 'Messages of a segment.'
  },
  reads: {
    name: 'streams_reads_total',
    kind: 'counter',
    labels: ['outcome'],
    help: 'Pages that were read: ok, or the code of the error. Clients that follow a topic share them.'
  },
  readSeconds: {
    name: 'streams_read_duration_seconds',
    kind: 'histogram',
    labels: [],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    help: 'Duration of reads that succeeded, without the time in which a request waits for messages.'
  },
  messagesDelivered: {
    name: 'streams_messages_delivered_total',
    kind: 'counter',
    labels: ['topic'],
    help: 'Messages that were sent to clients.'
  },
  bytesDelivered: {
    name: 'streams_message_bytes_delivered_total',
    kind: 'counter',
    labels: ['topic'],
    help: 'Bytes of the messages that were sent to clients, without compression.'
  },
  storeCalls: {
    name: 'streams_store_calls_total',
    kind: 'counter',
    labels: ['store', 'operation', 'outcome'],
    help: 'Calls to a store that have ended. Each attempt counts.'
  },
  storeCallSeconds: {
    name: 'streams_store_call_duration_seconds',
    kind: 'histogram',
    labels: ['store', 'operation'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    help: 'Duration of the calls to a store that succeeded.'
  },
  storeBytes: {
    name: 'streams_store_bytes_total',
    kind: 'counter',
    labels: ['store', 'operation'],
    help: 'Bytes of the objects that were put or fetched, as stored.'
  },
  capacityUnits: {
    name: 'streams_table_capacity_units_total',
    kind: 'counter',
    labels: ['kind'],
    help: 'Read and write units that calls to the table of DynamoDB have consumed.'
  },
  cost: {
    name: 'streams_storage_cost_dollars_total',
    kind: 'counter',
    labels: [],
    help: 'Dollars that the calls to S3 and DynamoDB cost by the list prices of us-east-1, on demand. Without stored bytes and traffic.'
  },
  segmentLookups: {
    name: 'streams_segment_cache_lookups_total',
    kind: 'counter',
    labels: ['result'],
    help: 'Segments that reads needed: hit if the segment was in memory, miss if it was fetched.'
  },
  segmentsAhead: {
    name: 'streams_lookahead_segments_total',
    kind: 'counter',
    labels: ['result'],
    help: 'Segments that pages have loaded from a listing: used, or unused because the page ended before.'
  },
  holes: {
    name: 'streams_holes_total',
    kind: 'counter',
    labels: ['verdict'],
    help: 'Reads that met offsets without an object: wait ends the page before them, seal and pass go on.'
  },
  seals: {
    name: 'streams_seals_total',
    kind: 'counter',
    labels: ['kind'],
    help: 'Seals that were put: by readers over a hole, by writers over the range of an append that may have failed.'
  },
  live: {
    name: 'streams_live_requests',
    kind: 'gauge',
    labels: ['kind'],
    help: 'Requests that are open now: streams, long polls, receives of groups that wait.'
  },
  bytesHeld: {
    name: 'streams_held_bytes',
    kind: 'gauge',
    labels: [],
    help: 'Bytes of request bodies and answers that are held in memory now. MAX_BUFFERED_BYTES is the limit.'
  },
  refusals: {
    name: 'streams_refusals_total',
    kind: 'counter',
    labels: ['bound'],
    help: 'Requests and connections that a bound of the process has refused.'
  },
  sweeps: {
    name: 'streams_sweeps_total',
    kind: 'counter',
    labels: ['outcome'],
    help: 'Sweeps that have ended: ok, or failed if they ended early because of an error.'
  },
  sweepFailures: {
    name: 'streams_sweep_topics_failed_total',
    kind: 'counter',
    labels: [],
    help: 'Topics that a sweep could not sweep.'
  },
  segmentsRemoved: {
    name: 'streams_retention_segments_removed_total',
    kind: 'counter',
    labels: [],
    help: 'Segments that sweeps have removed.'
  },
  bytesRemoved: {
    name: 'streams_retention_bytes_removed_total',
    kind: 'counter',
    labels: [],
    help: 'Bytes of the segments that sweeps have removed, as stored.'
  },
  recordsRemoved: {
    name: 'streams_retention_records_removed_total',
    kind: 'counter',
    labels: [],
    help: 'Expired records of producers and idempotency keys that sweeps have removed.'
  },
  groupLag: {
    name: 'streams_group_lag_messages',
    kind: 'gauge',
    labels: ['topic', 'group'],
    help: 'Messages from the committed offset of the group to the end of the topic, at the latest receive that this process answered.'
  },
  groupDeliveries: {
    name: 'streams_group_deliveries_total',
    kind: 'counter',
    labels: ['topic', 'group'],
    help: 'Messages that were leased to workers of the group.'
  },
  groupRedeliveries: {
    name: 'streams_group_redeliveries_total',
    kind: 'counter',
    labels: ['topic', 'group'],
    help: 'Messages that were leased not for the first time.'
  },
  groupAcks: {
    name: 'streams_group_acks_total',
    kind: 'counter',
    labels: ['topic', 'group'],
    help: 'Messages that were acknowledged.'
  },
  groupExpiries: {
    name: 'streams_group_lease_expiries_total',
    kind: 'counter',
    labels: ['topic', 'group'],
    help: 'Leases that ended because their time was over.'
  },
  groupDead: {
    name: 'streams_group_dead_letters_total',
    kind: 'counter',
    labels: ['topic', 'group'],
    help: 'Messages that were given up.'
  }
} as const satisfies Record<string, Metric>
