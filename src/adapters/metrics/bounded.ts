import type { GroupName } from '../../ports/group-store.ts'
import { OTHER } from './labels.ts'
import type { Family, Series } from './series.ts'

const ofTopic = ['messagesAppended', 'bytesAppended', 'messagesDelivered', 'bytesDelivered'] as const
const ofGroup = ['groupDeliveries', 'groupRedeliveries', 'groupAcks', 'groupExpiries', 'groupDead'] as const

type Families<Keys extends string> = { readonly [Key in Keys]: Family<Series> }

export type TopicSeries = { readonly [Key in typeof ofTopic[number]]: Series }

/** The lag of a group beyond the bound is not reported: the numbers of several groups would overwrite each other. */
export type GroupSeries = { readonly [Key in typeof ofGroup[number]]: Series } & { readonly groupLag: Series | undefined }

/** The series of the first `max` topics. All others share theirs, so that names of topics can't fill the memory. */
export class Topics {
  readonly #families: Families<typeof ofTopic[number]>
  readonly #max: number
  readonly #topics = new Map<string, TopicSeries>()
  #other: TopicSeries | undefined

  constructor (families: Families<typeof ofTopic[number]>, max: number) {
    this.#families = families
    this.#max = max
  }

  of (topic: string): TopicSeries {
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    if (this.#topics.size >= this.#max) {
      this.#other ??= this.#make(OTHER)
      return this.#other
    }
    const made = this.#make(topic)
    this.#topics.set(topic, made)
    return made
  }

  #make (topic: string): TopicSeries {
    return Object.fromEntries(ofTopic.map((key) => [key, this.#families[key].at(topic)])) as TopicSeries
  }
}

/** The same for groups. */
export class Groups {
  readonly #families: Families<typeof ofGroup[number] | 'groupLag'>
  readonly #max: number
  readonly #topics = new Map<string, Map<string, GroupSeries>>()
  #count = 0
  #other: GroupSeries | undefined

  constructor (families: Families<typeof ofGroup[number] | 'groupLag'>, max: number) {
    this.#families = families
    this.#max = max
  }

  of ({ topic, group }: GroupName): GroupSeries {
    let groups = this.#topics.get(topic)
    const known = groups?.get(group)
    if (known !== undefined) return known
    if (this.#count >= this.#max) {
      this.#other ??= { ...this.#make(OTHER, OTHER), groupLag: undefined }
      return this.#other
    }
    this.#count++
    if (groups === undefined) {
      groups = new Map<string, GroupSeries>()
      this.#topics.set(topic, groups)
    }
    const made = { ...this.#make(topic, group), groupLag: this.#families.groupLag.at(topic, group) }
    groups.set(group, made)
    return made
  }

  #make (topic: string, group: string): Omit<GroupSeries, 'groupLag'> {
    return Object.fromEntries(ofGroup.map((key) => [key, this.#families[key].at(topic, group)])) as Omit<GroupSeries, 'groupLag'>
  }
}
