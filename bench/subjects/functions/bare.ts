/** What any function in Node costs. */
export const handler = async (): Promise<object> => ({ statusCode: 200, headers: {}, body: '{"status":"ok"}' })
