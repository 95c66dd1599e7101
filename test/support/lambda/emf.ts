import assert from 'node:assert/strict'
import { Ajv } from 'ajv'

const units = 'Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|Megabits|Gigabits|Terabits|' +
  'Percent|Count|Bytes\\/Second|Kilobytes\\/Second|Megabytes\\/Second|Gigabytes\\/Second|Terabytes\\/Second|Bits\\/Second|' +
  'Kilobits\\/Second|Megabits\\/Second|Gigabits\\/Second|Terabits\\/Second|Count\\/Second|None'

/**
 * The schema of CloudWatch's embedded metric format, as AWS documents it:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
const schema = {
  type: 'object',
  required: ['_aws'],
  properties: {
    _aws: {
      type: 'object',
      required: ['Timestamp', 'CloudWatchMetrics'],
      properties: {
        Timestamp: { type: 'integer' },
        CloudWatchMetrics: {
          type: 'array',
          items: {
            type: 'object',
            required: ['Namespace', 'Dimensions', 'Metrics'],
            properties: {
              Namespace: { type: 'string', pattern: '^(.*)$', minLength: 1, maxLength: 1024 },
              Dimensions: {
                type: 'array',
                minItems: 1,
                items: {
                  type: 'array', minItems: 0, maxItems: 30, items: { type: 'string', pattern: '^(.*)$', minLength: 1, maxLength: 250 }
                }
              },
              Metrics: {
                type: 'array',
                items: {
                  type: 'object',
                  required: ['Name'],
                  properties: {
                    Name: { type: 'string', pattern: '^(.*)$', minLength: 1, maxLength: 1024 },
                    Unit: { type: 'string', pattern: `^(${units})$` },
                    StorageResolution: { type: 'integer', enum: [1, 60] }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

export interface EmfLine {
  readonly _aws: {
    readonly Timestamp: number
    readonly CloudWatchMetrics: ReadonlyArray<{
      readonly Namespace: string
      readonly Dimensions: ReadonlyArray<readonly string[]>
      readonly Metrics: ReadonlyArray<{ readonly Name: string, readonly Unit?: string }>
    }>
  }
  readonly [member: string]: unknown
}

const valid = new Ajv({ strict: false }).compile<EmfLine>(schema)

export function isEmf (line: string): boolean {
  return line.startsWith('{"_aws":')
}

/** Checks a line as CloudWatch does. Beyond the schema: at most 100 metrics, each a number or at most 100, and dimensions with values. */
export function parseEmf (line: string): EmfLine {
  const parsed: unknown = JSON.parse(line)
  assert.ok(valid(parsed), JSON.stringify(valid.errors))
  assert.ok(Buffer.byteLength(line) < 1024 * 1024)
  for (const { Dimensions, Metrics } of parsed._aws.CloudWatchMetrics) {
    assert.ok(Metrics.length > 0 && Metrics.length <= 100)
    for (const name of Dimensions.flat()) assert.equal(typeof parsed[name], 'string', name)
    for (const { Name } of Metrics) {
      const values = [parsed[Name]].flat()
      assert.ok(values.length > 0 && values.length <= 100, `${values.length} values of ${Name}`)
      for (const value of values) assert.ok(Number.isFinite(value), `${Name}: ${String(value)}`)
    }
  }
  return parsed
}
