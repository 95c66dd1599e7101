import { Option } from 'commander'
import { duration, since, start } from '../values.ts'

/** Options that several commands have. */
export const yes = (): Option => new Option('-y, --yes', 'do not ask')
export const long = (): Option => new Option('-l, --long', 'with details; one request for each')
export const from = (): Option => (
  new Option('--from <offset>', 'begin at an offset, "earliest", "latest", or -N for N before the end (default: earliest)')
    .argParser(start))
export const sinceTime = (): Option => (
  new Option('--since <time>', 'begin at a time: 1h or 7d ago, or a date such as 2026-01-31T12:00:00Z').argParser(since))
export const origin = (): Option => (
  new Option('--origin', 'keep the offset and timestamp of each message as headers: origin-offset and origin-timestamp'))
export const noOrigin = (): Option => (
  new Option('--no-origin', 'do not keep the old offset and timestamp of each message as headers'))
/** Of commands that take their time; others tell soon that there is no answer. */
export const retryFor = (): Option => (
  new Option('--retry-for <time>', 'how long lines are sent again while the service does not answer')
    .default(120_000, '2m').argParser(duration))
