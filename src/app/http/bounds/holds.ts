import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Hold, MemoryBudget } from './memory-budget.ts'

declare module 'fastify' {
  interface FastifyRequest { hold: Hold }
}

const held = Symbol('held')

/** On the raw response, so that one function listens to all of them and no request needs a closure of its own. */
interface HoldingResponse extends ServerResponse { [held]?: Hold }

/** Gives each request a hold on the budget, until its response has been sent or its client has disconnected. */
export function addHolds (app: FastifyInstance, budget: MemoryBudget): void {
  app.decorateRequest('hold', null as unknown as Hold)
  app.addHook('onRequest', (request, reply, done) => {
    const response: HoldingResponse = reply.raw
    request.hold = response[held] = budget.hold()
    response.on('close', release)
    done()
  })
}

function release (this: HoldingResponse): void {
  this[held]?.release()
}
