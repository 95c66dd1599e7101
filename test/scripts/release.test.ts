import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { root } from '../support/docs/markdown.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

interface Project { changelog: string, changes?: Record<string, string>, version?: string }

function projectOf (t: TestContext, { changelog, changes = {}, version = '0.1.0' }: Project) {
  const folder = temporaryFolder(t)
  const file = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const write = (name: string, text: string): void => { writeFileSync(join(folder, name), text) }
  for (const name of ['changes', 'cli']) mkdirSync(join(folder, name))
  write('changes/README.md', '# Changes\n')
  for (const [name, text] of Object.entries(changes)) write(`changes/${name}`, text)
  write('CHANGELOG.md', changelog)
  const manifest = `{\n  "name": "x",\n  "version": "${version}"\n}\n`
  for (const path of ['package.json', 'cli/package.json']) write(path, manifest)
  const packages = { '': { version }, cli: { version }, other: { version } }
  write('package-lock.json', JSON.stringify({ name: 'x', version, packages }, null, 2) + '\n')
  const release = (next: string) => {
    const script = join(root, 'scripts/release.ts')
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, next], { cwd: folder, encoding: 'utf8' })
    return { status, stdout, stderr }
  }
  return { folder, file, release }
}

const today = /\(\d{4}-\d\d-\d\d\)/g

test('a release joins the changes into the changelog, and sets the version', (t) => {
  const { folder, file, release } = projectOf(t, {
    changelog: '# Changelog\n\n## 0.1.0 (2026-01-01)\n\nThe first release.\n',
    changes: {
      'b.md': 'fixed\n\n**It stopped.** A cause.\nIt goes on.\n',
      'a.md': 'fixed\n\n**It hung.** A cause. It ends.\n\nMore about it.\n',
      'c.md': 'breaking\n\nIt was so, it is so.\n'
    }
  })
  assert.deepEqual(release('0.2.0'), { status: 0, stdout: "git commit --all --message 'Release 0.2.0'\ngit tag v0.2.0\n", stderr: '' })
  assert.equal(file('CHANGELOG.md').replace(today, '(DAY)'), `# Changelog

## 0.2.0 (DAY)

### Breaking changes

- It was so, it is so.

### Fixed

- **It hung.** A cause. It ends.

  More about it.
- **It stopped.** A cause.
  It goes on.

## 0.1.0 (DAY)

The first release.
`)
  for (const path of ['package.json', 'cli/package.json']) assert.equal(file(path), '{\n  "name": "x",\n  "version": "0.2.0"\n}\n')
  assert.deepEqual(file('package-lock.json').match(/\d\.\d\.\d/g), ['0.2.0', '0.2.0', '0.2.0', '0.1.0'])
  assert.deepEqual(readdirSync(join(folder, 'changes')), ['README.md'])
})

test('the first release has what is under "Unreleased", with the changes at the end of its parts', (t) => {
  const { file, release } = projectOf(t, {
    changelog: '# Changelog\n\n## Unreleased\n\nThis is the first.\n\n### Breaking changes\n\n- One.\n\n### Fixed\n\n- Two.\n',
    changes: { 'a.md': 'fixed\n\nThree.\n', 'b.md': 'added\n\nFour.\n' }
  })
  assert.equal(release('0.1.0').status, 0)
  assert.equal(file('CHANGELOG.md').replace(today, '(DAY)'),
    '# Changelog\n\n## 0.1.0 (DAY)\n\nThis is the first.\n\n### Breaking changes\n\n- One.\n\n' +
    '### Added\n\n- Four.\n\n### Fixed\n\n- Two.\n- Three.\n')
})

test('a release that is not possible says why, and changes nothing', (t) => {
  const cases: Array<[Project, string, string]> = [
    [{ changelog: '# Changelog\n\n## 0.1.0 (2026-01-01)\n' }, '0.2.0', 'changes: expected at least one file, got none\n'],
    [{ changelog: '# Changelog\n\n## 0.1.0 (2026-01-01)\n', changes: { 'a.md': 'fixed\n\nX.\n' } }, '0.1.0',
      'version: expected one of 1.0.0, 0.2.0, 0.1.1, got "0.1.0"\n'],
    [{ changelog: '# Changelog\n', changes: { 'a.md': 'improved\n\nX.\n' } }, '0.2.0',
      'changes/a.md: expected a first line with one of breaking, added, changed, fixed, an empty line, and a text\n']
  ]
  for (const [project, version, reason] of cases) {
    const { folder, file, release } = projectOf(t, project)
    assert.deepEqual(release(version), { status: 1, stdout: '', stderr: reason })
    assert.equal(file('CHANGELOG.md'), project.changelog)
    assert.match(file('package.json'), /"version": "0\.1\.0"/)
    assert.equal(existsSync(join(folder, 'changes/a.md')), project.changes !== undefined)
  }
})

test('files in changes/ have the form that a release expects', () => {
  const folder = join(root, 'changes')
  for (const name of readdirSync(folder).filter((name) => name !== 'README.md')) {
    assert.match(readFileSync(join(folder, name), 'utf8'), /^(breaking|added|changed|fixed)\n\n\S/, `changes/${name}`)
  }
})
