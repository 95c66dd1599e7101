import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import type { GroupInfo, GroupMode } from '../../../clients/typescript/src/index.ts'
import { client } from '../model/session.ts'
import { Action, TextInput } from '../parts/ui.tsx'

const modes: ReadonlyArray<readonly [GroupMode, string]> = [
  ['shared', 'any message to any worker'],
  ['keyed', 'messages of a key in order'],
  ['exclusive', 'one lease at a time, all in order']
]

/** Creates a group, or changes the config of one. */
export function GroupForm ({ topic, info, onDone }: { topic: string, info?: GroupInfo, onDone: (name?: string) => void }): JSX.Element {
  const name = useSignal(info?.group ?? '')
  const mode = useSignal<GroupMode>(info?.mode ?? 'shared')
  const lease = useSignal(String((info?.leaseMs ?? 30_000) / 1_000))
  const attempts = useSignal(info === undefined ? '5' : String(info.maxAttempts ?? ''))
  const letters = useSignal(info === undefined ? `${topic}.dlq` : info.deadLetterTopic ?? '')
  const start = useSignal('earliest')
  const save = async (): Promise<void> => {
    await client.value.topic(topic).group(name.value).create({
      mode: mode.value,
      leaseMs: Math.round(Number(lease.value) * 1_000),
      maxAttempts: attempts.value.trim() === '' ? null : Number(attempts.value),
      deadLetterTopic: letters.value.trim() === '' ? null : letters.value.trim(),
      ...info === undefined && { start: /^\d+$/.test(start.value) ? Number(start.value) : start.value as 'earliest' | 'latest' }
    })
  }
  const field = (label: string, signal: typeof name, options: JSX.IntrinsicElements['input'] = {}): JSX.Element => (
    <label class='field'>
      <span>{label}</span>
      <TextInput text={signal} {...options} />
    </label>
  )
  return (
    <Action
      label={info === undefined ? 'Create group' : 'Save'} run={save} disabled={name.value === ''} onDone={() => { onDone(name.value) }}
      onCancel={onDone}
    >
      {info === undefined && field('Name', name, { class: 'mono', placeholder: 'mailers' })}
      <label class='field'>
        <span>Mode</span>
        <select value={mode.value} onChange={({ currentTarget: { value } }) => { mode.value = value as GroupMode }}>
          {modes.map(([one, what]) => <option key={one} value={one}>{one}: {what}</option>)}
        </select>
      </label>
      {field('Lease, seconds', lease, { type: 'number', min: 1, step: 'any' })}
      {field('Deliveries before a message is dead', attempts, { type: 'number', min: 1, placeholder: 'for ever' })}
      {field('Dead-letter topic', letters, { class: 'mono', placeholder: 'none' })}
      {info === undefined && field('Begins at', start, { placeholder: 'earliest, latest or an offset' })}
    </Action>
  )
}
