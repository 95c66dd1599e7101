/**
 * Joins the files of changes/ into CHANGELOG.md and sets the version, in the current folder:
 *
 *   node scripts/release.ts 0.2.0
 *
 * changes/README.md describes the files. What is under "Unreleased" becomes part of the release.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The kinds of changes, and their headings in the order of the changelog. */
const headings = { breaking: 'Breaking changes', added: 'Added', changed: 'Changed', fixed: 'Fixed' } as const

interface Change { readonly file: string, readonly heading: string, readonly text: string }

/** The release cannot be made. The message tells what to correct, so no stack is printed. */
class ReleaseError extends Error {}

try {
  const version = process.argv[2] ?? ''
  checkVersion(version, versionOf('package.json'))
  const changes = readChanges('changes')
  const changelog = released(readFileSync('CHANGELOG.md', 'utf8'), changes, `${version} (${new Date().toISOString().slice(0, 10)})`)
  writeFileSync('CHANGELOG.md', changelog)
  // The command is released with the server: its version tells for which one it was made.
  for (const file of ['package.json', 'cli/package.json']) setVersion(file, version)
  setVersion('package-lock.json', version)
  for (const { file } of changes) rmSync(file)
  console.log(`git commit --all --message 'Release ${version}'\ngit tag v${version}`)
} catch (error) {
  if (!(error instanceof ReleaseError)) throw error
  console.error(error.message)
  process.exitCode = 1
}

function versionOf (file: string): string {
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

function checkVersion (version: string, current: string): void {
  const numbers = (text: string): number[] => text.split('.').map(Number)
  const [major = 0, minor = 0, patch = 0] = numbers(current)
  const next = [[major + 1, 0, 0], [major, minor + 1, 0], [major, minor, patch + 1]].map((parts) => parts.join('.'))
  // The first release has the version that is there already.
  const allowed = readFileSync('CHANGELOG.md', 'utf8').includes(`\n## ${current} (`) ? next : [current, ...next]
  if (!allowed.includes(version)) throw new ReleaseError(`version: expected one of ${allowed.join(', ')}, got ${JSON.stringify(version)}`)
}

function readChanges (folder: string): Change[] {
  return readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md').sort().map((name) => {
    const file = join(folder, name)
    const [, kind = '', text = ''] = /^(\w+)\n\n(.+?)\n*$/s.exec(readFileSync(file, 'utf8')) ?? []
    const heading = new Map<string, string>(Object.entries(headings)).get(kind)
    if (heading === undefined) {
      const known = Object.keys(headings).join(', ')
      throw new ReleaseError(`${file}: expected a first line with one of ${known}, an empty line, and a text`)
    }
    return { file, heading, text }
  })
}

/** @returns the changelog with a section for the release, instead of "Unreleased" */
function released (changelog: string, changes: readonly Change[], title: string): string {
  const [head = '', ...sections] = changelog.split(/^(?=## )/m)
  const unreleased = sections[0]?.startsWith('## Unreleased\n') === true ? sections.shift()! : '## Unreleased\n\n'
  if (changes.length === 0 && unreleased.trim() === '## Unreleased') throw new ReleaseError('changes: expected at least one file, got none')
  const [start = '', ...parts] = unreleased.split(/^(?=### )/m)
  for (const heading of Object.values(headings)) {
    const items = changes.filter((change) => change.heading === heading).map(({ text }) => `- ${text.replaceAll(/\n(?=.)/g, '\n  ')}\n`)
    if (items.length === 0) continue
    const place = parts.findIndex((part) => part.startsWith(`### ${heading}\n`))
    if (place === -1) parts.splice(placeOf(heading, parts), 0, `### ${heading}\n\n${items.join('')}\n`)
    else parts[place] = `${parts[place]!.trimEnd()}\n${items.join('')}\n`
  }
  const section = (start.replace('## Unreleased', `## ${title}`).trimEnd() + '\n\n' + parts.join('')).trimEnd()
  return [`${head.trimEnd()}\n\n${section}\n`, ...sections].join('\n')
}

/** Where a part with the heading belongs among those that are there. */
function placeOf (heading: string, parts: readonly string[]): number {
  const order: string[] = Object.values(headings)
  return parts.filter((part) => order.indexOf(part.slice(4, part.indexOf('\n'))) < order.indexOf(heading)).length
}

/** In a package.json, or in all places of package-lock.json; the rest of the file stays as it is. */
function setVersion (file: string, version: string): void {
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { version: string, packages?: Record<string, { version: string }> }
  manifest.version = version
  for (const path of ['', 'cli']) if (manifest.packages?.[path] !== undefined) manifest.packages[path].version = version
  writeFileSync(file, JSON.stringify(manifest, null, 2) + '\n')
}
