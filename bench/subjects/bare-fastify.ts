import Fastify from 'fastify'

/*
 * What Fastify costs without a log behind it: a route with the schemas of ours, written with the keywords of plain JSON
 * Schema, Fastify's own JSON parser, and a response that needs no work. With GATHER=1 the responses
 * of one turn of the event loop leave together, so that they wake the client once.
 */
const app = Fastify({ logger: process.env['LOG'] === '1' })
const gathering = process.env['GATHER'] === '1'
let offset = 0
let waiting: Array<() => void> = []

/** Resolves for all requests of one turn of the event loop together, as a group commit does. */
function gathered (): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) > 1) return
    setImmediate(() => {
      const all = waiting
      waiting = []
      for (const go of all) go()
    })
  })
}

app.post<{ Params: { topic: string } }>('/topics/:topic/produce', {
  schema: {
    params: {
      type: 'object',
      required: ['topic'],
      properties: { topic: { type: 'string', pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]{0,248}$' } }
    },
    body: {
      type: 'object',
      required: ['payload'],
      additionalProperties: false,
      properties: {
        payload: {},
        key: { type: 'string', maxLength: 1024 },
        headers: { type: 'object', additionalProperties: { type: 'string' } }
      }
    },
    response: {
      200: {
        type: 'object',
        required: ['topic', 'offset'],
        properties: { topic: { type: 'string' }, offset: { type: 'integer', minimum: 1 } }
      }
    }
  }
}, async ({ params: { topic } }) => {
  if (gathering) await gathered()
  return { topic, offset: ++offset }
})

const url = await app.listen({ port: 0, host: '127.0.0.1' })
console.log(url)
