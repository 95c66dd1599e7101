import { scenario } from './scenario.js'

export default {
  /** @param {Request} request */
  async fetch (request) {
    const { searchParams } = new URL(request.url)
    try {
      return Response.json(await scenario(searchParams.get('url'), 'workerd'))
    } catch (error) {
      return new Response(error.stack, { status: 500 })
    }
  }
}
