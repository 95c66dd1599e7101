import type { StoreOperation } from '../../ports/telemetry.ts'

/**
 * List prices in dollars of us-east-1, on demand, as of November 2026 (aws.amazon.com/s3/pricing, aws.amazon.com/dynamodb/pricing).
 * Other regions cost up to twice as much. Stored bytes, traffic and compute are not included.
 */
export const prices = {
  region: 'us-east-1',
  asOf: '2026-11',
  perMillionPuts: 5,
  perMillionLists: 5,
  perMillionGets: 0.4,
  /** A unit is 4 KB of an item, strongly consistent. */
  perMillionReadUnits: 0.125,
  /** A unit is 1 KB of an item. */
  perMillionWriteUnits: 0.625
} as const

/** Dollars that one call to S3 costs. Deletions cost nothing, and DynamoDB's calls cost by their units. */
export const dollarsPerCall: Readonly<Partial<Record<StoreOperation, number>>> = {
  put: prices.perMillionPuts / 1e6,
  list: prices.perMillionLists / 1e6,
  list_names: prices.perMillionLists / 1e6,
  get: prices.perMillionGets / 1e6
}

/** @param units that DynamoDB has consumed */
export function dollarsOfUnits (kind: 'read' | 'write', units: number): number {
  return units * (kind === 'read' ? prices.perMillionReadUnits : prices.perMillionWriteUnits) / 1e6
}
