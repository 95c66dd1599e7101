import type { RecordName } from '../../ports/record-store.ts'
import type { Fact } from '../../ports/topic-store.ts'
import { StoreCalls } from '../store-calls.ts'
import { sweep, type SweepDeps, type Swept, type SweepOptions } from './sweep.ts'

/** Not the record of a topic, whose name can't contain `#`. Its text is where the next sweep goes on. */
const NEXT: RecordName = { kind: 'key', topic: '#sweep', id: 'next' }

/** For which the place is kept. Then a sweep begins at the first topic again. */
const KEPT_MS = 24 * 60 * 60_000

/**
 * A sweep that goes on where the one before stopped, in whatever process that was. Without that, sweeps with too little time
 * for all topics would never come to the last ones. Where it is not known, it begins at the first topic.
 */
export async function resumedSweep (deps: SweepDeps, options: SweepOptions): Promise<Swept> {
  const calls = new StoreCalls(deps)
  const seen = await read(deps, calls)
  const before = seen?.text ?? ''
  const swept = await sweep(deps, { ...options, after: before })
  const { next = '' } = swept
  if (next !== before && options.dryRun !== true) await write(deps, calls, { last: (seen?.last ?? 0) + 1, text: next }, seen?.last ?? null)
  return swept
}

async function read ({ records }: SweepDeps, calls: StoreCalls): Promise<Fact | undefined> {
  try {
    return await calls.make('read', 'the record store', (signal) => records.read(NEXT, { signal }))
  } catch {
    return undefined
  }
}

/** Another sweep may have been quicker, or the disk may be full: the next sweep then begins elsewhere. */
async function write ({ records, clock }: SweepDeps, calls: StoreCalls, fact: Fact, seen: number | null): Promise<void> {
  try {
    await calls.make(
      'write', 'the record store', (signal) => records.replace(NEXT, fact, seen, { expiresAtMs: clock.wall() + KEPT_MS, signal })
    )
  } catch {}
}
