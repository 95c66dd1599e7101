import { preparedAtStart } from './app/prepared.ts'
import { createFunction } from './function.ts'

/** The function from the sources, without a build. scripts/bundle.ts makes the one that is deployed, from the same parts. */
export const { handler, streamHandler, sweepHandler } = await createFunction(preparedAtStart())
