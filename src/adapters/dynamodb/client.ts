import {
  ConditionalCheckFailedException, DynamoDBClient, GetItemCommand, UpdateItemCommand, type UpdateItemCommandInput
} from '@aws-sdk/client-dynamodb'
import { StoreError } from '../../ports/errors.ts'
import type { CallOptions } from '../../ports/segment-store.ts'
import { clientConfig, hasAnswered, observeAnswers, sendOptions, serverTime, type AwsSettings } from '../aws/client.ts'
import { withStoreErrors, type CallContext, type Remedies } from '../aws/errors.ts'
import { CHECK_KEY, PK, TOPICS_INDEX, type Item } from './table.ts'

/** Creates a client for the stores in this folder. To be closed with `destroy()`. */
export function createDynamoClient (settings: AwsSettings): DynamoDBClient {
  const client = new DynamoDBClient(clientConfig(settings))
  observeAnswers(client, settings)
  return client
}

export interface TableSettings {
  /** From {@link createDynamoClient}: others do not record the time of the response. */
  readonly client: DynamoDBClient
  readonly table: string
}

/** What a conditional update found. */
export type Updated =
  /** The item after the update, and the service's clock, ms. */
  | { readonly applied: true, readonly item: Item, readonly time: () => number }
  /** The item, which does not meet the condition. */
  | { readonly applied: false, readonly item: Item | undefined }

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
  async get (pk: string, options?: CallOptions): Promise<Item | undefined> {
    return (await this.#get(pk, options)).Item
  }

  #get (pk: string, options?: CallOptions) {
    const command = new GetItemCommand({ TableName: this.name, Key: { [PK]: { S: pk } }, ConsistentRead: true })
    return this.send(`GetItem ${pk}`, options, (client, http) => client.send(command, http))
  }

  async update (pk: string, expressions: Partial<UpdateItemCommandInput>, options?: CallOptions): Promise<Updated> {
    const command = new UpdateItemCommand({
      ...expressions,
      TableName: this.name,
      Key: { [PK]: { S: pk } },
      ReturnValues: 'ALL_NEW',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD'
    })
    const call = `UpdateItem ${pk}`
    const refused = await this.send(call, options, async (client, http) => {
      try {
        return { output: await client.send(command, http) }
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return { item: error.Item }
        throw error
      }
    })
    // There is none, or the service does not tell it.
    if (!('output' in refused)) return { applied: false, item: refused.item ?? await this.get(pk, options) }
    const { output } = refused
    if (output.Attributes === undefined) {
      throw new StoreError('misconfigured', 'unknown', `${call} in table ${this.name}: the answer has no item`)
    }
    return { applied: true, item: output.Attributes, time: () => serverTime(output) }
  }

  /** @throws StoreError also if the service's answers have no time */
  async check (options?: CallOptions): Promise<void> {
    serverTime(await this.#get(CHECK_KEY, options))
  }
}

export function remediesFor (table: string): Remedies {
  return {
    missing: `the table "${table}" does not exist: create it with the partition key pk (string), or set COUNTERS_TABLE to one that does`,
    denied: `the table "${table}" may not be used: allow dynamodb:GetItem, dynamodb:UpdateItem and dynamodb:Scan on it, and ` +
      `dynamodb:Query on its index ${TOPICS_INDEX.IndexName}`,
    settings: `DynamoDB can't be used with these settings: the table "${table}" must have the partition key pk (string) and no sort key, ` +
      'AWS_REGION must be its region, and AWS_ENDPOINT_URL_DYNAMODB or AWS_ENDPOINT_URL, if set, a service that speaks DynamoDB',
    archived: `the table "${table}" was archived: restore it`,
    encryption: `the key that the table "${table}" is encrypted with can't be used: enable it, and allow kms:Decrypt`
  }
}
