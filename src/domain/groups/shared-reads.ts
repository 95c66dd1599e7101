import type { TopicItem } from '../../ports/topic-store.ts'
import type { Offset } from '../../ports/units.ts'
import { pageBytes, type Page, type PageSize, type ReadRequest } from '../log/log.ts'
import type { Operation } from '../operation.ts'
import { parseMessage } from '../segments/message.ts'
import { readTopic, type GroupContext } from './group-context.ts'
import { bucketOf } from './lease-id.ts'
import { Pages } from './pages.ts'

/**
 * What the receives of one group in this process read of the topic, once for all of them: many workers ask at the same time, and
 * all want what comes next.
 */
export class SharedReads {
  readonly pages = new Pages()
  readonly #context: GroupContext
  readonly #topic: string
  readonly #loading = new Map<Offset, Promise<Page>>()
  readonly #loadingAgain = new Map<Offset, Promise<Page>>()
  #reading: Promise<TopicItem | undefined> | undefined
  #next: Promise<TopicItem | undefined> | undefined
  readonly #buckets = new WeakMap<Uint8Array, { readonly gen: string, readonly bucket: number | undefined }>()

  constructor (context: GroupContext, topic: string) {
    this.#context = context
    this.#topic = topic
  }

  /** The topic's item, as it was at some time since the call. @throws StoreError */
  readTopic (operation: Operation): Promise<TopicItem | undefined> {
    if (this.#reading === undefined) return this.#readNow(operation)
    // The read that is under way began earlier. All that come meanwhile share the next one.
    this.#next ??= this.#reading.catch(() => undefined).then(() => {
      this.#next = undefined
      return this.#readNow(operation)
    })
    return this.#next
  }

  #readNow (operation: Operation): Promise<TopicItem | undefined> {
    operation.calls.state++
    const reading = readTopic(this.#context, this.#topic, operation)
    this.#reading = reading
    const ended = (): void => { if (this.#reading === reading) this.#reading = undefined }
    reading.then(ended, ended)
    return reading
  }

  /**
   * Reads a page from `from` on, unless another receive is doing that: then waits for it.
   * @returns the page, of a read that began after the call; `undefined` if `from` is in the shared pages by then
   * @throws LogError
   */
  async load (from: Offset, size: PageSize, item: TopicItem | undefined, operation: Operation): Promise<Page | undefined> {
    const underway = this.#loading.get(from)
    if (underway === undefined) return await this.#loadNow(this.#loading, { from, ...size, item }, operation)
    await underway.catch(() => {})
    if (this.pages.has(from)) return undefined
    // There was nothing yet when that read began. All that have waited for it share the next one, which reads the item, too.
    return await (this.#loadingAgain.get(from) ?? this.#loadNow(this.#loadingAgain, { from, ...size }, operation))
  }

  #loadNow (underway: Map<Offset, Promise<Page>>, request: ReadRequest, operation: Operation): Promise<Page> {
    const page = this.#context.log.read(this.#topic, request, operation).finally(() => { underway.delete(request.from) })
    underway.set(request.from, page)
    return page
  }

  /** Keeps the page for all. @returns false if there is no room: then only the receive that has read it may use it */
  share (from: Offset, page: Page): boolean {
    const { pageBudget, limits } = this.#context
    const size = pageBytes(page)
    if (size > limits.groupPagesBytes) return false
    if (this.pages.bytes + size > limits.groupPagesBytes) this.forget()
    if (!pageBudget.take(size)) return false
    const before = this.pages.bytes
    this.pages.add(from, page, true)
    // Some of it was there already.
    pageBudget.giveBack(size - (this.pages.bytes - before))
    return true
  }

  forget (): void {
    this.#context.pageBudget.giveBack(this.pages.bytes)
    this.pages.clear()
  }

  /** The bucket of a message's key, in a group of mode `keyed` (groups §4). */
  bucketOf (gen: string, line: Uint8Array): number | undefined {
    let known = this.#buckets.get(line)
    if (known?.gen !== gen) {
      const { key } = parseMessage(line)
      known = { gen, bucket: key === undefined ? undefined : bucketOf(gen, key) }
      this.#buckets.set(line, known)
    }
    return known.bucket
  }
}
