import type { Readable } from 'node:stream'
import {
  DeleteObjectsCommand, GetObjectCommand, HeadBucketCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand, S3Client,
  type GetObjectCommandOutput
} from '@aws-sdk/client-s3'
import { StoreError } from '../../ports/errors.ts'
import type { SegmentEntry, SegmentStore } from '../../ports/segment-store.ts'
import { answersPlugin, clientConfig, serverTime, type AwsSettings } from '../aws/client.ts'
import { guarded, statusOf, toStoreError, type FailedCall, type Remedies } from '../aws/errors.ts'
import { deadlinePlugin, DeadlineSigner, StoreClock } from './deadline.ts'

export interface S3Settings extends AwsSettings {
  readonly bucket: string
}

/** S3's bound for one ListObjectsV2 and for one DeleteObjects. */
const KEYS_MAX = 1_000

/**
 * Segments as objects of a bucket, `topics/{topic}/{last}.json` with `last` in 20 digits (log §2.1). It makes its own
 * client, because only one with the signer of deadline.ts keeps the promise of `putIfAbsent`.
 */
export function createS3SegmentStore (settings: S3Settings): SegmentStore & { close (): void } {
  const { bucket } = settings
  const clock = new StoreClock()
  const client = createS3Client(settings)
  client.middlewareStack.use(answersPlugin(settings.onAttempt, (time, sentAt) => { clock.heard(time, sentAt) }))
  const remedies = remediesFor(bucket)

  function calling (call: string, { signal }: { signal?: AbortSignal | undefined } = {}): FailedCall {
    return { call: `${call} in bucket ${bucket}`, remedies, signal }
  }

  return {
    async putIfAbsent (topic, last, object, { reservedAt, signal }) {
      const { body, contentType, contentEncoding, metadata } = object
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: keyOf(topic, last),
        IfNoneMatch: '*',
        Body: body,
        ContentType: contentType,
        ContentEncoding: contentEncoding,
        Metadata: { ...metadata }
      })
      if (reservedAt !== null) command.middlewareStack.use(deadlinePlugin(reservedAt, clock))
      return guarded({ ...calling(`PutObject ${keyOf(topic, last)}`, { signal }), pinned: reservedAt !== null }, async () => {
        try {
          await client.send(command, sending(signal))
          return 'created'
        } catch (error) {
          // Perhaps by an earlier attempt of this very call, whose answer was lost: the caller looks (log §3.3).
          if (statusOf(error) === 412) return 'exists'
          throw error
        }
      })
    },

    async get (topic, last, options) {
      const Key = keyOf(topic, last)
      return guarded(calling(`GetObject ${Key}`, options), async () => {
        let output: GetObjectCommandOutput
        try {
          output = await client.send(new GetObjectCommand({ Bucket: bucket, Key }), sending(options?.signal))
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
      const entries: SegmentEntry[] = []
      let StartAfter = keyOf(topic, from - 1)
      // More than one turn only where a whole page was foreign keys: an empty page would leave the caller where it was.
      for (;;) {
        const command = new ListObjectsV2Command({ Bucket: bucket, Prefix, StartAfter, MaxKeys: Math.min(limit, KEYS_MAX) })
        const output = await guarded(calling(`ListObjectsV2 ${Prefix}`, options), () => client.send(command, sending(options?.signal)))
        for (const { Key = '', Size = 0, LastModified } of output.Contents ?? []) {
          StartAfter = Key
          const last = lastOf(Key.slice(Prefix.length))
          if (last !== undefined) entries.push({ last, size: Size, lastModified: LastModified?.getTime() ?? 0 })
        }
        const truncated = output.IsTruncated ?? false
        if (entries.length > 0 || !truncated) return { entries, truncated, now: serverTime(output) }
      }
    },

    async remove (topic, lasts, options) {
      for (let start = 0; start < lasts.length; start += KEYS_MAX) {
        const Objects = lasts.slice(start, start + KEYS_MAX).map((last) => ({ Key: keyOf(topic, last) }))
        const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } })
        const failed = calling(`DeleteObjects ${prefixOf(topic)}`, options)
        const { Errors = [] } = await guarded(failed, () => client.send(command, sending(options?.signal)))
        const [first] = Errors
        if (first === undefined) continue
        const { failure, message } = toStoreError({ name: first.Code, message: first.Message, code: first.Code }, failed)
        throw new StoreError(failure, 'unknown', `${message} (${Errors.length} of ${Objects.length} keys)`)
      }
    },

    async check (options) {
      await guarded(calling('HeadBucket', options), () => client.send(new HeadBucketCommand({ Bucket: bucket }), sending(options?.signal)))
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
    // A bucket in the host name needs DNS that a local endpoint does not have.
    forcePathStyle: settings.endpoint !== undefined,
    // Segments carry a checksum of their own, and not every compatible store knows S3's.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With `Expect` the SDK opens a connection for each put, and waits a round trip before it sends the body.
    expectContinueHeader: false
  })
}

function sending (signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal }
}

/** The body's bytes; a connection that breaks in it, or ends before its end, is an error with a `code`. */
async function readBody ({ Body, ContentLength }: GetObjectCommandOutput): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of Body as Readable as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    length += chunk.length
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

/** The offset in a key's last part, or undefined when the key is none of ours. */
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
    refused: `S3 can't be used with these settings: AWS_REGION must be the region of the bucket "${bucket}", ` +
      'AWS_ENDPOINT_URL, if set, a service that speaks S3'
  }
}
