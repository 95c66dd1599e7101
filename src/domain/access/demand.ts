import { LogError } from '../errors.ts'
import { checkTopic } from '../topics/name.ts'
import { type Grants, type TopicAction, topicActions } from './grants.ts'

/**
 * Refuses a client without the grant for an action on a topic. The error is the same whether the topic exists or not.
 * @throws LogError `forbidden`; `invalid_topic` for a name that no grant can be for
 */
export function demand (grants: Grants, action: TopicAction, topic: string): void {
  if (!grants.may(action, topic)) throw forbidden(`${action}:${checkTopic(topic)}`)
}

/** The same for one of several actions. The error names the first. @throws LogError as `demand` */
export function demandAny (grants: Grants, actions: readonly TopicAction[], topic: string): void {
  if (!actions.some((action) => grants.may(action, topic))) throw forbidden(`${actions[0]}:${checkTopic(topic)}`)
}

/** An action on all topics. @throws LogError `forbidden` */
export function demandOnAll (grants: Grants, action: TopicAction): void {
  if (!grants.mayOnAll(action)) throw forbidden(`${action}:*`)
}

/** To see that a topic exists: any action on it. @throws LogError as `demand` */
export function demandSight (grants: Grants, topic: string): void {
  demandAny(grants, sightActions, topic)
}

/** The weakest first, since the error names it. */
const sightActions = ['consume', ...topicActions.filter((action) => action !== 'consume')] as const

/** @param grant that is missing */
export function forbidden (grant: string): LogError {
  return new Forbidden(grant)
}

export class Forbidden extends LogError {
  readonly grant: string

  constructor (grant: string) {
    super('forbidden', `The token does not allow ${grant}.`)
    this.grant = grant
  }
}
