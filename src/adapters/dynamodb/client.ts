import {
  ConditionalCheckFailedException, DeleteItemCommand, DynamoDBClient, GetItemCommand, UpdateItemCommand, type DeleteItemCommandInput,
  type UpdateItemCommandInput
} from '@aws-sdk/client-dynamodb'
import { StoreError } from '../../ports/errors.ts'
import type { CallOptions } from '../../ports/segment-store.ts'
import { clientConfig, hasAnswered, observeAnswers, sendOptions, serverTime, type AwsSettings } from '../aws/client.ts'
import { withStoreErrors, type CallContext, type Remedies } from '../aws/errors.ts'
import { CHECK_KEY, copySourceOf, PK, TOPICS_INDEX, type Item } from './table.ts'

export interface DynamoSettings extends AwsSettings {
  /** Called with the capacity that each call has consumed. Without it, answers are not asked to tell. */
  readonly onUnits?: ((kind: 'read' | 'write', units: number) => void) | undefined
}

/** Creates a client for the stores in this folder. To be closed with `destroy()`. */
export function createDynamoClient (settings: DynamoSettings): DynamoDBClient {
  const client = new DynamoDBClient(clientConfig(settings))
  observeAnswers(client, settings)
  if (settings.onUnits !== undefined) observeUnits(client, settings.onUnits)
  return client
}

/** The answer to a write that its condition refuses does not tell its units, which are at least one. */
function observeUnits (client: DynamoDBClient, onUnits: NonNullable<DynamoSettings['onUnits']>): void {
  client.middlewareStack.add((next, { commandName = '' }) => async (args) => {
    const kind = /^(?:Update|Delete)/.test(commandName) ? 'write' : 'read'
    try {
      const result = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } })
      const { ConsumedCapacity: consumed } = result.output as { ConsumedCapacity?: { CapacityUnits?: number } }
      onUnits(kind, consumed?.CapacityUnits ?? 0)
      return result
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) onUnits(kind, 1)
      throw error
    }
  }, { step: 'initialize', name: 'unitsMiddleware' })
}

export interface TableSettings {
  /** From {@link createDynamoClient}: others do not record the time of the response. */
  readonly client: DynamoDBClient
  readonly table: string
  /** Gets what an operator should change, once. */
  readonly warn?: ((text: string) => void) | undefined
}

/** An item, and when it was. */
export interface Found {
  readonly item: Item | undefined
  /** The service's clock at its answer, ms (whole seconds). @throws StoreError if the answer has no time */
  readonly time: () => number
}

/** What a conditional update found: the item after the update, or the item that does not meet the condition. */
export type Updated = Found & ({ readonly applied: true, readonly item: Item } | { readonly applied: false })

/** What a conditional change whose result is known found: when it was applied, or the item that does not meet the condition. */
export type Applied = Pick<Found, 'time'> & { readonly applied: true } | Found & { readonly applied: false }

/** The calls to one table. Each is sent once. */
export class Table {
  readonly #client: DynamoDBClient
  readonly name: string
  readonly #remedies: Remedies

  constructor ({ client, table }: TableSettings) {
    this.#client = client
    this.name = table
    this.#remedies = remediesFor(table)
  }

