import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { grantExpected, grantPattern } from '../../../domain/access/grants.ts'
import {
  allowExpected, nameExpected, namePattern, type CreatedToken, type NewToken, type TokenDescription
} from '../../../domain/access/tokens.ts'
import type { Limits } from '../../../domain/limits.ts'

const most = Number.MAX_SAFE_INTEGER
const time = 'in milliseconds since 1970 (UTC)'

/** What is asked for a new token. */
export function newTokenSchema (limits: Limits) {
  const { tokenGrantsMax, tokenRateMax } = limits
  const aTime = `a whole number from 1 to ${most}`
  const perSecond = `a whole number from 1 to ${tokenRateMax}`
  return Type.Object({
    name: Type.String({
      pattern: namePattern(limits),
      description: `For people: ${nameExpected(limits)}. Two tokens may have the same name.`,
      'x-expected': nameExpected(limits),
      example: 'ci'
    }),
    allow: Type.Array(Type.String({ pattern: grantPattern, 'x-expected': grantExpected, example: 'produce:orders.*' }), {
      minItems: 1,
      maxItems: tokenGrantsMax,
      description: `What the token may do: 1 to ${tokenGrantsMax} grants. A grant is ${grantExpected}.`,
      'x-expected': allowExpected(limits)
    }),
    expires_at: Type.Optional(Type.Integer({
      minimum: 1, maximum: most, 'x-expected': aTime, description: `When the token expires, ${time}; by default never.`
    })),
    expires_in_ms: Type.Optional(Type.Integer({
      minimum: 1, maximum: most, 'x-expected': aTime, description: 'The same as ms from now on. Only one of the two may be given.'
    })),
    rate: Type.Optional(Type.Object({
      requests: Type.Integer({
        minimum: 1, maximum: tokenRateMax, 'x-expected': perSecond, description: 'Requests a second, in each server process.', example: 100
      })
    }, { additionalProperties: false, 'x-expected': 'an object with requests' }))
  }, { additionalProperties: false, title: 'A new token', 'x-expected': 'a JSON object' })
}

export function wantedOf (body: Static<ReturnType<typeof newTokenSchema>>): NewToken {
  const { name, allow, expires_at: expiresAtMs, expires_in_ms: expiresInMs, rate } = body
  return { name, allow, expiresAtMs, expiresInMs, requestsPerSecond: rate?.requests }
}

function orNull<Schema extends TSchema> (schema: Schema) {
  return Type.Unsafe<Static<Schema> | null>({ ...schema, type: [schema['type'] as string, 'null'] })
}

const id = Type.String({ description: 'Which token it is: the part between the two `_`. Not secret.', example: 'aB3dE5gH7jK9' })

const members = {
  id,
  name: orNull(Type.String({ description: '`null` if what is stored can\'t be read: then the token is refused.', example: 'ci' })),
  allow: Type.Array(Type.String({ example: 'produce:orders.*' })),
  created_at: orNull(Type.Integer({ description: `By the clock of the server that created it, ${time}.`, example: 1702000000000 })),
  created_by: orNull(Type.String({ description: 'Who created it.' })),
  expires_at: orNull(Type.Integer({ description: `${time[0]!.toUpperCase()}${time.slice(1)}; \`null\`: never.`, example: 1702086400000 })),
  rate: orNull(Type.Object({ requests: Type.Integer({ minimum: 1, example: 100 }) }))
}

export const Token = Type.Object(members, { $id: 'Token', description: 'What is known of a token, without the token itself.' })

export const CreatedTokenBody = Type.Object({
  ...members,
  token: Type.String({ description: 'The token itself. It is not stored, and no other answer has it.' })
}, { $id: 'CreatedToken' })

export const TokenList = Type.Object({
  tokens: Type.Array(Type.Ref(Token)),
  next: Type.Optional(Type.String({ description: 'The `after` of the next request; absent when there are no more tokens.' }))
}, {
  $id: 'TokenList',
  description: 'Tokens in ascending order of their ids. It may have fewer than `limit`, even none, though there are more.'
})

export function bodyOf ({ id, token }: TokenDescription | CreatedToken): Static<typeof Token> {
  return {
    id,
    name: token?.name ?? null,
    allow: [...token?.allow ?? []],
    created_at: token?.createdAtMs ?? null,
    created_by: token?.createdBy ?? null,
    expires_at: token?.expiresAtMs ?? null,
    rate: token?.requestsPerSecond === undefined ? null : { requests: token.requestsPerSecond }
  }
}

const idRule = { pattern: '^[0-9A-Za-z]{1,64}$', 'x-expected': '1 to 64 characters of A-Z, a-z and 0-9' }

export const TokenParams = Type.Object({ id: Type.String({ ...id, ...idRule }) })

/** As text, like all query parameters. */
export function tokensQuery ({ topicsPageDefault, topicsPageMax }: Limits) {
  return Type.Object({
    limit: Type.Optional(Type.String({
      pattern: '^[1-9][0-9]*$',
      'x-expected': 'a whole number from 1',
      'x-openapi': { type: 'integer', minimum: 1, default: topicsPageDefault, example: 100 },
      description: `Maximum number of tokens. Values above ${topicsPageMax} count as ${topicsPageMax}.`
    })),
    after: Type.Optional(Type.String({
      ...idRule,
      'x-openapi': { type: 'string', pattern: idRule.pattern },
      description: 'The tokens after this id: `next` of the page before.'
    }))
  }, { additionalProperties: false })
}
