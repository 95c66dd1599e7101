import type { Readable } from 'node:stream'
import {
  DeleteObjectsCommand, GetObjectCommand, HeadBucketCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand, S3Client,
  type GetObjectCommandOutput
} from '@aws-sdk/client-s3'
import { StoreError } from '../../ports/errors.ts'
import type { SegmentRestore } from '../../ports/copy-store.ts'
import type { CallOptions, NamedSegmentStore, SegmentEntry, SegmentObject } from '../../ports/segment-store.ts'
import { clientConfig, hasAnswered, isAws, observeAnswers, sendOptions, serverTime, type AwsSettings } from '../aws/client.ts'
import { withStoreErrors, markSent, statusOf, toStoreError, type CallContext, type Remedies } from '../aws/errors.ts'
import { deadlinePlugin, DeadlineSigner, StoreClock } from './deadline.ts'
import { listNames, type NameLists } from './topic-names.ts'

export interface S3Settings extends AwsSettings {
  readonly bucket: string
}

/** S3's limit for one ListObjectsV2 and for one DeleteObjects. */
const KEYS_MAX = 1_000

/** Not the key of a topic: topic names cannot contain `#` (log §2.1). */
const PROBE_KEY = 'topics/#check'

/**
 * Stores segments as objects of a bucket, `topics/{topic}/{last}.json` with `last` in 20 digits (log §2.1). It creates its
 * own client, because `putIfAbsent` needs the signer of deadline.ts.
 */
