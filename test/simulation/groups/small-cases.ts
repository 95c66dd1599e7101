import type { GroupCase } from './exploration.ts'

const nackKinds = [{ delayed: false, counted: true }, { delayed: true, counted: true }, { delayed: false, counted: false }]

/** Two to four messages in two keys. Each case is small enough to be explored in a second or two. */
export const smallCases: Readonly<Record<string, GroupCase>> = {
  'two keys, two workers, expiry': {
    topic: [1, 2, 1, 2], mode: 'keyed', maxAttempts: 2, workers: 2, limit: 2, receives: 7, timeouts: 3, parts: true
  },
  'lost answers and late copies': {
    topic: [1, 2], mode: 'keyed', maxAttempts: 2, workers: 2, limit: 1, receives: 3, timeouts: 2, lost: 1, copies: 2
  },
  'late copies of a receive and of its ack': {
    topic: ['no key', 'no key', 'no key'], mode: 'shared', maxAttempts: null, workers: 2, limit: 1, receives: 3, copies: 3, lost: 1
  },
  'nacks of one and of all': {
    topic: [1, 1, 2], mode: 'keyed', maxAttempts: 3, workers: 2, limit: 3, receives: 4, timeouts: 1, nacks: 2, nackKinds, parts: true
  },
  'nacks, last attempts and rejections': {
    topic: [1, 2, 1],
    mode: 'keyed',
    maxAttempts: 2,
    workers: 2,
    limit: 2,
    receives: 6,
    timeouts: 2,
    nacks: 2,
    parts: true,
    nackKinds: [{ delayed: true, counted: true }, { delayed: false, counted: true, reject: true }]
  },
  'exclusive, with a delay': {
    topic: [1, 2, 1], mode: 'exclusive', maxAttempts: 2, workers: 2, limit: 2, receives: 6, timeouts: 2, nacks: 2, nackKinds, parts: true
  },
  'a sealed offset and a late message': {
    topic: [1, 'sealed', 'late', 2, 1], mode: 'keyed', maxAttempts: 2, workers: 2, limit: 2, receives: 6, timeouts: 2, parts: true
  },
  'a seek': {
    topic: [1, 2, 1], mode: 'keyed', maxAttempts: 2, workers: 2, limit: 2, receives: 4, timeouts: 2, seeks: [1, 3], movers: 1
  },
  'a trim': {
    topic: [1, 2, 1, 1], mode: 'keyed', maxAttempts: 2, workers: 2, limit: 2, receives: 5, timeouts: 2, trims: [2, 4], parts: true
  },
  'deletion and making anew': {
    topic: [1, 2], mode: 'keyed', maxAttempts: 2, workers: 2, limit: 2, receives: 4, timeouts: 2, copies: 2, remakes: 1
  },
  'two movers of dead letters': {
    topic: [1, 2],
    mode: 'keyed',
    maxAttempts: 1,
    workers: 2,
    limit: 1,
    receives: 3,
    nacks: 2,
    timeouts: 2,
    movers: 2,
    remakes: 1,
    nackKinds: [{ delayed: false, counted: true }]
  },
  'a dead-letter topic that is deleted': {
    topic: [1, 2, 3],
    mode: 'keyed',
    maxAttempts: 1,
    workers: 1,
    limit: 1,
    receives: 3,
    nacks: 3,
    movers: 2,
    letterDeletions: 1,
    nackKinds: [{ delayed: false, counted: true }]
  },
  'a redrive beside movers': {
    topic: [1, 1, 2],
    mode: 'keyed',
    maxAttempts: 2,
    workers: 2,
    limit: 2,
    receives: 4,
    timeouts: 1,
    nacks: 2,
    movers: 1,
    redrives: 2,
    nackKinds: [{ delayed: false, counted: true, reject: true }]
  },
  'a redrive and a seek': {
    topic: [1, 2],
    mode: 'keyed',
    maxAttempts: 2,
    workers: 2,
    limit: 1,
    receives: 4,
    nacks: 1,
    movers: 1,
    redrives: 1,
    seeks: [1],
    nackKinds: [{ delayed: false, counted: true, reject: true }]
  },
  'segments that can\'t be loaded for a while': {
    topic: [1, 1, 2, 1], mode: 'keyed', maxAttempts: null, workers: 2, limit: 1, receives: 5, timeouts: 1, failures: 1
  },
  'room for three messages and one lane': {
    topic: [1, 2, 1, 2, 'no key'],
    mode: 'keyed',
    maxAttempts: 2,
    workers: 2,
    limit: 2,
    receives: 6,
    timeouts: 1,
    maxInFlight: 3,
    parts: true,
    limits: { groupLanesMax: 1 }
  },
  'scans that end early': {
    topic: [1, 1, 2, 1, 3],
    mode: 'keyed',
    maxAttempts: null,
    workers: 2,
    limit: 1,
    receives: 5,
    timeouts: 1,
    limits: { groupScanMessages: 1 }
  },
  'three workers of two leases': {
    topic: [1, 2, 'no key', 1],
    mode: 'keyed',
    maxAttempts: 2,
    workers: 3,
    limit: 1,
    receives: 6,
    timeouts: 2,
    nacks: 1,
    nackKinds: [{ delayed: true, counted: true }],
    limits: { groupLeasesMax: 2 }
  }
}
