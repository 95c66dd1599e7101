export { StreamsClient } from './client.ts'
export { StreamsError, type ClientErrorCode, type StreamsErrorOptions, type Written } from './errors.ts'
export type {
  CallOptions, ClientOptions, Hooks, RequestInfo, ResponseInfo, RetryInfo, RetryOptions
} from './options.ts'
export { type Codec, jsonText, type Message, type MessageOptions, type NewMessage, type PayloadOptions } from './messages.ts'
export type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.ts'
export type { AppendConditions, Appended, AppendedBatch, AppendOptions, Topic, TopicConfig, TopicInfo } from './topic.ts'
export type { Page, PageOptions, Position, ReadOptions } from './reading.ts'
export type { FollowOptions } from './following.ts'
export type { Producer } from './producer.ts'
export type { ProducerOptions } from './producer-options.ts'
export type {
  Acked, Group, GroupConfig, GroupInfo, GroupMode, Lease, LeasePart, Nacked, NackOptions, Received, ReceiveOptions, Redriven
} from './group.ts'
export { type ConsumeOptions, type Handler, type HandlerContext, RejectMessage } from './consumer.ts'
export type { Output, Outputs, ProcessOptions } from './processing.ts'
export type { NewToken, TokenInfo, Tokens } from './tokens.ts'
export type { Pauses } from './waiting.ts'
