/** The file's format (`PRAGMA user_version`). A change that an older server cannot read raises it. */
export const SCHEMA_VERSION = 1

/** Marks the file as this server's (`PRAGMA application_id`): "SlSt". */
export const APPLICATION_ID = 0x536c5374

/** SQLite's default. Larger pages made small appends slower and large ones no faster. */
export const PAGE_BYTES = 4_096

/**
 * Segments are kept in the order they came, with an index from key to row: bodies in the index's own tree (WITHOUT ROWID)
 * made it deep and lists slow. `body` is last, so that reading the columns before it touches one page.
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
