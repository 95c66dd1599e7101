/**
 * Which room may import which. A room is a folder, or the files directly in a folder (`/*`). Type imports and `import()` count.
 * `log/log.ts` is the door of its room: outside of the domain, the log is used through this file only. The tables of errors
 * (`errors.ts`) are open to the whole app. Rooms that do not exist yet are listed, so that the first file in them is already
 * checked.
 */
/** @param {string} room */
const door = (room) => `${room}/${room.split('/').at(-1)}.ts`
const pure = ['src/domain/topics', 'src/domain/segments', 'src/domain/producers']
const edge = ['src/ports', 'src/domain/*', 'src/domain/segments', door('src/domain/log'), 'src/domain/[^/]+/errors.ts']

/**
 * Each room, and the rooms and files that it may import besides itself. Packages are not restricted.
 * @type {Record<string, string[]>}
 */
const rooms = {
  'src/ports': [],
  'src/domain/*': ['src/ports'],
  ...Object.fromEntries(pure.map((room) => [room, ['src/ports', 'src/domain/*']])),
  // Grants are for topics.
  'src/domain/access': ['src/ports', 'src/domain/*', 'src/domain/topics'],
  'src/domain/log': ['src/ports', 'src/domain/*', ...pure],
  'src/domain/catalog': ['src/ports', 'src/domain/*', ...pure, door('src/domain/log')],
  'src/domain/groups': ['src/ports', 'src/domain/*', ...pure, door('src/domain/log')],
  'src/domain/copy': ['src/ports', 'src/domain/*', ...pure, door('src/domain/log'), door('src/domain/groups')],
  'src/adapters/aws': ['src/ports'],
  'src/adapters/s3': ['src/ports', 'src/adapters/aws'],
  'src/adapters/dynamodb': ['src/ports', 'src/adapters/aws'],
  'src/adapters/memory': ['src/ports', 'src/adapters/metrics'],
  'src/adapters/prometheus': ['src/ports', 'src/adapters/metrics'],
  'src/adapters/emf': ['src/ports', 'src/adapters/metrics'],
  // The folder with packages that are installed apart.
  'src/adapters/opentelemetry': ['src/ports', 'tracing'],
  'src/adapters/[^/]+': ['src/ports'],
  'src/app/http': edge,
  'src/app/lambda': ['src/app/http'],
  'src/app/access': ['src/app/http', ...edge, 'src/domain/access'],
  'src/app/console': ['src/app/http'],
  'src/app/routes': [
    'src/app/http', 'src/app/access', ...edge, ...pure, 'src/domain/access', door('src/domain/catalog'), door('src/domain/groups')
  ],
  'src/app/*': ['src/app', ...edge, 'src/domain/access', door('src/domain/catalog'), door('src/domain/groups')],
  'src/*': ['src']
}

/**
 * The regular expression of a room's files.
 * @param {string} room
 */
function filesOf (room) {
  if (room.endsWith('.ts')) return `^${room.replaceAll('.', '\\.')}$`
  return room.endsWith('/*') ? `^${room.slice(0, -1)}[^/]+$` : `^${room}/`
}

/**
 * A file has the first row that fits, so each row excludes what stands above it.
 * @type {import('dependency-cruiser').IForbiddenRuleType[]}
 */
const rules = Object.entries(rooms).map(([room, allowed], index, rows) => ({
  name: room,
  comment: `${room} may import: ${['itself', ...allowed].join(', ')}`,
  severity: 'error',
  from: {
    path: room.includes('[') ? '^(src/adapters/[^/]+)/' : filesOf(room),
    pathNot: rows.slice(0, index).map(([other]) => filesOf(other))
  },
  to: {
    path: '^(src|test|bench|scripts|clients|cli|console|infra|tracing)/',
    pathNot: [room.includes('[') ? '^$1/' : filesOf(room), ...allowed.map(filesOf)]
  }
}))

/** @satisfies {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...rules,
    { name: 'no-cycle', comment: 'Imports have no cycles.', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'entry-file',
      comment: 'Nobody imports an entry file.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/(server|lambda|backup|sweep|copy|token)\\.ts$' }
    }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs'] }
  }
}
