export async function bench (_session: unknown, _options: unknown): Promise<void> {}
