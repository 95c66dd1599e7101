import { createHash, createHmac } from 'node:crypto'
import type { ScriptedRequest } from './scripted-server.ts'

/** What a request's signature says, recomputed as a service does it. Written from the specification, not from the SDK. */
export interface Signature {
  /** `x-amz-date`, in ms. */
  readonly date: number
  readonly signedHeaders: readonly string[]
  /** The signature is that of this request under this secret. */
  readonly valid: boolean
}

export function readSignature (request: ScriptedRequest, secretAccessKey: string): Signature {
  const { headers, method, url } = request
  const authorization = headers.authorization ?? ''
  const [, scope = '', list = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(authorization) ?? []
  const signedHeaders = list.split(';')
  const date = String(headers['x-amz-date'])
  const { pathname, searchParams } = new URL(url, 'http://host')
  const canonical = [
    method,
    pathname,
    [...searchParams].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).sort().join('&'),
    ...signedHeaders.map((name) => `${name}:${String(headers[name]).trim().replaceAll(/ +/g, ' ')}`),
    '',
    list,
    headers['x-amz-content-sha256'] ?? sha256(request.body)
  ].join('\n')
  const [day = '', region = '', service = '', terminal = ''] = scope.split('/')
  const key = [day, region, service, terminal].reduce<Buffer | string>((secret, part) => hmac(secret, part), `AWS4${secretAccessKey}`)
  const expected = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex')
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  return { date: Date.parse(iso), signedHeaders, valid: signature === expected && date.startsWith(day) }
}

function sha256 (data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac (key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}
