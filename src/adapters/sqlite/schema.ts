/** Version of the file format (`PRAGMA user_version`). To be incremented by changes that older servers cannot read. */
export const SCHEMA_VERSION = 2

/** Identifies files of this server (`PRAGMA application_id`): "SlSt". */
export const APPLICATION_ID = 0x536c5374

/** Identifies a file into which a copy is being made, or was interrupted: "SlCp". No server starts on it. */
export const COPY_ID = 0x536c4370

/** Whether a copy is being made is in the file itself, so that it holds whoever moves the file. */
export const BEGIN_COPY = `
  CREATE TABLE copy_mark (source TEXT NOT NULL, run TEXT NOT NULL) STRICT;
  PRAGMA application_id = ${COPY_ID};
`
export const FINISH_COPY = `
  DROP TABLE copy_mark;
  PRAGMA application_id = ${APPLICATION_ID};
`

/** SQLite's default. Larger pages made small appends slower and large ones no faster. */
export const PAGE_BYTES = 4_096

/**
 * Segments are rows in insertion order, with an index from key to row. In one tree with their keys (WITHOUT ROWID), the bodies
 * made the tree deep and lists slow. `body` is the last column, so that reading the other columns needs one page.
 *
 * Of topics, `created_at` 0 is a topic that does not exist: the first version has the column without NULL. `producers` are
 * those inside the topics' items (log §6.5), `records` are those of `RecordStore`.
 *
 * Groups are rows in insertion order, too: most are smaller than a page, and a write then changes this page alone.
 */
export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS segments (
    topic TEXT NOT NULL,
    last INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    content_encoding TEXT,
    metadata TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (topic, last)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS topics (
    topic TEXT NOT NULL PRIMARY KEY,
    current_offset INTEGER NOT NULL DEFAULT 0,
    reserved_at INTEGER,
    earliest INTEGER NOT NULL DEFAULT 1,
    deleted_at INTEGER,
    created_at INTEGER NOT NULL,
    moves INTEGER NOT NULL DEFAULT 0,
    closed INTEGER,
    closing INTEGER,
    closing_of TEXT,
    order_last INTEGER,
    order_of TEXT,
    config TEXT,
    swept TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS producers (
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    last INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (topic, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL,
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    last INTEGER NOT NULL,
    text TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (kind, topic, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS records_by_expiry ON records (expires_at);
  CREATE TABLE IF NOT EXISTS groups (
    topic TEXT NOT NULL,
    name TEXT NOT NULL,
    gen TEXT NOT NULL,
    rev INTEGER NOT NULL,
    writer TEXT NOT NULL,
    modified_ms INTEGER NOT NULL,
    config TEXT NOT NULL,
    state BLOB NOT NULL,
    UNIQUE (topic, name)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS tokens (
    id TEXT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS log_generation (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL
  ) STRICT;
  INSERT OR IGNORE INTO log_generation VALUES (1, 0);
  PRAGMA user_version = ${SCHEMA_VERSION};
`

/** What makes a file of an older version one of the next, by the older version. To be run before {@link SCHEMA}. */
export const MIGRATIONS: Readonly<Record<number, string>> = {
  1: `
    ALTER TABLE topics ADD COLUMN moves INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE topics ADD COLUMN closed INTEGER;
    ALTER TABLE topics ADD COLUMN closing INTEGER;
    ALTER TABLE topics ADD COLUMN closing_of TEXT;
    ALTER TABLE topics ADD COLUMN order_last INTEGER;
    ALTER TABLE topics ADD COLUMN order_of TEXT;
    ALTER TABLE topics ADD COLUMN config TEXT;
    ALTER TABLE topics ADD COLUMN swept TEXT;
  `
}
