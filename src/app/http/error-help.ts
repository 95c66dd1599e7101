import type { ErrorCode, ErrorDetails, Written } from '../../domain/errors.ts'

export interface ErrorHelp {
  readonly cause: string
  readonly remedy: string
  /** The `detail` of an example; if it is about a field, of a read. */
  readonly detail: string
  /** The same for an append, if it differs. */
  readonly appendDetail?: string
  /** The details of the example. `written` is `no` in examples of appends, if it is not given. */
  readonly details?: { readonly written?: Written }
}

/** The details that the example of a code must have, besides `written`. */
type ExampleDetails<Code> = Code extends keyof ErrorDetails ? Omit<ErrorDetails[Code], 'written'> : unknown

type HelpOf<Code> = ErrorHelp & ([keyof ExampleDetails<Code>] extends [never] ? unknown : { readonly details: ExampleDetails<Code> })

/**
 * Cause and remedy of each error, for the page /docs/errors and for the examples in OpenAPI. docs/errors.md is checked
 * against this table. Text between backticks is code.
 */
export const errorHelp: { readonly [Code in ErrorCode]: HelpOf<Code> } = {
  malformed_request: {
    cause: 'The request breaks a rule of HTTP, or its body does not match its `Content-Encoding` or its length.',
    remedy: 'Look at what the client or a proxy in between really sends.',
    detail: 'host: expected a header of that name, got none'
  },
  missing_body: {
    cause: 'An append came without a body.',
    remedy: 'Send a message. With curl, check that the file after `@` exists.',
    detail: 'body: expected a JSON object, got nothing'
  },
  malformed_json: {
    cause: 'The body, or a line of it, is not JSON.',
    remedy: 'Look at the position in `detail`. It counts UTF-16 units of the body or of the line, from 0.',
    detail: 'body: expected valid JSON, got a syntax error at position 12'
  },
  invalid_encoding: {
    cause: 'The body has bytes that are not UTF-8.',
    remedy: 'Encode text as UTF-8, and put binary data into a string, for example as base64.',
    detail: 'body: expected UTF-8, got bytes that are not'
  },
  invalid_request: {
    cause: 'A query parameter, a header or a member of a message is missing, unknown or out of bounds.',
    remedy: '`detail` names the field, what was expected and what came.',
    detail: 'limit: expected a whole number from 1, got "0"',
    appendDetail: 'key: expected a string of at most 1024 bytes, got 7'
  },
  offset_out_of_range: {
    cause: 'The topic ends before the offset: it is not the topic that this consumer read before. An older back-up was restored, ' +
      'a `:memory:` server was restarted, or the name is another topic\'s.',
    remedy: 'Go on at `end` to get new messages only, or at `earliest` to read all again.',
    detail: 'offset: expected at most 4, the end of the topic, got 500',
    details: { earliest: 1, end: 4 }
  },
  invalid_topic: {
    cause: 'The topic name has other characters than letters, digits, `.`, `_` and `-`, is too long, or is `.` or `..`.',
    remedy: 'Use another name.',
    detail: 'topic: expected 1 to 249 characters of A-Z, a-z, 0-9, ".", "_" and "-", and not "." or "..", got "a b"'
  },
  invalid_group: {
    cause: 'The name of the consumer group in the path has a character that is not allowed, or is too long.',
    remedy: 'Use the name that `detail` describes.',
    detail: 'group: expected 1 to 249 characters of A-Z, a-z, 0-9, ".", "_" and "-", and not "." or "..", got "a b"'
  },
  invalid_group_config: {
    cause: 'The members of the config do not fit together: messages that may die need a dead-letter topic, which is not the topic itself.',
    remedy: 'Set `dead_letter_topic`, or set `max_attempts` to `null` and do not reject messages.',
    detail: 'max_attempts: expected null, because the group has no dead_letter_topic to which messages could go'
  },
  unauthorized: {
    cause: 'The server has access control, and the request has no `Authorization: Bearer …`, or its token is malformed, unknown, ' +
      'revoked or expired.',
    remedy: 'Send a valid token. An admin makes one with `POST /tokens`, whoever has the storage\'s credentials with `npm run token`.',
    detail: 'authorization: expected a bearer token, got none'
  },
  forbidden: {
    cause: 'The token is valid, and has no grant for this action on this topic. Whether the topic exists is not said.',
    remedy: 'Ask an admin for a token with the grant that `detail` names.',
    detail: 'The token does not allow consume:orders.'
  },
  producer_fenced: {
    cause: 'An append with the same `producer.id` and a higher `producer.epoch` was accepted before: this instance was replaced.',
    remedy: 'Stop. If this instance is the right one, begin a higher epoch with `seq` 0.',
    detail: 'producer.epoch: expected at least 4: another instance of this producer has begun it',
    details: { epoch: 4 }
  },
  not_found: {
    cause: 'No operation has this path. A topic that nobody has written to is not an error: it is empty.',
    remedy: 'Compare the path with those at `/docs`.',
    detail: 'There is nothing at this path; see /docs for all paths.'
  },
  topic_not_found: {
    cause: 'The topic was never created, or was deleted, and this server does not create topics by their first message.',
    remedy: 'Create it with `PUT /topics/{topic}`.',
    detail: 'topic: expected a topic that exists, got "orders"'
  },
  group_not_found: {
    cause: 'The topic has no consumer group of this name.',
    remedy: 'Create it with `PUT`, or by receiving from it.',
    detail: 'The topic orders has no consumer group billing. A receive or a PUT makes one.'
  },
  token_not_found: {
    cause: 'No token has this id: it was revoked, or never existed.',
    remedy: 'Look for the id in `GET /tokens`.',
    detail: 'There is no access token with the id 4fR2kQ9sLw0a.'
  },
  method_not_allowed: {
    cause: 'The path exists, but not with this method. For `OPTIONS` from a browser: CORS is off.',
    remedy: 'Use a method of the `Allow` header. For web pages of other origins, set `CORS_ORIGINS`.',
    detail: 'method: expected POST, got GET'
  },
  request_timeout: {
    cause: 'The headers or the body did not arrive within about 60 seconds.',
    remedy: 'Send smaller batches over slow connections, then retry.',
    detail: 'The request did not arrive in time.'
  },
  producer_gap: {
    cause: '`producer.seq` is above the one that comes next: the append before it has not arrived, or failed.',
    remedy: 'Send the appends from `expected_seq` on, in order.',
    detail: 'producer.seq: expected 7, got 9',
    details: { expected_seq: 7 }
  },
  producer_seq_old: {
    cause: '`producer.seq` is more than 5 below the newest, or its segment was removed before anybody knew whether it stood.',
    remedy: 'Repeat an append before the next 5 are acknowledged. A program that starts anew must begin a higher `epoch`.',
    detail: 'producer.seq: 2 was used before, and its outcome is not known any more',
    details: { written: 'unknown' }
  },
  offset_mismatch: {
    cause: 'Others have appended since, or their appends are on their way. It may come from an append that is never written.',
    remedy: 'Read up to `end`, decide anew, and append with `expected_offset` = `end`.',
    detail: 'expected_offset: expected 12, the end of the topic, got 10',
    details: { end: 12 }
  },
  topic_closed: {
    cause: 'The topic was closed with `POST /topics/{topic}/close` or by an append with `close`. It is never opened again.',
    remedy: 'Write to another topic, or delete this one to begin anew.',
    detail: 'topic: expected one that is open, got one that is closed at 12',
    details: { end: 12 }
  },
  out_of_order: {
    cause: '`order` must be above, as bytes of UTF-8, that of the last append that has one.',
    remedy: 'Look at `order`: if the append was repeated, it is there already.',
    detail: 'order: expected a string above "b", got "a"',
    details: { order: 'b' }
  },
  idempotency_unknown: {
    cause: 'Its segment was trimmed before anybody knew whether it stood.',
    remedy: 'Look for the message, or send it with another key if it may be there twice.',
    detail: 'idempotency-key: it is not known whether the append with this key was written',
    details: { written: 'unknown' }
  },
  lease_lost: {
    cause: 'The lease ended before this request: its time was over, the group was moved to another offset, or it was made anew.',
    remedy: 'Stop working on the `offsets`. They are delivered again, or were already.',
    detail: 'The lease has ended: what of it was not acknowledged is delivered again, or was already.',
    details: { offsets: [7, 8] }
  },
  group_busy: {
    cause: 'The change is possible only while no messages are pending.',
    remedy: 'Retry when the workers are done. `detail` says what is pending.',
    detail: 'mode: expected the same while messages are pending: 1 leases are live, 0 messages wait to be delivered again.'
  },
  offset_conflict: {
    cause: 'Another consumer of the group has stored its position since `expected` was read.',
    remedy: 'Go on at `committed_offset`, or stop this consumer.',
    detail: 'expected: the committed offset is 7, not 5.',
    details: { committed_offset: 7 }
  },
  body_too_large: {
    cause: 'The body, after decompression, has more than 4 MiB; one that manages something, more than `detail` says.',
    remedy: 'Split the batch. A file of lines: `split -l 1000`.',
    detail: 'body: expected at most 4194304 bytes, got more'
  },
  message_too_large: {
    cause: 'The topic\'s config has `max_message_bytes`, and a message has more: its payload, key and headers together, as JSON.',
    remedy: 'Send less, or raise `max_message_bytes` with `PUT /topics/{topic}`.',
    detail: 'messages.0: expected at most 1024 bytes, the max_message_bytes of the topic, got 2000'
  },
  unsupported_media_type: {
    cause: 'The `Content-Type` is neither `application/json` nor `application/x-ndjson`, the charset is not UTF-8, ' +
      'or the `Content-Encoding` is not known.',
    remedy: 'Name the type of the body. curl sends forms unless it has `-H \'content-type: application/json\'`.',
    detail: 'content-type: expected application/json or application/x-ndjson in UTF-8, got "text/plain"'
  },
  misdirected_request: {
    cause: 'A server on a loopback address serves only the names of this machine, so that web pages can\'t reach it ' +
      'under their own name (DNS rebinding).',
    remedy: 'Put the name into `ALLOWED_HOSTS`, or let the proxy send `Host: localhost`.',
    detail: 'host: expected localhost, 127.0.0.1, [::1] or a name from the setting ALLOWED_HOSTS, got "streams.example.com"'
  },
  idempotency_conflict: {
    cause: 'An append with this `Idempotency-Key`, or this `producer.seq`, stands at `offset`, and its messages are different.',
    remedy: 'Use a new key or the next seq for new messages.',
    detail: 'idempotency-key: expected the messages that came with it first, got others',
    details: { offset: 12 }
  },
  rate_limited: {
    cause: 'The topic\'s config has a `rate`, or the operator has set `RATE_LIMIT_ADDRESS`, and this server process has taken as much ' +
      'in the last second. Or more access tokens come than it looks up, and it does not know this one.',
    remedy: 'Wait for the seconds in `Retry-After`, and send more messages with one request.',
    detail: 'rate: expected at most 100 messages a second',
    details: { retry_after: 1 }
  },
  request_headers_too_large: {
    cause: 'The request line and the headers have more than 16 KiB together.',
    remedy: 'Send fewer or shorter headers; often it is cookies.',
    detail: 'header: expected at most 16384 bytes together, got more'
  },
  internal: {
    cause: 'A defect of the server. Its log has the cause under the request id.',
    remedy: 'Report it with the log line. After an append, see `written`.',
    detail: 'The request could not be completed.'
  },
  not_implemented: {
    cause: 'The request uses a `Transfer-Encoding` other than `chunked`.',
    remedy: 'Compress bodies with `Content-Encoding` instead.',
    detail: 'transfer-encoding: expected chunked, got "gzip, chunked"'
  },
  segment_corrupt: {
    cause: 'A stored segment was changed or damaged. The read ends before it, because skipping it would lose messages silently.',
    remedy: 'The server\'s log names the segment. Restore it from a back-up.',
    detail: 'The segment of topic orders that ends at offset 7 is damaged: its body is not what its metadata says.'
  },
  server_busy: {
    cause: 'The bodies and answers that the server holds for all clients reach `MAX_BUFFERED_BYTES`.',
    remedy: 'Retry after the seconds of `Retry-After`. If it comes often, use more servers, smaller pages, or a greater bound.',
    detail: 'The server has reached its limit for bytes that are held for clients (MAX_BUFFERED_BYTES).'
  },
  too_many_followers: {
    cause: 'As many streams, long polls and waiting receives as `MAX_FOLLOWERS` allows are open on this server process.',
    remedy: 'Retry after the seconds of `Retry-After`, or read without `wait`. If it comes often, use more servers, or a greater bound.',
    detail: 'The server already has 2000 requests that wait for messages (MAX_FOLLOWERS).'
  },
  storage_throttled: {
    cause: 'S3 or DynamoDB limits the rate of requests.',
    remedy: 'Retry with growing pauses. Larger batches need fewer requests.',
    detail: 'The storage asked to slow down.'
  },
  storage_unavailable: {
    cause: 'The storage could not be reached, or did not answer in time.',
    remedy: 'Retry. After an append with `written` `unknown`, the message may be there already. `/ready` tells which part does not answer.',
    detail: 'The storage could not be reached.'
  },
  storage_misconfigured: {
    cause: 'The bucket or the table is missing, or the server may not use it.',
    remedy: 'For the operator: the log and `/ready` name the part. The permissions are in docs/deploying.md.',
    detail: 'The storage refused the request: it is not set up for this service.'
  },
  auth_unavailable: {
    cause: 'The server accepts JWTs, and could not read the keys of their issuer.',
    remedy: 'Retry after `Retry-After`. If it stays, an operator looks at `JWT_JWKS_URL` and at the log.',
    detail: 'The keys of the issuer of tokens cannot be read at the moment.'
  },
  overloaded: {
    cause: 'More messages wait than the link to the storage can take in time.',
    remedy: 'Retry after the seconds of `Retry-After`, with growing pauses. If it comes often, send less, or use more servers.',
    detail: 'More messages are waiting than can be written in time.'
  },
  append_timeout: {
    cause: 'The storage was too slow to take the message within 20 seconds.',
    remedy: 'Retry. See `written` for whether the message may be there.',
    detail: 'The message could not be written in time.'
  },
  append_contended: {
    cause: 'Readers gave up waiting for the message again and again, because its writes took longer than 5 seconds.',
    remedy: 'Retry. If it comes often, the storage is too slow for this load.',
    detail: 'The reserved offsets were sealed before the message was written, several times over.'
  },
  shutting_down: {
    cause: 'The server is stopping and takes no new messages.',
    remedy: 'Retry: another server, or this one after its restart, takes the message.',
    detail: 'The server is shutting down.'
  },
  group_contended: {
    cause: 'Many servers changed the group at the same time, and this one lost each time. Nothing was changed.',
    remedy: 'Retry after `Retry-After`. Larger leases, or fewer servers for a group, help.',
    detail: 'Too many others changed the consumer group at the same time.'
  },
  group_corrupt: {
    cause: 'Another program has changed the stored group, or a newer version of this service has written it.',
    remedy: 'Update the service, restore the table, or delete the group with `force=true`.',
    detail: 'What is stored of the group billing of topic orders cannot be read.'
  },
  storage_full: {
    cause: 'The disk of the data folder, or a quota of the storage, has no room for more messages. Reading goes on.',
    remedy: 'Free space, then retry: no restart is needed. `/ready` is 503 until then.',
    detail: 'No space is left in the storage. Reading goes on.'
  }
}
