import type { App } from 'aws-cdk-lib'
import { ApiStack } from './api-stack.ts'
import { readConfig } from './config.ts'
import { DataStack } from './data-stack.ts'
import { createdStorage } from './storage.ts'

export interface Stacks {
  /** `undefined` if bucket and table exist already. */
  readonly data: DataStack | undefined
  readonly api: ApiStack
}

/**
 * Adds the stacks that the context of the app asks for.
 * @throws ConfigError
 */
export function addStacks (app: App): Stacks {
  const config = readConfig(app.node.getAllContext() as Record<string, unknown>)
  const nameOf = (part: string) => `ServerlessStreams${part}${config.stage === undefined ? '' : `-${config.stage}`}`
  const props = { tags: { application: 'serverless-streams', ...config.stage !== undefined && { stage: config.stage } } }
  const data = 'new' in config.storage ? new DataStack(app, nameOf('Data'), config.storage.new, props) : undefined
  const api = new ApiStack(app, nameOf('Api'), config, data && createdStorage(data), props)
  return { data, api }
}