export function createS3SegmentStore (settings: S3Settings): NamedSegmentStore & SegmentRestore & { close (): void } {
  const { bucket } = settings
  const clock = new StoreClock()
  const client = createS3Client(settings)
  observeAnswers(client, settings, (time, sentAt) => { clock.observeServerTime(time, sentAt) })
  const remedies = remediesFor(bucket)
  let probed = false

  function callContext (call: string, { signal }: CallOptions = {}): CallContext {
    return { call: `${call} in bucket ${bucket}`, remedies, isAws: isAws(settings), answeredBefore: hasAnswered(client), signal }
  }

  /** @param reservedAt as in `PutOptions` */
  async function putIfAbsent (
    Key: string, object: SegmentObject, reservedAt: number | null, options?: CallOptions
  ): Promise<'created' | 'exists'> {
    const { body, contentType, contentEncoding, metadata } = object
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key,
      IfNoneMatch: '*',
      Body: body,
      ContentType: contentType,
      ContentEncoding: contentEncoding,
      Metadata: { ...metadata }
    })
    if (reservedAt !== null) command.middlewareStack.use(deadlinePlugin(reservedAt, clock))
    return withStoreErrors({ ...callContext(`PutObject ${Key}`, options), pinned: reservedAt !== null }, async () => {
      try {
        const { ETag } = await client.send(command, sendOptions(options))
        if (ETag !== undefined) return 'created'
      } catch (error) {
        // Perhaps an earlier put of the same object has created it, and its response was lost. The caller checks (log §3.3).
        if (statusOf(error) === 412) return 'exists'
        throw error
      }
      throw new StoreError('misconfigured', 'unknown',
        `${remedies.settings}. PutObject ${Key}: the answer has no ETag, so it is not that of a store`)
    })
  }

  /**
   * Checks what the log's safety depends on, with an object that is created once for each bucket (log §2.6).
   * @throws StoreError `misconfigured` if the store replaces an object despite `If-None-Match`, or if a list does not
   *   immediately contain the object with a date
   */
  async function probe (options?: CallOptions): Promise<void> {
    const object = { body: Buffer.from('{}'), contentType: 'application/json', metadata: {} }
    let put = await putProbe(object, options)
    // The first process that uses the bucket creates the object. Only the second put shows whether it is write-once.
    if (put === 'created') put = await putProbe(object, options)
    if (put === 'created') throw unsafeStore('does not keep If-None-Match: * (a second put of one key must fail with 412)')
    const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: PROBE_KEY, MaxKeys: 1 })
    const context = callContext(`ListObjectsV2 ${PROBE_KEY}`, options)
    const output = await withStoreErrors(context, () => client.send(command, sendOptions(options)))
    serverTime(output)
    const [found] = output.Contents ?? []
    if (found?.Key !== PROBE_KEY) throw unsafeStore(`does not list an object that is there (${PROBE_KEY})`)
    if (found.LastModified === undefined) throw unsafeStore('lists objects without LastModified')
  }

  async function putProbe (object: SegmentObject, options?: CallOptions): Promise<'created' | 'exists'> {
    try {
      return await putIfAbsent(PROBE_KEY, object, null, options)
    } catch (error) {
      // Another process is putting it at the same time, and the store has detected that.
      if (error instanceof StoreError && error.failure === 'conflict') return 'exists'
      throw error
    }
  }

  function unsafeStore (text: string): StoreError {
    return new StoreError('misconfigured', 'unknown',
      `the store of the bucket "${bucket}" ${text}: messages would be lost, so it can't be used`)
  }

  return {
    putIfAbsent (topic, last, object, options) {
      return putIfAbsent(keyOf(topic, last), object, options.reservedAtMs, options)
    },

    restore (topic, last, object, _, options) {
      return putIfAbsent(keyOf(topic, last), object, null, options)
    },

    async get (topic, last, options) {
      const Key = keyOf(topic, last)
      return withStoreErrors(callContext(`GetObject ${Key}`, options), async () => {
        let output: GetObjectCommandOutput
        try {
          output = await client.send(new GetObjectCommand({ Bucket: bucket, Key }), sendOptions(options))
        } catch (error) {
          if (error instanceof NoSuchKey) return undefined
          throw error
        }
        return {
          body: await readBody(output),
          contentType: output.ContentType ?? 'application/octet-stream',
          contentEncoding: output.ContentEncoding,
          metadata: output.Metadata ?? {}
        }
      })
    },

    async list (topic, from, limit, options) {
      const Prefix = prefixOf(topic)
      const StartAfter = keyOf(topic, from - 1)
      const entries: SegmentEntry[] = []
      const MaxKeys = Math.min(limit, KEYS_MAX)
      let ContinuationToken: string | undefined
      // A second request follows only if a page of the listing has no valid key: an empty result would look like the end.
      for (;;) {
        const command = new ListObjectsV2Command({ Bucket: bucket, Prefix, StartAfter, ContinuationToken, MaxKeys })
        const context = callContext(`ListObjectsV2 ${Prefix}`, options)
        const output = await withStoreErrors(context, () => client.send(command, sendOptions(options)))
        const { IsTruncated: truncated, NextContinuationToken: next, Contents = [] } = output
        if (truncated === undefined) throw unsafeStore('answers a list without IsTruncated')
        for (const { Key = '', Size = 0, LastModified } of Contents) {
          const last = lastOf(Key.slice(Prefix.length))
          if (last === undefined || !Key.startsWith(Prefix)) continue
          if (LastModified === undefined) throw unsafeStore('lists objects without LastModified')
          entries.push({ lastOffset: last, size: Size, lastModified: LastModified.getTime() })
        }
        if (entries.length > 0 || !truncated) return { entries, truncated, now: serverTime(output) }
        if (next === undefined || next === ContinuationToken) {
          throw unsafeStore('answers a list that is truncated without a new NextContinuationToken')
        }
        ContinuationToken = next
      }
    },

    async topics (after, limit, options) {
      const Prefix = 'topics/'
      const lists: NameLists = {
        list: async (above, token) => {
          const command = new ListObjectsV2Command({
            Bucket: bucket,
            Prefix,
            Delimiter: '/',
            StartAfter: Prefix + above,
            ContinuationToken: token,
            // One more than `limit` tells whether the list goes on, and `after` may be listed, too.
            MaxKeys: Math.min(limit + 2, KEYS_MAX)
          })
          const context = callContext(`ListObjectsV2 ${Prefix}`, options)
          const output = await withStoreErrors(context, () => client.send(command, sendOptions(options)))
          const { IsTruncated: truncated, NextContinuationToken: next, CommonPrefixes = [] } = output
          if (truncated === undefined) throw unsafeStore('answers a list without IsTruncated')
          if (truncated && (next === undefined || next === token)) {
            throw unsafeStore('answers a list that is truncated without a new NextContinuationToken')
          }
          const names = CommonPrefixes.map(({ Prefix: name = '' }) => name.slice(Prefix.length, -1))
          return { names, token: truncated ? next : undefined }
        },
        hasObjects: async (topic) => (await this.list(topic, 1, 1, options)).entries.length > 0
      }
      return await listNames(lists, after, limit)
    },

    async remove (topic, lasts, options) {
      for (let start = 0; start < lasts.length; start += KEYS_MAX) {
        const Objects = lasts.slice(start, start + KEYS_MAX).map((last) => ({ Key: keyOf(topic, last) }))
        const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } })
        const context = callContext(`DeleteObjects ${prefixOf(topic)}`, options)
        const { Errors = [] } = await withStoreErrors(context, () => client.send(command, sendOptions(options)))
        const [first] = Errors
        if (first === undefined) continue
        const error = { name: first.Code, message: first.Message }
        markSent(error)
        const { failure, message } = toStoreError(error, context)
        throw new StoreError(failure, 'unknown', `${message} (${Errors.length} of ${Objects.length} keys)`)
      }
    },

    async check (options) {
      if (probed) {
        const command = new HeadBucketCommand({ Bucket: bucket })
        await withStoreErrors(callContext('HeadBucket', options), () => client.send(command, sendOptions(options)))
      } else {
        await probe(options)
        probed = true
      }
    },

    close () {
      client.destroy()
    }
  }
}

