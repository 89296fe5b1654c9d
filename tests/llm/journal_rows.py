"""What a journal's file holds beside the answers."""

import sqlite3
from contextlib import closing


def keys_of_record(journal, record_id, tenant=""):
    """Keys of a tenant's calls that hold a record's words."""
    query = "SELECT key FROM call_records JOIN calls USING (key) WHERE record_id = ? AND tenant = ? ORDER BY key"
    with closing(sqlite3.connect(journal.path)) as file:
        return tuple(key for (key,) in file.execute(query, (record_id, tenant)))
