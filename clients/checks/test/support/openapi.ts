/* For the compiler only: the client's types against those that openapi-typescript makes of the service's OpenAPI document. */

import type {
  AppendConditions, Appended, AppendedBatch, CallOptions, ClientErrorCode, Group, LeasePart, NackOptions, NewMessage, Page, PageOptions,
  Position, Received, ReceiveOptions, StreamsClient, StreamsError, Tokens, Topic
} from '../../../typescript/src/index.ts'
import type { Same } from '../../../typescript/test/support/types.ts'

type Method = (...args: never[]) => unknown
type Resolved<Of extends Method> = Awaited<ReturnType<Of>>
type Yielded<Of extends Method> = ReturnType<Of> extends AsyncGenerator<infer Item> ? Item : never
/** What a method sends of its argument. */
type Sent<Options, Own = never> = Omit<Options, keyof CallOptions | Own & string>
type Argument<Of extends Method, At extends number = 0> = Sent<NonNullable<Parameters<Of>[At]>>

/** Parameters of lists. The client pages by itself. */
interface Paging { limit?: number, after?: string }

/** What the client sends and returns, by the ids of the document's operations. */
interface Calls {
  produce: {
    body: (NewMessage | { messages: NewMessage[] }) & Sent<AppendConditions, 'idempotencyKey'>
    answer: Appended & Partial<AppendedBatch>
  }
  consume: {
    // The client sends times as numbers only, and takes `earliest` and `end` of a page from headers.
    query: Sent<PageOptions, 'from' | 'waitMs'> & { offset?: Exclude<Position, Date>, timestamp?: number | string, wait?: number }
    answer: Omit<Page<unknown>, 'closed' | 'earliest' | 'end'> & { closed?: true }
  }
  listTopics: { query: Paging, answer: { topics: Array<{ topic: Yielded<StreamsClient['topics']> }>, next?: string } }
  describeTopic: { query: Argument<Topic['describe']>, answer: Resolved<Topic['describe']> }
  // `created` is the answer's status.
  putTopic: { body: Argument<Topic['create']>, answer: Omit<Resolved<Topic['create']>, 'created'> }
  trimTopic: { body: { before: Parameters<Topic['trim']>[0] }, answer: Resolved<Topic['trim']> }
  closeTopic: { body: Argument<Topic['close']>, answer: Resolved<Topic['close']> }
  deleteTopic: { answer: Resolved<Topic['delete']> }
  listGroups: { query: Paging, answer: { groups: Array<{ group: Yielded<Topic['groups']> }>, next?: string } }
  describeGroup: { answer: Resolved<Group['describe']> }
  putGroup: { body: Argument<Group['create']>, answer: Omit<Resolved<Group['create']>, 'created'> }
  deleteGroup: { query: Argument<Group['delete']>, answer: Resolved<Group['delete']> }
  receive: { body: Sent<ReceiveOptions, 'idempotencyKey' | 'waitMs'> & { wait?: number }, answer: Resolved<Group['receive']> }
  ack: { body: Argument<Group['ack']>, answer: Resolved<Group['ack']> }
  nack: { body: LeasePart & Sent<NackOptions>, answer: Resolved<Group['nack']> }
  extend: { body: { leaseId: Parameters<Group['extend']>[0] } & Argument<Group['extend'], 1>, answer: Resolved<Group['extend']> }
  seekGroup: { body: { offset: Parameters<Group['seek']>[0] } & Argument<Group['seek'], 1>, answer: Resolved<Group['seek']> }
  redriveGroup: { body: Argument<Group['redrive']>, answer: Resolved<Group['redrive']> }
  createToken: { body: Argument<Tokens['create']>, answer: Resolved<Tokens['create']> }
  listTokens: { query: Paging, answer: { tokens: Array<Yielded<Tokens['list']>>, next?: string } }
  describeToken: { answer: Resolved<Tokens['describe']> }
  revokeToken: { answer: Resolved<Tokens['revoke']> }
  health: { answer: Resolved<StreamsClient['health']> }
  ready: { answer: Resolved<StreamsClient['ready']> }
  metrics: { answer: Resolved<StreamsClient['metrics']> }
}

/** An operation as openapi-typescript writes it. */
interface Operation { parameters: { query?: unknown }, requestBody?: unknown, responses: object }

type Content<Of> = Of extends { content: { 'application/json': infer Value } | { 'text/plain': infer Value } } ? Value : never
interface Documented<Of extends Operation> {
  query: NonNullable<Of['parameters']['query']>
  body: Content<Of['requestBody']>
  answer: Content<Of['responses'][keyof Of['responses'] & (200 | 201)]>
}

type Camel<Name> = Name extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : Name

/** Members in camelCase at all depths, without what does not show in JSON: `readonly`, and `undefined` in place of absence. */
type Plain<Value> = Value extends ReadonlyArray<infer Item>
  ? Array<Plain<Item>>
  : Value extends object
    ? { -readonly [Name in keyof Value as Camel<Name> & PropertyKey]: Plain<Exclude<Value[Name], undefined>> }
    : Value

/** Of problems in a receive's `acked` the client promises fewer members: `OfAcked` compares them. */
type WithoutAcked<Value> = Value extends { lease: unknown } ? Omit<Value, 'acked'> : Value

/** Where two types differ: the path, and those of members in which they do. */
type Differing<A, B, Path extends string> = Same<A, B> extends true ? never : Path | {
  [Name in (keyof A | keyof B) & string]: Name extends keyof A & keyof B
    ? Same<Pick<A, Name>, Pick<B, Name>> extends true ? never : `${Path}.${Name}`
    : `${Path}.${Name}`
}[(keyof A | keyof B) & string]

/** A part that one side does not have is `never`. */
type Part<Of, Name extends string> = Of extends Record<Name, infer Value> ? Value : never

type OfOperation<Id extends string, Ours, Theirs> = {
  [Name in 'query' | 'body' | 'answer']: Differing<
    WithoutAcked<Plain<Exclude<Part<Ours, Name>, void>>>, WithoutAcked<Plain<Part<Theirs, Name>>>, `${Id}.${Name}`
  >
}['query' | 'body' | 'answer']

interface Schemas {
  Problem: { code: string, retriable: boolean, written?: string, applied?: string }
  Received: { acked?: unknown }
}

/** Of codes the client has only its own, which must not be the service's. */
type OfProblems<Theirs extends Schemas['Problem'], Members extends keyof StreamsError = 'applied' | 'retriable' | 'written'> =
  | Differing<Plain<Pick<StreamsError, Members>>, Plain<Required<Pick<Theirs, Members & keyof Theirs>>>, 'Problem'>
  | (ClientErrorCode & Theirs['code'])

type OfAcked<Theirs> = [NonNullable<Theirs>] extends [Plain<NonNullable<Received<unknown>['acked']>>] ? never : 'receive.answer.acked'

/** Nothing, if the client's types are those of the document. Otherwise the places in which they differ. */
export type Differences<Operations, Theirs extends Schemas> =
  | OfProblems<Theirs['Problem']>
  | OfAcked<Plain<Theirs['Received']['acked']>>
  | { [Id in (keyof Calls | keyof Operations) & string]: Id extends keyof Calls & keyof Operations
    ? Operations[Id] extends Operation ? OfOperation<Id, Calls[Id], Documented<Operations[Id]>> : Id
    : Id
  }[(keyof Calls | keyof Operations) & string]
