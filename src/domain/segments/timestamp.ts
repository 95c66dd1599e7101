/** The end of a line without key and headers, as this server writes it. No string can end like this: its quotes would be escaped. */
const atEnd = /,"timestamp":(\d{1,16})\}$/

/**
 * The timestamp of a stored line, ms since epoch by its writer's clock.
 * @returns `undefined` if the line has none, or one that is not a number, as other implementations may write it
 */
export function timestampOf (line: Uint8Array): number | undefined {
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength)
  const match = atEnd.exec(bytes.toString('latin1', Math.max(0, bytes.length - 40)))
  if (match !== null) return Number(match[1])
  const { timestamp } = JSON.parse(bytes.toString('utf8')) as { timestamp?: unknown }
  return typeof timestamp === 'number' ? timestamp : undefined
}
