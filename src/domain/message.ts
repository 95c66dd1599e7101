import { onOneLine } from './json.ts'

/** A message as it is handed to an append: its payload is JSON text that is never parsed again. */
export interface NewMessage {
  /** Valid JSON text of any value. */
  readonly payload: string
  readonly key?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * The wire form, which is the stored form (log §2.1, §2.3), on one line:
 *
 *     {"offset":N,"payload":JSON,"timestamp":MS[,"key":STRING][,"headers":{STRING:STRING,…}]}
 */
export function encodeMessage (message: NewMessage, offset: number, timestamp: string): string {
  let line = '{"offset":' + offset + ',"payload":' + onOneLine(message.payload) + ',"timestamp":' + timestamp
  if (message.key !== undefined) line += `,"key":${JSON.stringify(message.key)}`
  if (message.headers !== undefined) line += `,"headers":${JSON.stringify(message.headers)}`
  return line + '}'
}

/** How every line of our own begins: the cheap check that a line is the one it should be. */
export function lineStart (offset: number): string {
  return `{"offset":${offset},"`
}
