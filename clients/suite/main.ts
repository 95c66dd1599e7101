import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { FaultRule } from './proxy.ts'
import { Service, type ServiceOptions } from './service.ts'

/*
 * The service of the suite as a process, for runners in any language. It prints one line, `{"url":…,"control":…}`, and ends with
 * its standard input. README.md has the requests of `control`.
 */

const service = await Service.start(JSON.parse(process.argv[2] ?? '{}') as ServiceOptions)

const control = createServer((request, response) => {
  (async () => {
    if (request.url === '/faults') service.proxy.rules = await json(request) as FaultRule[]
    else if (request.url === '/kill') await service.kill()
    else if (request.url === '/start') await service.begin()
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ requests: service.proxy.requests, happened: service.proxy.happened }))
  })().catch((error: unknown) => { response.writeHead(500).end(String(error)) })
})
control.listen(0, '127.0.0.1')
await once(control, 'listening')
const { url, token } = service
console.log(JSON.stringify({ url, token, control: `http://127.0.0.1:${(control.address() as AddressInfo).port}` }))

process.stdin.resume()
await once(process.stdin, 'end')
control.closeAllConnections()
control.close()
await service.close()
