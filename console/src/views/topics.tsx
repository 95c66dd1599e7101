import { useComputed, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { TopicInfo } from '../../../clients/typescript/src/index.ts'
import { count, perSecond } from '../model/format.ts'
import { flows, state as monitorState, useMonitor } from '../model/monitor.ts'
import { inTurns, usePoll } from '../model/poll.ts'
import { go, linkTo, route, setQuery } from '../model/router.ts'
import { client, hasCode, serviceUrl, usesTokens } from '../model/session.ts'
import { appendWithCurl } from '../model/snippets.ts'
import { Sparkline } from '../parts/chart.tsx'
import { Command, Dialog, Empty, Failure } from '../parts/ui.tsx'
import { TopicForm } from './topic-form.tsx'

/** The list asks the server for so many names, in pages of 1,000. */
const namesMax = 10_000
/** Only these are described, so that a server with many topics is not asked about all of them. */
export const pageRows = 50
const atOnce = 4

export interface Names {
  readonly names: readonly string[]
  readonly more: boolean
}

export async function listTopics (signal: AbortSignal): Promise<Names> {
  const names: string[] = []
  for await (const name of client.peek().topics({ signal })) {
    if (names.length === namesMax) return { names, more: true }
    names.push(name)
  }
  return { names, more: false }
}

/** Names that have the text, those that begin with it first. */
export function matching (names: readonly string[], text: string): readonly string[] {
  const wanted = text.trim().toLowerCase()
  if (wanted === '') return names
  const found = names.filter((name) => name.toLowerCase().includes(wanted))
  const begins = (name: string): boolean => name.toLowerCase().startsWith(wanted)
  return [...found.filter(begins), ...found.filter((name) => !begins(name))]
}

/** Describes topics, with their groups if the token may see them. What fails is left out. */
export async function describeAll (names: readonly string[], signal: AbortSignal): Promise<Map<string, TopicInfo>> {
  const found = new Map<string, TopicInfo>()
  await inTurns(names, atOnce, async (name) => {
    if (signal.aborted) return
    const topic = client.peek().topic(name)
    try {
      found.set(name, await topic.describe({ groups: true, signal }).catch(async (error: unknown) => {
        if (hasCode(error, 'forbidden')) return topic.describe({ signal })
        throw error
      }))
    } catch {
      // Deleted meanwhile, or the server does not answer, which the list says.
    }
  })
  return found
}

export function TopicsView (): JSX.Element {
  useMonitor()
  const creating = useSignal(false)
  const search = route.value.query.get('q') ?? ''
  const start = useSignal(0)
  const { data, error, refresh } = usePoll(listTopics, 30_000, [])
  const found = matching(data.value?.names ?? [], search)
  const shown = found.slice(start.value, start.value + pageRows)
  const infos = usePoll((signal) => describeAll(shown, signal), 5_000, [shown.join()])
  useEffect(() => { start.value = 0 }, [search])
  const isEmpty = data.value !== undefined && data.value.names.length === 0
  const close = (name?: string): void => {
    creating.value = false
    if (name === undefined) return
    refresh()
    go(linkTo('topics', name))
  }
  return (
    <>
      <div class='head'>
        <h1>Topics</h1>
        {data.value !== undefined && <span class='muted'>{data.value.more && 'the first '}{count(data.value.names.length)}</span>}
        <input
          type='search' class='grow' data-search aria-label='Search topics' placeholder='Search  /' value={search}
          onInput={({ currentTarget }) => { setQuery({ q: currentTarget.value }) }}
          onKeyDown={({ key, currentTarget: { value } }) => {
            if (key === 'Enter' && value !== '') go(linkTo('topics', shown[0] ?? value))
          }}
        />
        <button type='button' class='primary' onClick={() => { creating.value = true }}>New topic</button>
      </div>
      <Failure error={error.value} />
      {data.value === undefined && error.value === undefined && <p class='muted' role='status'>Loading…</p>}
      {isEmpty && <NoTopics />}
      {data.value !== undefined && !isEmpty && found.length === 0 && (
        <Empty title={`No topic has “${search}” in its name`}>
          {data.value.more && <p>Only the first {count(namesMax)} were searched. Press Enter to open a topic of exactly that name.</p>}
        </Empty>
      )}
      {shown.length > 0 && <TopicTable names={shown} infos={infos.data.value} />}
      {found.length > pageRows && (
        <nav class='pager' aria-label='Pages'>
          <button type='button' disabled={start.value === 0} onClick={() => { start.value -= pageRows }}>Previous</button>
          <span>{count(start.value + 1)}–{count(start.value + shown.length)} of {count(found.length)}</span>
          <button type='button' disabled={start.value + pageRows >= found.length} onClick={() => { start.value += pageRows }}>Next</button>
        </nav>
      )}
      {creating.value && <Dialog title='New topic' onClose={close}><TopicForm onDone={close} /></Dialog>}
    </>
  )
}

function TopicTable ({ names, infos }: { names: readonly string[], infos: ReadonlyMap<string, TopicInfo> | undefined }): JSX.Element {
  const rates = useComputed(() => monitorState.value === 'ok' ? flows.value : undefined)
  return (
    <div class='scroller card' tabIndex={0} role='region' aria-label='Topics'>
      <table class='data topics'>
        <thead>
          <tr>
            <th scope='col'>Topic</th>
            <th scope='col' class='number' title='Messages a second'>In/s</th>
            <th scope='col' class='wide'><span class='offscreen'>In, the last two minutes</span></th>
            <th scope='col' class='number' title='Messages a second, to all readers'>Out/s</th>
            <th scope='col' class='number wide'>Earliest</th>
            <th scope='col' class='number'>End</th>
            <th scope='col' class='number wide'>Groups</th>
            <th scope='col' class='number' title='The largest lag of its groups'>Lag</th>
          </tr>
        </thead>
        <tbody>{names.map((name) => <TopicRow key={name} name={name} info={infos?.get(name)} flow={rates.value?.get(name)} />)}</tbody>
      </table>
    </div>
  )
}

function TopicRow ({ name, info, flow }: {
  name: string, info: TopicInfo | undefined, flow: { in: number, out: number, history: readonly number[] } | undefined
}): JSX.Element {
  const groups = info?.groups
  const lags = groups?.flatMap(({ lag }) => lag === null ? [] : [lag]) ?? []
  const lag = lags.length === 0 ? undefined : Math.max(...lags)
  const rate = (value: number | undefined): string => monitorState.value === 'ok' ? perSecond(value ?? 0) : '–'
  return (
    <tr>
      <th scope='row'>
        <a href={linkTo('topics', name)}>{name}</a>
        {info?.closed === true && <span class='badge'>closed</span>}
      </th>
      <td class='number'>{rate(flow?.in)}</td>
      <td class='wide'><Sparkline values={flow?.history ?? []} /></td>
      <td class='number'>{rate(flow?.out)}</td>
      <td class='number wide'>{info === undefined ? '' : count(info.earliest)}</td>
      <td class='number'>{info === undefined ? '' : count(info.end)}</td>
      <td class='number wide'>
        {groups !== undefined && <a href={linkTo('topics', name, 'groups')}>{groups.length}{info?.groupsTruncated === true ? '+' : ''}</a>}
      </td>
      <td class={`number ${lag !== undefined && lag > 0 ? 'warn' : ''}`}>{lag === undefined ? '–' : count(lag)}</td>
    </tr>
  )
}

function NoTopics (): JSX.Element {
  const request = { url: serviceUrl, topic: 'orders', token: usesTokens.value }
  return (
    <Empty title='No topics yet'>
      <p>The first message creates a topic. Paste this into a terminal:</p>
      <Command>{appendWithCurl(request, { payload: '{"item":"book","quantity":2}', key: undefined, headers: undefined })}</Command>
      <p class='muted'>
        With access control, the list has the topics for which the token has a grant. <a href='../docs'>API reference</a>
      </p>
    </Empty>
  )
}
