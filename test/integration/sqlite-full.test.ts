import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { StoreError } from '../../src/ports/errors.ts'
import type { SegmentStore } from '../../src/ports/segment-store.ts'
import { append, object, openStore, startFailure } from '../support/sqlite.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

// A disk of a few megabytes, for which it takes root on Linux.
test('the embedded store refuses writes while its disk is full, and goes on when there is space', async (t) => {
  const disk = temporaryFolder(t)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk], { stdio: 'pipe' })
  } catch (error) {
    t.skip(`a small file system cannot be mounted here: ${(error as Error).message}`)
    return
  }
  try {
    const folder = join(disk, 'data')
    const store = openStore(t, folder)
    const body = Buffer.alloc(20_000, 'x')
    // Enough for the log to have been moved to the database once. Its file keeps its size: what fits in there is taken
    // on a full disk, too, until the log is to be moved again, and the database can't grow.
    for (let i = 0; i < 300; i++) await append(store, 't', body)
    fill(join(disk, 'ballast'))

    let acknowledged = 300
    await assert.rejects(async () => { for (;; acknowledged++) await append(store, 't', body) }, full)
    t.diagnostic(`${acknowledged} appends before the disk was full`)
    assert.ok(acknowledged > 300)
    // A small change, whose own pages may still fit in the log, is refused at last, too.
    await assert.rejects(async () => { for (;;) await append(store, 't', 'small') }, full)

    const state = (await store.counter.read('t'))!
    const stored = await lastsOf(store.segments)
    assert.ok(stored.length >= acknowledged)
    for (let last = 1; last <= acknowledged; last++) assert.ok(body.equals((await store.segments.get('t', last))!.body), `${last}`)
    await store.segments.check()

    rmSync(join(disk, 'ballast'))
    const next = await append(store, 't', 'there is space')
    assert.ok(next > state.currentOffset)
    for (let i = 0; i < 20; i++) await append(store, 'other', body)
    store.close()

    // What was refused has not come back, neither in this process nor after a restart.
    const again = openStore(t, folder)
    assert.deepEqual(await lastsOf(again.segments), [...stored, next])
    assert.ok(body.equals((await again.segments.get('other', 20))!.body))
    again.close()

    fill(join(disk, 'ballast'))
    mkdirSync(join(disk, 'empty'))
    assert.throws(() => openStore(t, join(disk, 'empty')), startFailure('full', join(disk, 'empty'), 'no space'))
    rmSync(join(disk, 'ballast'))
    const { at } = await openStore(t, join(disk, 'empty')).counter.reserve('t', 1, { now: 0 })
    const last = openStore(t, folder)
    assert.equal(await last.segments.putIfAbsent('t', next + 1, object('x'), { reservedAt: at }), 'created')
    last.close()
  } finally {
    execFileSync('umount', ['--lazy', disk])
  }
})

function full (error: unknown): boolean {
  return error instanceof StoreError && error.failure === 'unavailable' && error.effect === 'none' && error.message === 'The disk is full'
}

/** Takes all the space that is left. */
function fill (path: string): void {
  const page = Buffer.alloc(4_096)
  try {
    for (;;) writeFileSync(path, page, { flag: 'a' })
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  }
}

/** All keys of the topic; a list may hold fewer than were asked for. */
async function lastsOf (segments: SegmentStore): Promise<number[]> {
  const lasts: number[] = []
  for (;;) {
    const { entries, truncated } = await segments.list('t', (lasts.at(-1) ?? 0) + 1, 10_000)
    lasts.push(...entries.map(({ last }) => last))
    if (!truncated) return lasts
  }
}
