import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Folders with documents, relative to the root. Other folders have none, or have those of packages. */
const folders = [
  '.', '.github', '.github/ISSUE_TEMPLATE', 'bench', 'changes', 'cli', 'clients/python',
  'clients/suite', 'clients/typescript', 'docs', 'docs/decisions'
]

/** The documents of the project: paths relative to the root. */
export function documents (): string[] {
  return folders.flatMap((folder) => namesIn(folder).filter((name) => name.endsWith('.md')).map((name) => join(folder, name)))
}

function namesIn (folder: string): string[] {
  try {
    return readdirSync(join(root, folder)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** @param path relative to the root */
export function read (path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export interface CodeBlock {
  /** The word after the opening fence. */
  readonly language: string
  readonly text: string
  /** Of the opening fence; the first line is 1. */
  readonly line: number
}

export interface Parsed {
  readonly blocks: readonly CodeBlock[]
  /** The lines outside of code blocks, with their numbers. */
  readonly prose: ReadonlyArray<{ readonly line: number, readonly text: string }>
}

export function parse (markdown: string): Parsed {
  const blocks: CodeBlock[] = []
  const prose: Array<{ line: number, text: string }> = []
  let open: { language: string, line: number, lines: string[] } | undefined
  for (const [index, text] of markdown.split('\n').entries()) {
    const fence = /^\s*```(\S*)/.exec(text)
    if (fence === null) {
      if (open === undefined) prose.push({ line: index + 1, text })
      else open.lines.push(text)
    } else if (open === undefined) {
      open = { language: fence[1]!, line: index + 1, lines: [] }
    } else {
      blocks.push({ language: open.language, text: open.lines.join('\n'), line: open.line })
      open = undefined
    }
  }
  return { blocks, prose }
}

/** The targets of the links outside of code. */
export function linksOf (markdown: string): string[] {
  const text = parse(markdown).prose.map(({ text }) => text).join('\n').replaceAll(/`[^`]*`/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
}

/** The anchors of the headings, as GitHub makes them. */
export function anchorsOf (markdown: string): string[] {
  const seen = new Map<string, number>()
  return parse(markdown).prose.flatMap(({ text }) => {
    const heading = /^#{1,6} (.+)$/.exec(text)?.[1]
    if (heading === undefined) return []
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = words.replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-')
    const count = seen.get(anchor) ?? 0
    seen.set(anchor, count + 1)
    return [count === 0 ? anchor : `${anchor}-${count}`]
  })
}
