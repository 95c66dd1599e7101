import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** As the first version made it. */
const SCHEMA_1 = `
  CREATE TABLE segments (
    topic TEXT NOT NULL,
    last INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    content_encoding TEXT,
    metadata TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (topic, last)
  ) STRICT;
  CREATE TABLE topics (
    topic TEXT NOT NULL PRIMARY KEY,
    current_offset INTEGER NOT NULL DEFAULT 0,
    reserved_at INTEGER,
    earliest INTEGER NOT NULL DEFAULT 1,
    deleted_at INTEGER,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE log_generation (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL
  ) STRICT;
  INSERT INTO log_generation VALUES (1, 0);
  PRAGMA application_id = ${0x536c5374};
  PRAGMA user_version = 1;
`

/**
 * A file of the first version with a segment, and three topics: `kept` with 7 offsets of which 2 are trimmed, `deleted`
 * at its offset 4, and `raised`, of which nothing was ever reserved.
 * @returns closes the file, and with it its write-ahead log
 */
export function createVersion1 (folder: string): () => void {
  const database = new DatabaseSync(join(folder, 'streams.db'))
  database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; ${SCHEMA_1}
    INSERT INTO segments VALUES ('kept', 7, 1700, 'application/json', NULL, '{"first":"7"}', x'7b7d');
    INSERT INTO topics VALUES ('kept', 7, 1500, 3, NULL, 1000), ('deleted', 4, 1500, 1, 4, 1000), ('raised', 0, NULL, 5, NULL, 1000)`)
  return () => { database.close() }
}
