import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { jsonText, type StreamsClient, StreamsError } from '../../../clients/typescript/src/index.ts'
import { inBackground } from './poll.ts'
import { client, token } from './session.ts'

export interface Access {
  readonly consume: boolean
  readonly produce: boolean
  readonly groups: boolean
  readonly admin: boolean
}

const everything: Access = { consume: true, produce: true, groups: true, admin: true }

/** @returns what the token may do with a topic; `undefined` until that is known */
export function useAccess (topic: string): Access | undefined {
  const access = useSignal<Access | undefined>(token.value === undefined ? everything : undefined)
  useEffect(() => {
    if (token.value === undefined) {
      access.value = everything
      return
    }
    let isCurrent = true
    inBackground(ask(client.value, topic).then((found) => { if (isCurrent) access.value = found }))
    return () => { isCurrent = false }
  }, [topic, token.value])
  return access.value
}

/**
 * The service has no route that tells what a token may do. But it refuses a request without the grant (403) before it looks at its
 * body, and one with a body that is not valid (400) after. So these requests change nothing, whatever the token may do.
 */
async function ask (service: StreamsClient, name: string): Promise<Access> {
  const topic = service.topic<string>(name, { codec: jsonText })
  const [consume, produce, groups, admin] = await Promise.all([
    isAllowed(topic.page({ from: 'latest', limit: 1 })),
    isAllowed(topic.append('', { idempotencyKey: false })),
    isAllowed(topic.groups().next()),
    isAllowed(topic.trim(-1))
  ])
  return { consume, produce, groups, admin }
}

async function isAllowed (request: Promise<unknown>): Promise<boolean> {
  try {
    await request
    return true
  } catch (error) {
    return error instanceof StreamsError && error.status !== 403 && error.status !== 401
  }
}
