import { demand } from '../../../domain/access/demand.ts'
import type { Grants } from '../../../domain/access/grants.ts'
import { defaultLettersOf } from '../../../domain/groups/groups.ts'

/**
 * A group writes into its dead-letter topic, and reads from it, for whoever has `groups` on its topic. So a client may name only
 * a topic that it may use itself, or the topic's default: that one is a part of `groups`.
 * @throws LogError `forbidden`
 */
export function demandLetters (grants: Grants, action: 'produce' | 'consume', topic: string, letters: string): void {
  if (letters !== defaultLettersOf(topic)) demand(grants, action, letters)
}
