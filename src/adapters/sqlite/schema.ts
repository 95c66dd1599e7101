/** Version of the file format (`PRAGMA user_version`). To be incremented by changes that older servers cannot read. */
export const SCHEMA_VERSION = 1

/** Identifies files of this server (`PRAGMA application_id`): "SlSt". */
export const APPLICATION_ID = 0x536c5374

/** SQLite's default. Larger pages made small appends slower and large ones no faster. */
export const PAGE_BYTES = 4_096

/**
 * Segments are rows in insertion order, with an index from key to row. In one tree with their keys (WITHOUT ROWID), the bodies
 * made the tree deep and lists slow. `body` is the last column, so that reading the other columns needs one page.
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
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS log_generation (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL
  ) STRICT;
  INSERT OR IGNORE INTO log_generation VALUES (1, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`
