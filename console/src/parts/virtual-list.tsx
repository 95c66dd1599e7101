import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'

export interface VirtualListProps {
  readonly label: string
  readonly length: number
  /** How far all rows have moved since the beginning: what is looked at stays where it is. */
  readonly moved: number
  /** Changes with the rows. */
  readonly version: unknown
  /** Stay at the end when rows are added. */
  readonly stuck: boolean
  readonly selected: number
  readonly rowId: (index: number) => string
  readonly children: (index: number) => ComponentChildren
  readonly onSelect: (index: number) => void
  readonly onOpen: (index: number) => void
  readonly onPlace: (place: Place) => void
}

export interface Place {
  readonly atTop: boolean
  readonly atEnd: boolean
  readonly nearEnd: boolean
  /** Whether a person has scrolled there. */
  readonly byUser: boolean
}

/** As `--row` in the styles. */
export const rowHeight = 28
/** Rows beyond the visible ones, on both sides. */
const spare = 8
/** How long after a turn of the wheel, a touch or a key a scrolling can be a person's that leaves the end. */
const inputMs = 1_000

/** A list of any length, of which only the visible rows exist in the page. */
export function VirtualList (props: VirtualListProps): JSX.Element {
  const { label, length, moved, version, stuck, selected, rowId, children, onSelect, onOpen, onPlace } = props
  const box = useRef<HTMLDivElement>(null)
  const top = useSignal(0)
  const height = useSignal(600)
  const movedBefore = useRef(moved)
  const inputAt = useRef(-inputMs)
  const isStuck = useRef(stuck)
  isStuck.current = stuck

  const tell = (byUser: boolean): void => {
    // An event of a list that has gone meanwhile.
    if (box.current === null) return
    const { scrollTop, clientHeight, scrollHeight } = box.current
    const below = scrollHeight - scrollTop - clientHeight
    top.value = scrollTop
    onPlace({ atTop: scrollTop < rowHeight * 2, atEnd: below < rowHeight, nearEnd: below < clientHeight, byUser })
  }
  const scrollTo = (target: number): void => {
    box.current!.scrollTop = target
    tell(false)
  }
  useLayoutEffect(() => {
    const element = box.current!
    const shift = moved - movedBefore.current
    movedBefore.current = moved
    if (stuck) scrollTo(element.scrollHeight)
    else if (shift !== 0) scrollTo(element.scrollTop + shift * rowHeight)
    else tell(false)
  }, [version, stuck])
  useEffect(() => {
    const observer = new ResizeObserver(() => {
      // The browser may tell after the list has gone.
      if (box.current === null) return
      height.value = box.current.clientHeight
      if (isStuck.current) scrollTo(box.current.scrollHeight)
      else tell(false)
    })
    observer.observe(box.current!)
    return () => { observer.disconnect() }
  }, [])

  const select = (index: number): void => {
    const next = Math.max(0, Math.min(length - 1, index))
    onSelect(next)
    const element = box.current!
    const [above, below] = [next * rowHeight, (next + 1) * rowHeight - element.clientHeight]
    element.scrollTop = Math.max(below, Math.min(above, element.scrollTop))
    // There is nothing to scroll, but more is wanted.
    if (index < 0) tell(true)
  }
  const noteInput = (): void => { inputAt.current = performance.now() }
  const onKeyDown = (event: KeyboardEvent): void => {
    noteInput()
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const page = Math.max(1, Math.floor(height.value / rowHeight) - 1)
    const forward = ['ArrowDown', 'j', 'PageDown'].includes(event.key)
    // Without a selection, from what is visible.
    const visibleFrom = forward ? Math.ceil(top.value / rowHeight) - 1 : Math.floor((top.value + height.value) / rowHeight)
    const from = selected === -1 ? visibleFrom : selected
    const targets: Record<string, number> = {
      ArrowDown: from + 1, j: from + 1, ArrowUp: from - 1, k: from - 1, PageDown: from + page, PageUp: from - page, Home: 0, End: length - 1
    }
    const target = targets[event.key]
    if (target !== undefined) select(target)
    else if (event.key === 'Enter' && selected !== -1) onOpen(selected)
    else return
    event.preventDefault()
  }
  const first = Math.max(0, Math.floor(top.value / rowHeight) - spare)
  const last = Math.min(length, Math.ceil((top.value + height.value) / rowHeight) + spare)
  const isDrawn = selected >= first && selected < last
  return (
    <div
      ref={box} class='virtual' role='listbox' aria-label={label} tabIndex={0} onKeyDown={onKeyDown}
      aria-activedescendant={isDrawn ? rowId(selected) : undefined}
      onWheel={({ currentTarget, deltaY }) => {
        noteInput()
        if (deltaY < 0 && currentTarget.scrollTop === 0) tell(true)
      }}
      // The browser scrolls by itself where the size changes, and tells later, when there may be more rows below.
      onScroll={({ currentTarget }) => {
        const mayBeUser = !isStuck.current || performance.now() - inputAt.current < inputMs
        tell(mayBeUser && currentTarget.scrollTop !== top.peek())
      }}
      onPointerDown={noteInput} onTouchMove={noteInput}
    >
      <div class='spacer' role='presentation' style={{ height: `${length * rowHeight}px` }}>
        {Array.from({ length: Math.max(0, last - first) }, (_none, place) => {
          const index = first + place
          return (
            <div
              key={rowId(index)} id={rowId(index)} class='row' role='option' aria-selected={index === selected}
              aria-setsize={length} aria-posinset={index + 1}
              style={{ top: `${index * rowHeight}px` }} onClick={() => { onSelect(index); onOpen(index) }}
            >
              {children(index)}
            </div>
          )
        })}
      </div>
    </div>
  )
}
