import { accessApp } from '../support/http/access.ts'
import { listeningApp } from '../support/http/app.ts'
import { everything, httpSuite } from './http.suite.ts'

httpSuite('the app on memory', (t) => listeningApp(t))

httpSuite('the app on memory with access tokens', async (t) => {
  const { baseUrl, token } = await accessApp(t)
  return { baseUrl, token: await token(...everything) }
})
