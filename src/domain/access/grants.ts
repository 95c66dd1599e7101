import { topicPattern } from '../topics/name.ts'

/** What a client may do with topics. The routes say which of them they need. */
export const topicActions = ['produce', 'consume', 'groups', 'admin'] as const

export type TopicAction = typeof topicActions[number]

/** `metrics` is about the server and has no topics. */
export type Action = TopicAction | 'metrics'

/*
 * A grant as text, in tokens and in the scopes of a JWT:
 *
 *   grant   = action ":" pattern | "metrics"
 *   action  = "produce" | "consume" | "groups" | "admin"
 *   pattern = TOPIC | PREFIX "*"
 *
 * PREFIX has the characters of topic names and may be empty. Upper and lower case differ, as in topic names. `orders.*` is for
 * `orders.eu`, and neither for `orders` nor for `orders2`.
 */
export const grantPattern = `^(metrics|(${topicActions.join('|')}):(${topicPattern.slice(1, -1)}|[A-Za-z0-9._-]{0,248}\\*))$`
export const grantExpected = `metrics, or one of ${topicActions.join(', ')} with a colon and a topic or a prefix and *, ` +
  'such as produce:orders.*'

const rule = new RegExp(grantPattern)

export function isGrant (text: string): boolean {
  return rule.test(text)
}

/** The topics of one action. */
class Topics {
  readonly #names = new Set<string>()
  readonly #prefixes: string[] = []

  add (pattern: string): void {
    if (pattern.endsWith('*')) this.#prefixes.push(pattern.slice(0, -1))
    else this.#names.add(pattern)
  }

  has (topic: string): boolean {
    return this.#names.has(topic) || this.#prefixes.some((prefix) => topic.startsWith(prefix))
  }

  /** As `Grants.nextVisible`. */
  nextAfter (after: string): string | undefined {
    if (this.#prefixes.some((prefix) => after.startsWith(prefix))) return after
    return least([...this.#names, ...this.#prefixes].filter((pattern) => pattern > after).map(justBefore))
  }

  get hasAll (): boolean { return this.#prefixes.includes('') }
}

/** A text above all topic names below this one: `~` is above the characters of names. */
function justBefore (text: string): string {
  return text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) - 1) + '~'
}

function least (texts: readonly string[]): string | undefined {
  return texts.length === 0 ? undefined : texts.reduce((a, b) => a < b ? a : b)
}

/** What a client may do: the sum of its grants. Nothing is forbidden by a grant. */
export class Grants {
  readonly #topics: Readonly<Record<TopicAction, Topics>> = {
    produce: new Topics(), consume: new Topics(), groups: new Topics(), admin: new Topics()
  }

  /** May read the metrics of the server. */
  readonly metrics: boolean

  /** @param texts grants; what is not a grant is ignored, so that the scopes of a JWT may have others for other services */
  constructor (texts: readonly string[]) {
    this.metrics = texts.includes('metrics')
    for (const text of texts) {
      if (text === 'metrics' || !isGrant(text)) continue
      const colon = text.indexOf(':')
      this.#topics[text.slice(0, colon) as TopicAction].add(text.slice(colon + 1))
    }
  }

  may (action: TopicAction, topic: string): boolean {
    return this.#topics[action].has(topic)
  }

  /** The action on all topics, those that do not exist yet included. */
  mayOnAll (action: TopicAction): boolean {
    return this.#topics[action].hasAll
  }

  /** Whether the client may know that the topic exists: with any action on it. */
  sees (topic: string): boolean {
    return topicActions.some((action) => this.may(action, topic))
  }

  /**
   * Where a list of topics after `after` may begin: all topics after `after` that the client may see are after this text. It is
   * `after` only if the client may see topics around it. @returns `undefined` if there are none
   */
  nextVisible (after: string): string | undefined {
    return least(topicActions.map((action) => this.#topics[action].nextAfter(after)).filter((next) => next !== undefined))
  }

  get seesAll (): boolean {
    return topicActions.some((action) => this.mayOnAll(action))
  }
}

/** All grants that there are: of clients of a server without access control. */
export const allGrants = new Grants([...topicActions.map((action) => `${action}:*`), 'metrics'])
