import { LogError } from '../../../domain/errors.ts'
import { decodeLeaseId, type LeaseId, type LeasePart } from '../../../domain/groups/groups.ts'
import { show } from '../../http/validation.ts'
import type { PartBody } from './lease.schema.ts'

/** @param where prefix of the fields' names @throws LogError `invalid_request` */
export function leaseIdOf (text: string, where = ''): LeaseId {
  const id = decodeLeaseId(text)
  if (id === undefined) throw new LogError('invalid_request', `${where}lease_id: expected the id of a lease, got ${show.text(text)}`)
  return id
}

/** @throws LogError `invalid_request` for an id that is none, or an offset that the lease never had */
export function leasePartOf ({ lease_id: text, offsets }: PartBody, where = ''): LeasePart {
  const id = leaseIdOf(text, where)
  const { first, last } = id
  const outside = offsets?.findIndex((offset) => offset < first || offset > last) ?? -1
  if (outside < 0) return { id, offsets }
  const expected = `${first} to ${last}, the first and the last offset of the lease`
  throw new LogError('invalid_request', `${where}offsets.${outside}: expected ${expected}, got ${offsets![outside]}`)
}
