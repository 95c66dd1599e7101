import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { TopicInfo } from '../../../clients/typescript/src/index.ts'
import { type Access, useAccess } from '../model/access.ts'
import { count } from '../model/format.ts'
import { usePoll } from '../model/poll.ts'
import { linkTo, route } from '../model/router.ts'
import { client, hasCode, serviceUrl, usesTokens } from '../model/session.ts'
import { appendWithCurl } from '../model/snippets.ts'
import { Command, Empty, Failure, Tabs } from '../parts/ui.tsx'
import { GroupView } from './group.tsx'
import { MessagesView } from './messages.tsx'
import { ProduceView } from './produce.tsx'
import { TopicGroups } from './groups.tsx'
import { TopicSettings } from './topic-settings.tsx'

export function TopicView ({ topic }: { topic: string }): JSX.Element {
  const access = useAccess(topic)
  const { data, error, refresh } = usePoll((signal) => client.peek().topic(topic).describe({ signal }), 5_000, [topic])
  const [, , tab = '', group] = route.value.parts
  const info = data.value
  // What the parts below have seen since: they ask more often.
  const seenEnd = useSignal(0)
  useEffect(() => { seenEnd.value = 0 }, [info])
  const onEnd = (end: number): void => { seenEnd.value = Math.max(seenEnd.value, end) }
  const end = Math.max(info?.end ?? 0, seenEnd.value)
  if (access === undefined) return <p class='muted' role='status'>Loading…</p>
  const tabs = [
    { name: 'Messages', part: '', allowed: access.consume },
    { name: 'Produce', part: 'produce', allowed: access.produce },
    { name: 'Groups', part: 'groups', allowed: access.groups },
    { name: 'Settings', part: 'settings', allowed: access.admin || access.produce }
  ].filter(({ allowed }) => allowed)
  const isMissing = hasCode(error.value, 'topic_not_found')
  const isOfGroup = tab === 'groups' && group !== undefined
  return (
    <>
      <div class='head'>
        <nav class='crumbs' aria-label='Where'>
          <a href={linkTo('topics')}>Topics</a><span aria-hidden='true'>/</span>
          {isOfGroup && <><a class='mono' href={linkTo('topics', topic, 'groups')}>{topic}</a><span aria-hidden='true'>/</span></>}
          <h1 class='mono'>{isOfGroup ? group : topic}</h1>
        </nav>
        {info?.closed === true && <span class='badge'>closed</span>}
        {info !== undefined && (
          <span class='muted'>
            {end === info.earliest ? 'no messages' : `offsets ${count(info.earliest)} to ${count(end - 1)}`}
          </span>
        )}
      </div>
      <Tabs
        label='Parts of the topic'
        tabs={tabs.map(({ name, part }) => ({ name, href: linkTo('topics', topic, ...part === '' ? [] : [part]), current: part === tab }))}
      />
      {!isMissing && <Failure error={error.value} />}
      {isMissing && tab !== 'produce'
        ? <NoTopic topic={topic} />
        : tabs.some(({ part }) => part === tab)
          ? <Part tab={tab} group={group} topic={topic} info={info} access={access} onChanged={refresh} onEnd={onEnd} />
          : <NotAllowed tab={tab} topic={topic} />}
    </>
  )
}

interface PartProps {
  readonly tab: string
  readonly group: string | undefined
  readonly topic: string
  readonly info: TopicInfo | undefined
  readonly access: Access
  readonly onChanged: () => void
  readonly onEnd: (end: number) => void
}

function Part ({ tab, group, topic, info, access, onChanged, onEnd }: PartProps): JSX.Element | null {
  if (tab === 'produce') return <ProduceView topic={topic} onProduced={onChanged} />
  if (tab === 'settings') return info === undefined ? null : <TopicSettings info={info} access={access} onChanged={onChanged} />
  if (tab !== 'groups') return <MessagesView topic={topic} info={info} onEnd={onEnd} />
  return group === undefined
    ? <TopicGroups topic={topic} />
    : <GroupView key={group} topic={topic} group={group} canConsume={access.consume} onEnd={onEnd} />
}

function NoTopic ({ topic }: { topic: string }): JSX.Element {
  const request = { url: serviceUrl, topic, token: usesTokens.value }
  return (
    <Empty title='There is no topic of this name'>
      <p>The first message creates it, unless the server has <code>AUTO_CREATE_TOPICS=false</code>:</p>
      <Command>{appendWithCurl(request, { payload: '{"item":"book","quantity":2}', key: undefined, headers: undefined })}</Command>
    </Empty>
  )
}

const grants: Record<string, string> = { '': 'consume', produce: 'produce', groups: 'groups', settings: 'admin' }

function NotAllowed ({ tab, topic }: { tab: string, topic: string }): JSX.Element {
  const grant = grants[tab]
  if (grant === undefined) return <Empty title='There is nothing at this address' />
  return (
    <Empty title='The token does not allow this'>
      <p>It needs the grant <code>{grant}:{topic}</code>. <a href={linkTo('topics')}>All topics</a></p>
    </Empty>
  )
}
