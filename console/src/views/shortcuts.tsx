import type { JSX } from 'preact'
import { Dialog } from '../parts/ui.tsx'

const shortcuts: ReadonlyArray<readonly [string, string]> = [
  ['/', 'search or filter'],
  ['t, g, o', 'topics, groups, overview'],
  ['space', 'pause and resume the messages'],
  ['↑ ↓ or k j', 'the message before, the next one'],
  ['Enter', 'open the message'],
  ['Home, End', 'the first message, the last one; at the end, new ones come into view'],
  ['Esc', 'close'],
  ['Ctrl Enter', 'append the message of the form'],
  ['?', 'this list']
]

export function Shortcuts ({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title='Keyboard' onClose={onClose}>
      <table class='shortcuts'>
        <tbody>{shortcuts.map(([keys, what]) => <tr key={keys}><th scope='row'><kbd>{keys}</kbd></th><td>{what}</td></tr>)}</tbody>
      </table>
    </Dialog>
  )
}
