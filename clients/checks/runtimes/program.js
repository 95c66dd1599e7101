import { scenario } from './scenario.js'

// Node, Bun and Deno all have it.
const { process } = globalThis
console.log(JSON.stringify(await scenario(process.argv[2], process.argv[3])))
