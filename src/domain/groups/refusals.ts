import type { GroupName } from '../../ports/group-store.ts'
import { LogError } from '../errors.ts'

/* Refusals that several operations have in common. */

export function notFound ({ topic, group }: GroupName): LogError {
  return new LogError('group_not_found', `The topic ${topic} has no consumer group ${group}. A receive or a PUT makes one.`)
}

export function contended (): LogError {
  return new LogError('group_contended', 'Too many others changed the consumer group at the same time.')
}
