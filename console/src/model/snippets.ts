/** Commands and programs to paste. None of them has a token: it is read from the variable TOKEN. */

export interface Request {
  /** Where the service is, without a slash at its end. */
  readonly url: string
  readonly topic: string
  /** Whether the service wants a token. */
  readonly token: boolean
}

export interface MessageToAppend {
  /** JSON. */
  readonly payload: string
  readonly key: string | undefined
  readonly headers: Readonly<Record<string, string>> | undefined
}

/** In a shell, nothing within single quotes means anything. */
function shell (text: string): string {
  return /^[A-Za-z0-9_./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** Of a topic; its name has only letters, digits, `.`, `_` and `-`. */
function path (topic: string, rest: string): string {
  return `/topics/${encodeURIComponent(topic)}/${rest}`
}

/** A literal of TypeScript. Line separators and what ends a script are escaped, too, so that it can be pasted anywhere. */
function literal (value: unknown): string {
  return escaped(JSON.stringify(value))
}

function escaped (json: string): string {
  return json.replace(/[\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`)
}

const authorization = ' -H "authorization: Bearer $TOKEN"'

export function readWithCurl ({ url, topic, token }: Request, offset: number): string {
  return `curl ${shell(url + path(topic, `consume?offset=${offset}&limit=1`))}${token ? authorization : ''}`
}

export function readWithTypeScript (request: Request, offset: number): string {
  return `${client(request)}
const { messages } = await client.topic(${literal(request.topic)}).page({ from: ${offset}, limit: 1 })
console.log(messages[0])
`
}

export function readWithPython ({ url, topic, token }: Request, offset: number): string {
  return `import json${token ? ', os' : ''}, urllib.request

request = urllib.request.Request(${literal(url + path(topic, `consume?offset=${offset}&limit=1`))}${
  token ? ',\n    headers={"authorization": f"Bearer {os.environ[\'TOKEN\']}"}' : ''})
with urllib.request.urlopen(request) as response:
    print(json.load(response)["messages"][0])
`
}

export function appendWithCurl ({ url, topic, token }: Request, message: MessageToAppend): string {
  return `curl ${shell(url + path(topic, 'produce'))} -H 'content-type: application/json'${token ? authorization : ''} -d ${
    shell(bodyOf(message))}`
}

export function appendWithTypeScript (request: Request, { payload, key, headers }: MessageToAppend): string {
  const options = [...key === undefined ? [] : [`key: ${literal(key)}`], ...headers === undefined ? [] : [`headers: ${literal(headers)}`]]
  const value = isSafeLiteral(payload) ? escaped(payload) : literal(payload)
  const codec = isSafeLiteral(payload) ? '' : ', { codec: jsonText }'
  return `${client(request, codec === '' ? [] : ['jsonText'])}
const topic = client.topic(${literal(request.topic)}${codec})
const { offset } = await topic.append(${value}${options.length === 0 ? '' : `, { ${options.join(', ')} }`})
console.log(\`stored at \${offset}\`)
`
}

export function appendWithPython ({ url, topic, token }: Request, message: MessageToAppend): string {
  const headers = `{"content-type": "application/json"${token ? ', "authorization": f"Bearer {os.environ[\'TOKEN\']}"' : ''}}`
  return `import json${token ? ', os' : ''}, urllib.request

body = ${literal(bodyOf(message))}
request = urllib.request.Request(${literal(url + path(topic, 'produce'))},
    data=body.encode(), headers=${headers})
with urllib.request.urlopen(request) as response:
    print(json.load(response)["offset"])
`
}

function client ({ url, token }: Request, imports: readonly string[] = []): string {
  return `import { ${[...imports, 'StreamsClient'].join(', ')} } from 'serverless-streams-client'

const client = new StreamsClient({ url: ${literal(url)}${token ? ', token: process.env.TOKEN' : ''} })`
}

function bodyOf ({ payload, key, headers }: MessageToAppend): string {
  return `{"payload":${payload}${key === undefined ? '' : `,"key":${JSON.stringify(key)}`}${
    headers === undefined ? '' : `,"headers":${JSON.stringify(headers)}`}}`
}

/** Whether a program with the payload as a literal sends the same: all digits of its numbers, and no member that sets a prototype. */
function isSafeLiteral (payload: string): boolean {
  let exact = !payload.includes('__proto__')
  JSON.parse(payload, ((_name: string, value: unknown, context?: { source?: string }) => {
    if (typeof value === 'number' && context?.source !== undefined && String(value) !== context.source) exact = false
    return value
  }) as never)
  return exact
}
