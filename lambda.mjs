// For Lambda, which looks for handlers in .js, .mjs and .cjs files only: `lambda.handler`, `lambda.streamHandler` and
// `lambda.sweepHandler`.
export { handler, streamHandler, sweepHandler } from './src/lambda.ts'
