"""Migrations: they build what the tables say, keep what is there, and refuse what they do not know."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from tests.store.rows import ANSWER, MASTER, lived_in
from unlike.errors import InputError
from unlike.store import check, journal, profiles, records, scrubs
from unlike.store.database import open_store
from unlike.store.migrate import migrated, version_of
from unlike.store.profiles import NewProfile
from unlike.store.tables import METADATA, SCRUBS


def test_they_build_what_the_tables_say(store):
    import pgvector.sqlalchemy  # noqa: F401 - without it PostgreSQL's vectors are not recognised

    with store.connection(writes=False) as conn:
        assert compare_metadata(MigrationContext.configure(conn), METADATA) == []
        assert set(inspect(conn).get_table_names()) == {*METADATA.tables, "alembic_version"}


def test_a_store_keeps_its_rows(address):
    made = open_store(address, MASTER)
    world = lived_in(made.tenant())
    made.close()
    again = open_store(address, MASTER)
    with again.tenant().write() as tx:
        assert version_of(tx.conn) == "0003"
        assert [stored.record.text for stored in records.read(tx)][:2] == ["words of ann", "words of bob"]
        assert profiles.current(tx, world.users["ann"]) is not None
        assert journal.get(tx, world.calls["ann"]) == ANSWER | {"text": "words of ann answered"}
        assert check.faults(tx) == []
    again.close()


def test_a_store_of_the_first_version(address):
    made = open_store(address, MASTER)
    ann = lived_in(made.tenant()).users["ann"]
    with made.tenant().write() as tx:
        scrubs.request(tx)
        tx.conn.execute(text("drop table profile_versions"))
        tx.conn.execute(text("drop table deleted_records"))
        tx.conn.execute(text("alter table profiles drop column made_with"))
        tx.conn.execute(text("alter table scrubs drop column xact"))
        tx.conn.execute(text("alter table jobs drop column outages"))
        tx.conn.execute(text("update alembic_version set version_num = '0001'"))
    made.close()
    again = open_store(address, MASTER)
    with again.connection(writes=False) as conn:
        xact = conn.scalar(select(SCRUBS.c.xact))
        assert xact == 0 if again.is_file else xact
        assert compare_metadata(MigrationContext.configure(conn), METADATA) == []
    with again.tenant().write() as tx:
        assert profiles.put(tx, NewProfile(ann, "edited", ())) == 2
    assert scrubs.scrub_if_pending(again)
    again.close()


def test_nothing_is_made_where_nothing_may_be_migrated(address):
    with pytest.raises(InputError, match="of version none"):
        open_store(address, MASTER, migrate=False)


def test_a_store_of_a_newer_version(address):
    made = open_store(address, MASTER)
    with made.connection(writes=True) as conn:
        conn.execute(text("update alembic_version set version_num = '9999'"))
    made.close()
    with pytest.raises(InputError, match="of version 9999, made by a newer unlike; this one knows 0003: update it"):
        open_store(address, MASTER)


def test_migrating_again_changes_nothing(store):
    migrated(store.engine)
    with store.connection(writes=False) as conn:
        assert version_of(conn) == "0003"
