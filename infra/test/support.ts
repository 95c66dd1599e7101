import { readFileSync } from 'node:fs'
import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { addStacks } from '../lib/stacks.ts'

const { context: flags } = JSON.parse(readFileSync(new URL('../cdk.json', import.meta.url), 'utf8')) as { context: Record<string, unknown> }

export interface Resource {
  readonly Type: string
  readonly Properties: Readonly<Record<string, unknown>>
  readonly DeletionPolicy?: string
}

export interface Synthesized {
  /** `undefined` if bucket and table exist already. */
  readonly data: Template | undefined
  readonly api: Template
  readonly app: App
}

/** The templates of a context, without the bundle of the function. */
export function synthesize (context: Record<string, unknown> = {}): Synthesized {
  const app = new App({ context: { ...flags, bundle: 'placeholder', auth: 'tokens', ...context } })
  const { data, api } = addStacks(app)
  return { data: data && Template.fromStack(data), api: Template.fromStack(api), app }
}

/** The only resource of the type. */
export function only (template: Template, type: string): Resource {
  const found = Object.values(template.findResources(type))
  if (found.length !== 1) throw new Error(`expected one ${type}, got ${found.length}`)
  return found[0] as Resource
}

/** Functions by the name of their handler. */
export function functionsOf (template: Template): Record<string, Record<string, unknown>> {
  const found = Object.values(template.findResources('AWS::Lambda::Function')) as Resource[]
  return Object.fromEntries(found.map(({ Properties }) => [Properties['Handler'] as string, Properties]))
}

export interface Statement {
  readonly Sid?: string
  readonly Effect: string
  readonly Action: string | readonly string[]
  readonly Resource: unknown
  readonly Condition?: unknown
}

/** The statements of the policy whose logical id begins so. */
export function policyOf (template: Template, name: string): Statement[] {
  const [found] = Object.entries(template.findResources('AWS::IAM::Policy')).filter(([id]) => id.startsWith(name))
  const { PolicyDocument } = (found![1] as Resource).Properties as { PolicyDocument: { Statement: Statement[] } }
  return PolicyDocument.Statement
}