  /** @param call the operation and its object, for the messages of errors */
  send<Output> (
    call: string, options: CallOptions | undefined,
    sending: (client: DynamoDBClient, http: { abortSignal?: AbortSignal }) => Promise<Output>
  ): Promise<Output> {
    const context: CallContext = {
      call: `${call} in table ${this.name}`, remedies: this.#remedies, answeredBefore: hasAnswered(this.#client), signal: options?.signal
    }
    return withStoreErrors(context, () => sending(this.#client, sendOptions(options)))
  }

  /** Strongly consistent. */
  async get (pk: string, options?: CallOptions): Promise<Found> {
    const output = await this.#get(pk, options)
    return { item: output.Item, time: () => serverTime(output) }
  }

  #get (pk: string, options?: CallOptions) {
    const command = new GetItemCommand({ TableName: this.name, Key: { [PK]: { S: pk } }, ConsistentRead: true })
    return this.send(`GetItem ${pk}`, options, (client, http) => client.send(command, http))
  }

  async update (pk: string, expressions: Partial<UpdateItemCommandInput>, options?: CallOptions): Promise<Updated> {
    const done = await this.#update(pk, { ...expressions, ReturnValues: 'ALL_NEW' }, options)
    if (!done.applied) return done
    const { output, time } = done
    if (output.Attributes === undefined) {
      throw new StoreError('misconfigured', 'unknown', `UpdateItem ${pk} in table ${this.name}: the answer has no item`)
    }
    return { applied: true, item: output.Attributes, time }
  }

  /** An update whose result is not asked for. */
  put (pk: string, expressions: Partial<UpdateItemCommandInput>, options?: CallOptions): Promise<Applied> {
    return this.#update(pk, expressions, options)
  }

  remove (pk: string, expressions: Partial<DeleteItemCommandInput>, options?: CallOptions): Promise<Applied> {
    const command = new DeleteItemCommand({ ...expressions, ...this.#conditionally(pk) })
    return this.#change('DeleteItem', pk, options, (client, http) => client.send(command, http))
  }

  #update (pk: string, expressions: Partial<UpdateItemCommandInput>, options?: CallOptions) {
    const command = new UpdateItemCommand({ ...expressions, ...this.#conditionally(pk) })
    return this.#change('UpdateItem', pk, options, (client, http) => client.send(command, http))
  }

  #conditionally (pk: string) {
    return { TableName: this.name, Key: { [PK]: { S: pk } }, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const
  }

  /** A refusal without the item is followed by a read: there is none, or the service does not tell it. */
  async #change<Output extends object> (
    operation: string, pk: string, options: CallOptions | undefined,
    sending: (client: DynamoDBClient, http: { abortSignal?: AbortSignal }) => Promise<Output>
  ): Promise<{ applied: true, output: Output, time: () => number } | Found & { applied: false }> {
    return await this.send(`${operation} ${pk}`, options, async (client, http) => {
      try {
        const output = await sending(client, http)
        return { applied: true, output, time: () => serverTime(output) }
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error
        if (error.Item === undefined) return { applied: false, ...await this.get(pk, options) }
        return { applied: false, item: error.Item, time: () => serverTime(error) }
      }
    })
  }

  /** @throws StoreError also if the service's answers have no time, or if a copy into the table is not complete */
  async check (options?: CallOptions): Promise<void> {
    const { item, time } = await this.get(CHECK_KEY, options)
    time()
    const source = copySourceOf(item)
    if (source === undefined) return
    throw new StoreError('misconfigured', 'none', `the copy of ${source} into the table "${this.name}" is not complete: run the same ` +
      '"npm run copy" again, or empty the bucket and the table')
  }
}

export function remediesFor (table: string): Remedies {
  return {
    missing: `the table "${table}" does not exist: create it with the partition key pk (string), or set COUNTERS_TABLE to one that does`,
    denied: `the table "${table}" may not be used: allow dynamodb:GetItem, dynamodb:UpdateItem, dynamodb:DeleteItem and dynamodb:Scan ` +
      `on it, and dynamodb:Query on its index ${TOPICS_INDEX.IndexName}`,
    settings: `DynamoDB can't be used with these settings: the table "${table}" must have the partition key pk (string) and no sort key, ` +
      'AWS_REGION must be its region, and AWS_ENDPOINT_URL_DYNAMODB or AWS_ENDPOINT_URL, if set, a service that speaks DynamoDB',
    archived: `the table "${table}" was archived: restore it`,
    encryption: `the key that the table "${table}" is encrypted with can't be used: enable it, and allow kms:Decrypt`
  }
}
