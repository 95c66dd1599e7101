import { statfsSync } from 'node:fs'
import { StoreError } from '../../ports/errors.ts'

const MiB = 1024 * 1024

/**
 * Appends are refused when less than this is free. What is left is for upkeep, which needs little: seals, trims, and moving
 * the write-ahead log to the database.
 */
export const RESERVE_BYTES = 8 * MiB

/** The free space is asked for again after so long, and after so much was written. */
const ASK_AGAIN_MS = 200
const ASK_AGAIN_BYTES = MiB

/** The space that appends may use. */
export interface Space {
  /** @param bytes about to be written; 0 asks whether there is any space @throws StoreError `full` */
  take (bytes: number): void
  /** A write has failed for want of space. */
  exhausted (): void
}

/** Bytes that this user can still write on the disk of `folder`; without an answer from the system, no limit. */
export function freeBytesOf (folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return Infinity
  }
}

/**
 * @param freeBytes on the disk, and in the database where rows were deleted
 * @param pendingBytes in the write-ahead log, which the database file may still have to grow by
 * @param elapsed ms from an arbitrary start, never going back
 */
export function createSpace (freeBytes: () => number, pendingBytes: () => number, elapsed: () => number): Space {
  let left = 0
  let untilAsked = 0
  let askedAt = -Infinity

  return {
    take (bytes) {
      // In the log first, then in the database.
      const needed = 2 * bytes
      if (untilAsked <= 0 || elapsed() - askedAt > ASK_AGAIN_MS) {
        left = freeBytes() - pendingBytes() - RESERVE_BYTES
        untilAsked = ASK_AGAIN_BYTES
        askedAt = elapsed()
      }
      if (left <= needed) {
        throw new StoreError('full', 'none', `The disk of the data folder is full: expected ${RESERVE_BYTES / MiB} MiB to stay free. Free some space; the server goes on by itself`)
      }
      left -= needed
      untilAsked -= needed
    },

    exhausted () {
      left = 0
      askedAt = elapsed()
    }
  }
}
