import { createHash, createHmac } from 'node:crypto'

export const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' }
export const region = 'us-east-1'

/** AWS Signature Version 4 of a request without a query, from the specification: the least work there is in it. */
export class HandSigner {
  readonly #service: string
  #day = ''
  #key: Buffer = Buffer.alloc(0)

  constructor (service: string) {
    this.#service = service
  }

  /** @returns the headers to send */
  sign (method: string, path: string, headers: Readonly<Record<string, string>>, body: Uint8Array | string): Record<string, string> {
    const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
    const hash = sha256(body)
    const signed: Record<string, string> = { ...headers, 'x-amz-content-sha256': hash, 'x-amz-date': date }
    const names = Object.keys(signed).sort()
    const list = names.join(';')
    const canonical = `${method}\n${path}\n\n${names.map((name) => `${name}:${signed[name]}\n`).join('')}\n${list}\n${hash}`
    const day = date.slice(0, 8)
    const scope = `${day}/${region}/${this.#service}/aws4_request`
    const signature = hmac(this.#keyOf(day), `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`).toString('hex')
    signed['authorization'] = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${list}, ` +
      `Signature=${signature}`
    return signed
  }

  /** Four HMACs, once a day. */
  #keyOf (day: string): Buffer {
    if (day !== this.#day) {
      this.#key = [
        region, this.#service, 'aws4_request'
      ].reduce((key, part) => hmac(key, part), hmac(`AWS4${credentials.secretAccessKey}`, day))
      this.#day = day
    }
    return this.#key
  }
}

function sha256 (data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac (key: Buffer | string, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}
