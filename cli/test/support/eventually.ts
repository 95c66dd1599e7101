import { eventually as within } from '../../../test/support/eventually.ts'

/** With time for processes to start on a busy machine. */
export async function eventually (condition: () => boolean | Promise<boolean>): Promise<void> {
  return within(condition, 60_000)
}
