import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const folder = fileURLToPath(new URL('../../clients/python/', import.meta.url))
const python = process.env['PYTHON'] ?? 'python3'
const needed = 'import sys, httpx, httpx_sse, mypy, orjson, pydantic, pytest, pytest_asyncio, xdist; assert sys.version_info >= (3, 10)'
const there = spawnSync(python, ['-c', needed]).status === 0
const skip = !there && 'there is no Python 3.10 with the packages of clients/python/requirements-dev.txt; .ci/python.sh installs them'

// The package itself, and the suite with 10,000 messages a scenario: .ci/python.sh.
test('the tests of the Python client', { skip }, () => {
  const args = ['-m', 'pytest', '-q', '-n', '2', '-p', 'no:cacheprovider', '--ignore-glob=*test_suite*', '--ignore=tests/test_package.py']
  const env = { ...process.env, PYTHONPATH: 'src', PYTHONDONTWRITEBYTECODE: '1' }
  const { status, stdout, stderr } = spawnSync(python, args, { cwd: folder, env, encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
})
