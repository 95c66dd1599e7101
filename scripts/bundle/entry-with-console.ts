import { addConsole, loadConsole } from '../../src/app/console/console.ts'
import { builtDocs } from '../../src/app/lambda/built-docs.ts'
import { createFunction } from '../../src/function.ts'
import { builtValidators } from './built-validators.ts'

const files = await loadConsole(new URL('console/', import.meta.url))

/** The function with the console, whose files are in a folder beside it. */
export const { handler, streamHandler, sweepHandler } = await createFunction({
  docs: builtDocs(new URL('.', import.meta.url)), validators: builtValidators
}, (app) => { addConsole(app, files) })
