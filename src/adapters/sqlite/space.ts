import { statfsSync } from 'node:fs'
import { StoreError } from '../../ports/errors.ts'

const MiB = 1024 * 1024

/**
 * Appends are refused if less than this would stay free. It is reserved for upkeep, which needs little: seals, trims, and
 * moving the write-ahead log to the database.
 */
export const RESERVE_BYTES = 8 * MiB

/** The free space is read again after this time, and after this many bytes. */
const ASK_AGAIN_MS = 200
const ASK_AGAIN_BYTES = MiB

/** The space that appends may use. */
export interface Space {
  /** Takes space for a write. @param bytes to be written; 0 only checks whether there is space @throws StoreError `full` */
  take (bytes: number): void
  /** To be called when a write has failed because the disk is full. */
  exhausted (): void
}

/** Bytes that this user can still write on the disk of `folder`; Infinity if the system does not report them. */
export function freeBytesOf (folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return Infinity
  }
}

/**
 * @param freeBytes free bytes on the disk, and in the database where rows were deleted
 * @param pendingBytes bytes in the write-ahead log, by which the database may still grow
 * @param elapsed ms since an arbitrary start; never decreases
 */
export function createSpace (freeBytes: () => number, pendingBytes: () => number, elapsed: () => number): Space {
  let left = 0
  let untilAsked = 0
  let askedAt = -Infinity

  return {
    take (bytes) {
      // Each byte is written to the log and later to the database.
      const needed = 2 * bytes
      if (untilAsked <= 0 || elapsed() - askedAt > ASK_AGAIN_MS) {
        left = freeBytes() - pendingBytes() - RESERVE_BYTES
        untilAsked = ASK_AGAIN_BYTES
        askedAt = elapsed()
      }
      if (left <= needed) {
        throw new StoreError('full', 'none', 'The disk of the data folder is full: ' +
          `expected ${RESERVE_BYTES / MiB} MiB to stay free. Free some space: no restart is needed`)
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
