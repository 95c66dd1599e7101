import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 1024

/**
 * Random bytes as hexadecimal digits, that nobody can guess. They are drawn from the system for many receives at once, as
 * `randomUUID` does it: a draw costs more than the rest of a receive's selection.
 * @returns the source. It gives at most 1,024 bytes at a time
 */
export function createRandomHex (): (bytes: number) => string {
  const pool = Buffer.alloc(POOL_BYTES)
  let at = POOL_BYTES
  return (bytes) => {
    if (at + bytes > POOL_BYTES) {
      randomFillSync(pool)
      at = 0
    }
    const text = pool.toString('hex', at, at + bytes)
    // What was given away is not kept.
    pool.fill(0, at, at + bytes)
    at += bytes
    return text
  }
}