function createS3Client (settings: S3Settings): S3Client {
  return new S3Client({
    ...clientConfig(settings),
    signerConstructor: DeadlineSigner,
    // A local endpoint has no DNS names for buckets.
    forcePathStyle: settings.endpoint !== undefined,
    requestChecksumCalculation: checksums(settings),
    // Readers check the checksum in the segment's metadata.
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With `Expect` the SDK opens a connection for each put, and waits a round trip before it sends the body.
    expectContinueHeader: false
  })
}

/** A bucket with Object Lock refuses puts without a checksum, but not every compatible store supports S3's checksums. */
export function checksums (settings: AwsSettings): 'WHEN_SUPPORTED' | 'WHEN_REQUIRED' {
  return isAws(settings) ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED'
}

/** The bytes of the body. @throws an error with a `code` if the connection breaks; StoreError if the body is incomplete */
async function readBody ({ Body, ContentLength }: GetObjectCommandOutput): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of Body as Readable as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      length += chunk.length
    }
  } catch (error) {
    markSent(error)
    throw error
  }
  if (ContentLength !== undefined && length !== ContentLength) {
    throw new StoreError('unavailable', 'none', `the body ended after ${length} of ${ContentLength} bytes`)
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)
}

function prefixOf (topic: string): string {
  return `topics/${topic}/`
}

function keyOf (topic: string, last: number): string {
  return `${prefixOf(topic)}${String(last).padStart(20, '0')}.json`
}

/** The offset in the last part of a key; `undefined` if the key has another form. */
function lastOf (name: string): number | undefined {
  if (!/^\d{20}\.json$/.test(name)) return undefined
  const last = Number(name.slice(0, 20))
  return Number.isSafeInteger(last) ? last : undefined
}

function remediesFor (bucket: string): Remedies {
  return {
    missing: `the bucket "${bucket}" does not exist: create it, or set BUCKET_NAME to one that does`,
    denied: `the bucket "${bucket}" may not be used: allow s3:ListBucket on it, and s3:GetObject, s3:PutObject and ` +
      's3:DeleteObject on its topics/*',
    settings: `S3 can't be used with these settings: AWS_REGION must be the region of the bucket "${bucket}", and ` +
      'AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, if set, a service that speaks S3 with conditional puts',
    archived: `objects of the bucket "${bucket}" were moved to an archive: restore those below topics/, ` +
      'and let no lifecycle rule move them',
    encryption: `the key that the bucket "${bucket}" is encrypted with can't be used: enable it, ` +
      'and allow kms:GenerateDataKey and kms:Decrypt'
  }
}
