import { hasCode, StreamsError } from './errors.ts'
import type { Group, Lease } from './group.ts'
import type { Message } from './messages.ts'
import { timerOf, unexpected } from './waiting.ts'

/** A message that is leased to this worker, until it is settled. */
export interface Task {
  /** Its payload is not checked yet. */
  readonly message: Message
  /** The how many-th delivery this is. */
  readonly attempt: number
  readonly lease: HeldLease
  /** Tasks with the same lane are handled one after the other. */
  readonly lane: unknown
}

/** A lease, which is extended as long as tasks of it are open. */
export class HeldLease {
  readonly id: string
  readonly #group: Group
  readonly #leaseMs: number | undefined
  readonly #onLost: (lease: HeldLease) => void
  readonly #controller = new AbortController()
  /** Offsets of tasks that are not settled. */
  readonly open = new Set<number>()
  /** By the clock of this process, in ms of `performance.now`. */
  #endsAt: number
  #timer: ReturnType<typeof setTimeout> | undefined
  #end: ReturnType<typeof setTimeout> | undefined
  lost = false

  constructor (group: Group, { id, expiresInMs }: Lease, leaseMs: number | undefined, onLost: (lease: HeldLease) => void) {
    this.#group = group
    this.id = id
    this.#leaseMs = leaseMs
    this.#onLost = onLost
    // From now: a receive that has waited for messages was sent long before its lease began.
    this.#endsAt = performance.now() + expiresInMs
    this.#schedule()
  }

  /** Aborts when the lease is lost: its messages come, or came, to somebody else. */
  get signal (): AbortSignal { return this.#controller.signal }

  /** @returns whether the task was open */
  settle (offset: number): boolean {
    const open = this.open.delete(offset)
    if (this.open.size === 0) this.#stop()
    return open
  }

  lose (error: unknown): void {
    if (this.lost) return
    this.lost = true
    this.#stop()
    this.#controller.abort(error)
    this.#onLost(this)
  }

  /** Extends when half of the time is over, so that there is time for attempts that fail. */
  #schedule (): void {
    this.#stop()
    const leftMs = this.#endsAt - performance.now()
    this.#timer = timerOf(leftMs / 2, () => { this.#extend().catch(unexpected) })
    this.#end = timerOf(leftMs, () => {
      this.lose(new StreamsError('The lease ended before it could be extended', { code: 'lease_lost' }))
    })
  }

  async #extend (): Promise<void> {
    const askedAt = performance.now()
    try {
      const { expiresInMs } = await this.#group.extend(this.id, { leaseMs: this.#leaseMs, timeoutMs: Math.max(1, this.#endsAt - askedAt) })
      this.#endsAt = askedAt + expiresInMs
      if (this.open.size > 0 && !this.lost) this.#schedule()
    } catch (error) {
      // Otherwise the end comes by its timer, and until then an acknowledgement may still succeed.
      if (hasCode(error, 'lease_lost') && this.open.size > 0) this.lose(error)
    }
  }

  #stop (): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#end)
  }
}

/** `Map.groupBy` is newer than the oldest runtime. */
export function byLease (tasks: readonly Task[]): Map<HeldLease, Task[]> {
  const groups = new Map<HeldLease, Task[]>()
  for (const task of tasks) {
    const group = groups.get(task.lease)
    if (group === undefined) groups.set(task.lease, [task])
    else group.push(task)
  }
  return groups
}
