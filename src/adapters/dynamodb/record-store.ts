import type { RecordStore } from '../../ports/record-store.ts'
import { Table, type TableSettings } from './client.ts'
import { absent, atMost, either, Expression, factIs } from './expression.ts'
import { number, PK, RECORD, recordKey, recordOf, text, TTL_ATTRIBUTE } from './table.ts'

/** Records as items of their own, which DynamoDB removes by itself some time after they have expired. */
export function createDynamoRecordStore (settings: TableSettings): RecordStore {
  const table = new Table(settings)

  return {
    async read (name, options) {
      const { item } = await table.get(recordKey(name), options)
      return item === undefined ? undefined : recordOf(item, name)
    },

    async replace (name, record, seen, options) {
      const expression = new Expression()
        .set(RECORD.last, number(record.last))
        .set(RECORD.text, text(record.text))
        .set(TTL_ATTRIBUTE, number(Math.ceil(options.expiresAtMs / 1_000)))
      const condition = name.kind === 'producer'
        ? either(absent(PK), atMost(RECORD.last, record.last))
        : factIs(RECORD, seen)
      const { applied, item } = await table.update(recordKey(name), expression.update([condition]), options)
      if (applied) return 'replaced'
      return item === undefined ? undefined : recordOf(item, name)
    },

    async removeExpired () {
      return 0
    }
  }
}
