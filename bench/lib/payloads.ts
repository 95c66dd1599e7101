/** A JSON object of exactly `bytes` bytes that does not compress to nothing: letters and digits by a fixed rule. */
export function payloadOf (bytes: number, seed = 1): string {
  const head = `{"id":${seed},"name":"order","text":"`
  const tail = '"}'
  return head + filler(bytes - head.length - tail.length, seed) + tail
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789  '

/** The same letters for the same seed, on every machine. */
export function filler (length: number, seed: number): string {
  let state = seed | 1
  let text = ''
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    text += letters[state >>> 26]
  }
  return text
}
