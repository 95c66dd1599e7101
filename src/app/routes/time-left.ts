import type { FastifyRequest } from 'fastify'

/** Time in ms that the platform leaves for the request; `undefined`: unlimited. */
export type TimeLeft = (request: FastifyRequest) => number | undefined

/** Part of the platform's time that is reserved for the end of the response. */
export const endMarginMs = 2_000
