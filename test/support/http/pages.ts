import { messagesOf, type Page } from '../../../src/domain/log/log.ts'

type Runs = Pick<Page, 'runs'>

/** The messages of a page, each in its wire form. */
export function textsOf (page: Runs): string[] {
  return [...messagesOf(page)].map(({ line }) => Buffer.from(line).toString())
}

export function payloadsOf (page: Runs): unknown[] {
  return textsOf(page).map((text) => (JSON.parse(text) as { payload: unknown }).payload)
}

export function offsetsOf (page: Runs): number[] {
  return [...messagesOf(page)].map(({ offset }) => offset)
}
