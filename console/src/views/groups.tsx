import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import type { TopicInfo } from '../../../clients/typescript/src/index.ts'
import { count } from '../model/format.ts'
import { groupTotals, useMonitor } from '../model/monitor.ts'
import { usePoll } from '../model/poll.ts'
import { go, linkTo, route, setQuery } from '../model/router.ts'
import { client, serviceUrl, usesTokens } from '../model/session.ts'
import { Command, Dialog, Empty, Failure } from '../parts/ui.tsx'
import { GroupForm } from './group-form.tsx'
import { describeAll, listTopics, matching, pageRows } from './topics.tsx'

interface GroupOfTopic {
  readonly topic: string
  readonly group: string
  readonly committedOffset: number | null
  readonly lag: number | null
}

/** The groups of the first topics that the search finds: the service has no list of all groups. */
export function GroupsView (): JSX.Element {
  useMonitor()
  const search = route.value.query.get('q') ?? ''
  const topics = usePoll(listTopics, 30_000, [])
  const names = matching(topics.data.value?.names ?? [], search)
  const asked = names.slice(0, pageRows)
  const { data } = usePoll((signal) => describeAll(asked, signal), 5_000, [asked.join()])
  const groups = [...data.value?.values() ?? []].flatMap(({ topic, groups = [] }) => groups.map((group) => ({ topic, ...group })))
  groups.sort((one, other) => (other.lag ?? -1) - (one.lag ?? -1))
  const isReady = topics.data.value !== undefined && (asked.length === 0 || data.value !== undefined)
  return (
    <>
      <div class='head'>
        <h1>Groups</h1>
        <input
          type='search' class='grow' data-search aria-label='Search topics' placeholder='Search topics  /' value={search}
          onInput={({ currentTarget }) => { setQuery({ q: currentTarget.value }) }}
        />
      </div>
      <Failure error={topics.error.value} />
      {names.length > pageRows && (
        <p class='muted'>The groups of the first {pageRows} topics of {count(names.length)}. Search to see others.</p>
      )}
      {!isReady && topics.error.value === undefined && <p class='muted' role='status'>Loading…</p>}
      {isReady && groups.length === 0 && <NoGroups topic={asked[0] ?? 'orders'} />}
      {groups.length > 0 && <GroupTable groups={groups} withTopic />}
    </>
  )
}

/** The groups of one topic. */
export function TopicGroups ({ topic }: { topic: string }): JSX.Element {
  useMonitor()
  const creating = useSignal(false)
  const { data, error } = usePoll((signal) => client.peek().topic(topic).describe({ groups: true, signal }), 3_000, [topic])
  const info: TopicInfo | undefined = data.value
  const groups = info?.groups?.map((group) => ({ topic, ...group }))
  return (
    <>
      <div class='bar'>
        <span class='grow muted'>{info?.groupsTruncated === true && 'The first 100 groups.'}</span>
        <button type='button' onClick={() => { creating.value = true }}>New group</button>
      </div>
      <Failure error={error.value} />
      {groups?.length === 0 && <NoGroups topic={topic} />}
      {groups !== undefined && groups.length > 0 && <GroupTable groups={groups} />}
      {creating.value && (
        <Dialog title='New group' onClose={() => { creating.value = false }}>
          <GroupForm
            topic={topic}
            onDone={(name) => {
              creating.value = false
              if (name !== undefined) go(linkTo('topics', topic, 'groups', name))
            }}
          />
        </Dialog>
      )}
    </>
  )
}

function GroupTable ({ groups, withTopic = false }: { groups: readonly GroupOfTopic[], withTopic?: boolean }): JSX.Element {
  const most = Math.max(1, ...groups.map(({ lag }) => lag ?? 0))
  return (
    <div class='scroller card' tabIndex={0} role='region' aria-label='Groups'>
      <table class='data'>
        <thead>
          <tr>
            <th scope='col'>Group</th>
            {withTopic && <th scope='col'>Topic</th>}
            <th scope='col' class='number'>Committed</th>
            <th scope='col' class='number'>Lag</th>
            <th scope='col' class='wide'><span class='offscreen'>Lag, as a bar</span></th>
            <th scope='col' class='number wide' title='Messages that were leased, since the server started'>Delivered</th>
            <th scope='col' class='number' title='Messages that were leased again, since the server started'>Again</th>
            <th scope='col' class='number' title='Messages that were given up, since the server started'>Dead</th>
          </tr>
        </thead>
        <tbody>
          {groups.map(({ topic, group, committedOffset, lag }) => {
            const totals = groupTotals.value.get(`${topic}/${group}`)
            return (
              <tr key={`${topic}/${group}`}>
                <th scope='row'><a href={linkTo('topics', topic, 'groups', group)}>{group}</a></th>
                {withTopic && <td><a href={linkTo('topics', topic)}>{topic}</a></td>}
                <td class='number'>{committedOffset === null ? '–' : count(committedOffset)}</td>
                <td class={`number ${(lag ?? 0) > 0 ? 'warn' : ''}`}>{lag === null ? '–' : count(lag)}</td>
                <td class='wide'><meter aria-hidden='true' min={0} max={most} value={lag ?? 0} /></td>
                <td class='number wide'>{totals === undefined ? '–' : count(totals.deliveries)}</td>
                <td class='number'>{totals === undefined ? '–' : count(totals.redeliveries)}</td>
                <td class={`number ${(totals?.deadLetters ?? 0) > 0 ? 'bad' : ''}`}>
                  {totals === undefined ? '–' : count(totals.deadLetters)}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function NoGroups ({ topic }: { topic: string }): JSX.Element {
  const authorization = usesTokens.value ? ' -H "authorization: Bearer $TOKEN"' : ''
  return (
    <Empty title='No consumer groups'>
      <p>A group shares the messages of a topic among workers. The first receive makes it:</p>
      <Command>
        {`curl ${serviceUrl}/topics/${topic}/groups/mailers/receive -H 'content-type: application/json'${authorization} -d '{"limit":10}'`}
      </Command>
    </Empty>
  )
}
