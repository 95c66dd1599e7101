// For Lambda, which looks for handlers in .js, .mjs and .cjs files only: `lambda.handler` and `lambda.streamHandler`.
export { handler, streamHandler } from './src/lambda.ts'
