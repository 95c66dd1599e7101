import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { GroupInfo } from '../../../clients/typescript/src/index.ts'
import { count, duration, short } from '../model/format.ts'
import { groupTotals, useMonitor } from '../model/monitor.ts'
import { usePoll } from '../model/poll.ts'
import { linkTo } from '../model/router.ts'
import { client, hasCode } from '../model/session.ts'
import { Chart } from '../parts/chart.tsx'
import { Dialog, Empty, Fact, Failure } from '../parts/ui.tsx'
import { DeadLetters } from './dead-letters.tsx'
import { GroupActions } from './group-actions.tsx'
import { GroupForm } from './group-form.tsx'

const historyMax = 150

interface Point {
  readonly at: number
  readonly lag: number
  readonly inFlight: number
}

interface GroupViewProps {
  readonly topic: string
  readonly group: string
  readonly canConsume: boolean
  /** Told where the topic ends. */
  readonly onEnd: (end: number) => void
}

export function GroupView ({ topic, group, canConsume, onEnd }: GroupViewProps): JSX.Element {
  useMonitor()
  const configuring = useSignal(false)
  const history = useSignal<readonly Point[]>([])
  const { data, error, refresh } = usePoll((signal) => client.peek().topic(topic).group(group).describe({ signal }), 2_000, [topic, group])
  const info = data.value
  useEffect(() => {
    if (info === undefined) return
    onEnd(info.end)
    history.value = [...history.value.slice(1 - historyMax), { at: Date.now(), lag: info.lag, inFlight: info.inFlight }]
  }, [info])
  if (hasCode(error.value, 'group_not_found')) {
    return <Empty title='There is no group of this name'><a href={linkTo('topics', topic, 'groups')}>All groups of {topic}</a></Empty>
  }
  return (
    <>
      <Failure error={error.value} />
      {info !== undefined && (
        <>
          <GroupFacts info={info} onConfigure={() => { configuring.value = true }} />
          <div class='columns left-wide'>
            <div>
              <section class='card' aria-label='Lag over time'>
                <Chart
                  title='Lag' format={short} times={history.value.map(({ at }) => at)}
                  lines={[
                    { name: 'lag', values: history.value.map(({ lag }) => lag) },
                    { name: 'leased', values: history.value.map(({ inFlight }) => inFlight) }
                  ]}
                />
              </section>
              <Leases info={info} />
              {info.deadLetterTopic !== null && canConsume && <DeadLetters topic={topic} group={group} letters={info.deadLetterTopic} />}
            </div>
            <GroupActions info={info} canConsume={canConsume} onChanged={refresh} />
          </div>
        </>
      )}
      {configuring.value && info !== undefined && (
        <Dialog title={`Config of ${group}`} onClose={() => { configuring.value = false }}>
          <GroupForm topic={topic} info={info} onDone={() => { configuring.value = false; refresh() }} />
        </Dialog>
      )}
    </>
  )
}

function GroupFacts ({ info, onConfigure }: { info: GroupInfo, onConfigure: () => void }): JSX.Element {
  const totals = groupTotals.value.get(`${info.topic}/${info.group}`)
  return (
    <div class='card with-button'>
      <dl class='facts'>
        <Fact name='Lag' tone={info.lag > 0 ? 'warn' : 'good'}>{count(info.lag)}</Fact>
        <Fact name='Committed'>{count(info.committedOffset)}</Fact>
        <Fact name='Next to deliver'>{count(info.nextOffset)}</Fact>
        <Fact name='Leased'>{count(info.inFlight)}</Fact>
        <Fact name='To come again' tone={info.retrying > 0 ? 'warn' : undefined}>{count(info.retrying)}</Fact>
        <Fact name='Delayed'>{count(info.delayed)}</Fact>
        {info.mode === 'keyed' && <Fact name='Locked keys'>{count(info.lockedKeys)}</Fact>}
        {totals !== undefined && (
          <>
            <Fact name='Delivered again' tone={totals.redeliveries > 0 ? 'warn' : undefined}>{count(totals.redeliveries)}</Fact>
            <Fact name='Dead' tone={totals.deadLetters > 0 ? 'bad' : undefined}>{count(totals.deadLetters)}</Fact>
          </>
        )}
        <Fact name='Mode'>{info.mode}</Fact>
        <Fact name='Lease'>{duration(info.leaseMs)}</Fact>
        <Fact name='Attempts'>{info.maxAttempts ?? 'for ever'}</Fact>
      </dl>
      <button type='button' onClick={onConfigure}>Configure</button>
    </div>
  )
}

function Leases ({ info: { leases } }: { info: GroupInfo }): JSX.Element {
  const now = Date.now()
  return (
    <section class='card' aria-label='Leases'>
      <h2>Leases now <span class='muted'>{count(leases.length)}</span></h2>
      {leases.length === 0
        ? <p class='muted'>No worker has messages. A receive leases them, an ack ends the lease.</p>
        : (
          <div class='scroller' tabIndex={0} role='region' aria-label='Table of leases'>
            <table class='data'>
              <thead>
                <tr>
                  <th scope='col'>Worker</th><th scope='col' class='number'>Offsets</th><th scope='col' class='number'>Messages</th>
                  <th scope='col' class='number'>Ends in</th>
                </tr>
              </thead>
              <tbody>
                {leases.map(({ consumer, first, last, messages, expiresAt }) => (
                  <tr key={`${first} ${expiresAt} ${consumer}`}>
                    <th scope='row'>{consumer ?? <span class='muted'>no name</span>}</th>
                    <td class='number'>{first === last ? count(first) : `${count(first)}–${count(last)}`}</td>
                    <td class='number'>{count(messages)}</td>
                    <td class='number'>{expiresAt <= now ? 'over' : duration(expiresAt - now)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          )}
    </section>
  )
}
