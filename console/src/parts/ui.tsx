import { type Signal, useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { inBackground } from '../model/poll.ts'
import { messageOf } from '../model/session.ts'

/** Copies a text, and says so. */
export function Copy ({ text, label = 'Copy', title }: { text: string | (() => string), label?: string, title?: string }): JSX.Element {
  const state = useSignal<'copied' | 'failed' | undefined>(undefined)
  const copy = async (): Promise<void> => {
    try {
      await copyText(typeof text === 'string' ? text : text())
      state.value = 'copied'
    } catch {
      state.value = 'failed'
    }
    setTimeout(() => { state.value = undefined }, 1_500)
  }
  return (
    <button type='button' class='quiet' title={title} onClick={() => { inBackground(copy()) }}>
      <span aria-live='polite'>{state.value === undefined ? label : state.value === 'copied' ? 'Copied' : 'Not copied'}</span>
    </button>
  )
}

/** Over plain HTTP, browsers have no clipboard but on this machine's own addresses. */
async function copyText (text: string): Promise<void> {
  if (isSecureContext) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'offscreen'
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  if (!copied) throw new Error('not copied')
}

/** A command to paste. */
export function Command ({ children }: { children: string }): JSX.Element {
  return (
    <div class='command'>
      <pre tabIndex={0}>{children}</pre>
      <Copy text={children} />
    </div>
  )
}

export function Failure ({ error, children }: { error: unknown, children?: ComponentChildren }): JSX.Element | null {
  if (error === undefined) return null
  return <div class='notice bad' role='alert'>{messageOf(error)}{children}</div>
}

export function Empty ({ title, children }: { title: string, children?: ComponentChildren }): JSX.Element {
  return <div class='empty'><h2>{title}</h2>{children}</div>
}

/** One number with its name. */
export function Fact ({ name, children, tone }: { name: string, children: ComponentChildren, tone?: string | undefined }): JSX.Element {
  return <div class={`fact ${tone ?? ''}`}><dt>{name}</dt><dd>{children}</dd></div>
}

export interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}

/** Keeps the focus inside; Escape closes it. */
export function Dialog ({ title, onClose, children }: DialogProps): JSX.Element {
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    element.current?.showModal()
  }, [])
  return (
    <dialog
      ref={element} aria-label={title} onClose={onClose}
      onClick={(event) => { if (event.target === element.current) onClose() }}
    >
      <header><h2>{title}</h2><button type='button' class='quiet' aria-label='Close' onClick={onClose}>✕</button></header>
      {children}
    </dialog>
  )
}

export interface ActionProps {
  readonly label: string
  readonly run: () => Promise<unknown>
  readonly onDone?: () => void
  readonly onCancel?: () => void
  /** To be typed before the action can be done. */
  readonly confirm?: string
  readonly danger?: boolean
  readonly disabled?: boolean
  readonly children?: ComponentChildren
}

/** A form with one action: it is done once at a time, and its error stays until the next attempt. */
export function Action ({ label, run, onDone, onCancel, confirm, danger = false, disabled = false, children }: ActionProps): JSX.Element {
  const busy = useSignal(false)
  const error = useSignal<unknown>(undefined)
  const typed = useSignal('')
  const submit = async (): Promise<void> => {
    if (busy.value) return
    busy.value = true
    error.value = undefined
    try {
      await run()
      onDone?.()
    } catch (caught) {
      error.value = caught
    } finally {
      busy.value = false
    }
  }
  const isConfirmed = confirm === undefined || typed.value === confirm
  return (
    <form class='action' onSubmit={(event) => { event.preventDefault(); if (isConfirmed && !disabled) inBackground(submit()) }}>
      {children}
      {confirm !== undefined && (
        <label class='field'>
          <span>Type <b class='mono'>{confirm}</b> to confirm</span>
          <TextInput text={typed} class='mono' />
        </label>
      )}
      <Failure error={error.value} />
      <div class='buttons'>
        <button type='submit' class={danger ? 'danger' : 'primary'} disabled={!isConfirmed || disabled || busy.value}>{label}</button>
        {onCancel !== undefined && <button type='button' onClick={onCancel}>Cancel</button>}
      </div>
    </form>
  )
}

/** An input whose text is a signal. */
export function TextInput ({ text, ...options }: { text: Signal<string> } & JSX.IntrinsicElements['input']): JSX.Element {
  return (
    <input
      type='text' spellcheck={false} autocomplete='off' {...options} value={text.value}
      onInput={({ currentTarget: { value } }) => { text.value = value }}
    />
  )
}

export interface Tab {
  readonly name: string
  readonly href: string
  readonly current: boolean
}

/** Links that look like tabs. */
export function Tabs ({ tabs, label }: { tabs: readonly Tab[], label: string }): JSX.Element {
  return (
    <nav class='tabs' aria-label={label}>
      {tabs.map(({ name, href, current }) => <a key={name} href={href} aria-current={current ? 'page' : undefined}>{name}</a>)}
    </nav>
  )
}
