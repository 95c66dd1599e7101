// Stands in for the function where only the template matters. If it is deployed after all, it says what is missing.
export async function handler () {
  throw new Error('This function was deployed without its code: run "npm run bundle", then "npm run deploy"')
}

export { handler as streamHandler, handler as sweepHandler }
