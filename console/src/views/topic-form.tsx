import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import type { TopicConfig, TopicInfo } from '../../../clients/typescript/src/index.ts'
import { client } from '../model/session.ts'
import { Action, TextInput } from '../parts/ui.tsx'

const units = { seconds: 1_000, minutes: 60_000, hours: 3_600_000, days: 86_400_000 }
type Unit = keyof typeof units

/** Creates a topic, or changes the config of one. An empty field is the server's default. */
export function TopicForm ({ info, onDone }: { info?: TopicInfo, onDone: (name?: string) => void }): JSX.Element {
  const config = info?.config
  const name = useSignal(info?.topic ?? '')
  const [age, ageUnit] = inUnits(config?.retentionMs ?? null)
  const retention = useSignal(age)
  const unit = useSignal<Unit>(ageUnit)
  const bytes = useSignal(textOf(config?.retentionBytes))
  const maxBytes = useSignal(textOf(config?.maxMessageBytes))
  const rateMessages = useSignal(textOf(config?.rate?.messages))
  const rateBytes = useSignal(textOf(config?.rate?.bytes))
  const save = async (): Promise<void> => {
    const [messagesRate, bytesRate] = [numberOf(rateMessages.value), numberOf(rateBytes.value)]
    const hasRate = messagesRate !== null || bytesRate !== null
    const next: TopicConfig = {
      retentionMs: retention.value.trim() === '' ? null : Math.round(Number(retention.value) * units[unit.value]),
      retentionBytes: numberOf(bytes.value),
      maxMessageBytes: numberOf(maxBytes.value),
      rate: hasRate ? { ...messagesRate !== null && { messages: messagesRate }, ...bytesRate !== null && { bytes: bytesRate } } : null
    }
    await client.value.topic(name.value).create(next)
  }
  const number = (label: string, signal: typeof bytes, hint: string): JSX.Element => (
    <label class='field'>
      <span>{label}</span>
      <TextInput text={signal} type='number' min={1} placeholder={hint} />
    </label>
  )
  return (
    <Action
      label={info === undefined ? 'Create topic' : 'Save'} run={save} disabled={name.value === ''}
      onDone={() => { onDone(name.value) }} {...info === undefined && { onCancel: onDone }}
    >
      {info === undefined && (
        <label class='field'>
          <span>Name</span>
          <TextInput text={name} class='mono' autofocus placeholder='orders' />
        </label>
      )}
      <div class='field'>
        <label for='retention'>Keep messages for</label>
        <div class='pair'>
          <TextInput text={retention} id='retention' type='number' min={0} step='any' placeholder='the server’s default' />
          <select aria-label='Unit of time' value={unit.value} onChange={({ currentTarget: { value } }) => { unit.value = value as Unit }}>
            {Object.keys(units).map((one) => <option key={one}>{one}</option>)}
          </select>
        </div>
      </div>
      {number('Keep at most, bytes', bytes, 'the server’s default')}
      {number('Largest message, bytes', maxBytes, '4194304')}
      {number('Rate, messages a second', rateMessages, 'no bound')}
      {number('Rate, bytes a second', rateBytes, 'no bound')}
    </Action>
  )
}

function inUnits (ms: number | null): [string, Unit] {
  if (ms === null) return ['', 'days']
  const [unit, size] = Object.entries(units).reverse().find(([, size]) => ms % size === 0) ?? ['seconds', 1_000]
  return [String(ms / size), unit as Unit]
}

function textOf (value: number | null | undefined): string {
  return value === null || value === undefined ? '' : String(value)
}

function numberOf (text: string): number | null {
  return text.trim() === '' ? null : Number(text)
}
