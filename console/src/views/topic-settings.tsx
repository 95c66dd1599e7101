import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import type { TopicInfo } from '../../../clients/typescript/src/index.ts'
import type { Access } from '../model/access.ts'
import { count, date } from '../model/format.ts'
import { go, linkTo } from '../model/router.ts'
import { client } from '../model/session.ts'
import { Action, TextInput } from '../parts/ui.tsx'
import { TopicForm } from './topic-form.tsx'

export function TopicSettings ({ info, access, onChanged }: { info: TopicInfo, access: Access, onChanged: () => void }): JSX.Element {
  const { topic, end, earliest } = info
  const before = useSignal('')
  const saved = useSignal(false)
  const handle = client.value.topic(topic)
  const target = Math.min(Number(before.value), end)
  const removed = Math.max(0, target - earliest)
  return (
    <div class='columns'>
      {access.admin && (
        <section class='card'>
          <h2>Config {info.createdAt !== null && <span class='muted'>created {date(info.createdAt)}</span>}</h2>
          <TopicForm key={JSON.stringify(info.config)} info={info} onDone={() => { saved.value = true; onChanged() }} />
          {saved.value && <p class='notice good' role='status'>Saved.</p>}
        </section>
      )}
      <div>
        {access.admin && (
          <section class='card'>
            <h2>Trim</h2>
            <p>Removes all messages below an offset, for ever. Offsets of the others do not change.</p>
            <Action
              label='Trim' danger confirm={topic} disabled={!(Number(before.value) > 0)}
              run={() => handle.trim(Number(before.value))} onDone={() => { before.value = ''; onChanged() }}
            >
              <label class='field'>
                <span>Remove everything below offset</span>
                <TextInput text={before} type='number' min={1} />
              </label>
              {before.value !== '' && (
                <p class='muted' role='status'>
                  {removed === 0
                    ? 'Nothing lies below.'
                    : `Up to ${count(removed)} messages go: offsets ${count(earliest)} to ${count(target - 1)}.`}
                </p>
              )}
            </Action>
          </section>
        )}
        {access.produce && !info.closed && (
          <section class='card'>
            <h2>Close</h2>
            <p>The topic takes no more messages, for ever. Readers hear that it is finished.</p>
            <Action label='Close topic' danger confirm={topic} run={() => handle.close()} onDone={onChanged} />
          </section>
        )}
        {access.admin && (
          <section class='card'>
            <h2>Delete</h2>
            <p>Removes all messages and the config. Consumer groups of the topic stay.</p>
            <Action label='Delete topic' danger confirm={topic} run={() => handle.delete()} onDone={() => { go(linkTo('topics')) }} />
          </section>
        )}
      </div>
    </div>
  )
}
