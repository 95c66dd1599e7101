// Starts the server where Node can run it, and says so where it can't: an older Node knows no TypeScript, and would only say that.
import { readFileSync } from 'node:fs'

const { engines } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const needed = engines.node.replace('>=', '')

if (isOlder(process.version.slice(1), needed)) {
  console.error(`Serverless Streams needs Node ${needed} or newer, this is ${process.version.slice(1)}: use "npm start", which brings ` +
    'its own Node, or a newer one')
  process.exit(1)
}
await import('./src/server.ts')

function isOlder (version, than) {
  const [major, minor] = version.split('.').map(Number)
  const [majorNeeded, minorNeeded] = than.split('.').map(Number)
  return major === majorNeeded ? minor < minorNeeded : major < majorNeeded
}
