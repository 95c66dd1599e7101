import type { ErrorKinds } from '../errors.ts'

export const accessErrors = {
  unauthorized: { retriable: false, title: 'The request has no valid credentials' },
  forbidden: { retriable: false, title: 'The credentials do not allow this' },
  token_not_found: { retriable: false, title: 'The access token does not exist' },
  auth_unavailable: { retriable: true, title: 'The issuer of tokens did not answer' }
} as const satisfies ErrorKinds

declare module '../errors.ts' {
  interface ErrorTables { access: typeof accessErrors }
}
