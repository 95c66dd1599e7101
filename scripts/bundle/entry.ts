import { builtDocs } from '../../src/app/lambda/built-docs.ts'
import { createFunction } from '../../src/function.ts'
import { builtValidators } from './built-validators.ts'

/** The function as it is deployed. src/lambda.ts is the same without a build. */
export const { handler, streamHandler, sweepHandler } = await createFunction({
  docs: builtDocs(new URL('.', import.meta.url)), validators: builtValidators
})
