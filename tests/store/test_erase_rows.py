"""After erasure nothing of a user is left: no row, no key, no byte in the folder or in a dump."""

import subprocess

import pytest
from sqlalchemy import event

from tests.store.conftest import emptied, files_of
from tests.store.rows import lived_in, put, row
from unlike.errors import InputError
from unlike.store import audit, check, differences, erase_rows, export, jobs, profiles, records, scrubs, users
from unlike.store.records import StoredRecords
from unlike.store.tables import METADATA, USERS

USER, WORDS = "canary-user-5d1c", "canary sentence 9f3e"


def take_out(tenant, user_id):
    with tenant.write() as tx:
        found = erase_rows.take_out(tx, users.find_user(tx, user_id))
        audit.note(tx, "erase", user_id, found[0])
    scrubs.scrub(tenant.store)
    return found


def sealed_of(tenant, user):
    """All sealed bytes under the key of a user."""
    with tenant.read() as tx:
        found = set(tx.conn.scalars(USERS.select().with_only_columns(USERS.c.wrapped_key).where(USERS.c.id == user)))
        for table in METADATA.sorted_tables:
            if "sealed" in table.c:
                for kept in tx.conn.execute(table.select().where(table.c.tenant == tenant.id)):
                    people = kept.people if "people" in table.c else [kept.user]
                    values = {kept.sealed, kept.prompt} if "prompt" in table.c else {kept.sealed}
                    found |= values - {None} if user in people else set()
    return found


def test_what_is_counted(tenant):
    world = lived_in(tenant)
    own, touched = take_out(tenant, "bob")
    names = ("records", "embeddings", "differences", "profiles", "pins", "calls", "jobs", "keys")
    assert own == dict.fromkeys(names, 1) | {"items": 0}
    assert touched.counts == {"profiles": 2, "differences": 2, "calls": 1, "clusterings": 1}, "of Ann, who read Bob"
    assert touched.users == (world.users["ann"], world.users["cleo"])


def test_no_row_is_left_and_others_can_go_on(tenant):
    world = lived_in(tenant)
    take_out(tenant, "bob")
    stored = StoredRecords(tenant)
    assert stored.history("bob", (9999, "")) == []
    assert [record.user_id for record in stored.peers("tea", None)] == ["ann", "cleo"]
    with tenant.read() as tx:
        assert users.find_user(tx, "bob") is None
        assert check.faults(tx) == []
        assert differences.current_of(tx, world.records.values()) == {}
        assert profiles.current(tx, world.users["ann"]) is None
        for table in METADATA.sorted_tables:
            for column in ("user", "record"):
                if column in table.c:
                    gone = (world.users if column == "user" else world.records)[
                        "bob" if column == "user" else "bob-tea"
                    ]
                    assert tx.conn.execute(table.select().where(table.c[column] == gone)).all() == []
        assert export.everything_about(tx, world.users["ann"], "ann")["n_llm_calls"] == 1  # of Cleo with Ann


def test_no_job_is_left_of_an_item_that_goes_too(tenant):
    world = lived_in(tenant)
    with tenant.write() as tx:
        jobs.enqueue(tx, "cluster", list(world.items.values()), tx.now_ms)
    take_out(tenant, "dora")  # who alone wrote on bread
    with tenant.read() as tx:
        assert [job.subject for job in jobs.listed(tx) if job.kind == "cluster"] == [world.items["tea"]]


def test_the_key_is_gone_from_memory_once_it_is_committed(tenant):
    world = lived_in(tenant)
    ann = world.users["ann"]
    with pytest.raises(ZeroDivisionError), tenant.write() as tx:
        erase_rows.take_out(tx, ann)
        raise ZeroDivisionError
    assert [record.text for record in StoredRecords(tenant).history("ann", (9999, ""))] == ["words of ann"]
    with tenant.read() as early:  # who began to read before is not cut short
        assert records.count(early) == 4
        with tenant.write() as tx:
            erase_rows.take_out(tx, ann)
        assert "words of ann" in [stored.record.text for stored in records.read(early)]
    with tenant.read() as tx, pytest.raises(KeyError):
        tx.keys.of_users(tx.conn, [ann])


def test_a_number_is_not_given_again(tenant):
    world = lived_in(tenant)
    take_out(tenant, "dora")
    put(tenant, row("emil"))
    with tenant.read() as tx:
        assert users.find_user(tx, "emil") > max(world.users.values())


def test_no_byte_is_left_in_sqlite_s_folder(in_sqlite):
    tenant = in_sqlite.tenant()
    lived_in(tenant, WORDS)
    put(tenant, row(USER, "bread", f"{WORDS} on bread"), row("ann", "bread"), row(USER, "tea", WORDS))
    with tenant.read() as tx:
        user = users.find_user(tx, USER)
    sealed = sealed_of(tenant, user)
    before = b"".join(path.read_bytes() for path in files_of(in_sqlite))
    assert USER.encode() in before and len(sealed) == 3 and all(one in before for one in sealed)
    take_out(tenant, USER)
    after = b"".join(path.read_bytes() for path in files_of(in_sqlite))
    assert not [one for one in (USER.encode(), WORDS.encode(), *sealed) if one in after]
    assert b"ann" in after


def test_no_byte_is_left_of_those_who_were_compared(in_sqlite):
    tenant = in_sqlite.tenant()
    world = lived_in(tenant, WORDS)
    sealed = sealed_of(tenant, world.users["bob"])
    assert len(sealed) > 8  # record, differences, profiles, pins and calls of three people, and the key
    take_out(tenant, "bob")
    after = b"".join(path.read_bytes() for path in files_of(in_sqlite))
    assert not [one for one in sealed if one in after]


def test_no_byte_is_left_in_a_dump(in_postgres, postgres):
    tenant = emptied(in_postgres).tenant()
    lived_in(tenant, WORDS)
    put(tenant, row(USER, "bread", f"{WORDS} on bread"), row(USER, "tea", WORDS))
    with tenant.read() as tx:
        user, bob = users.find_user(tx, USER), users.find_user(tx, "bob")
    sealed = {one.hex() for one in sealed_of(tenant, user) | sealed_of(tenant, bob)}
    before = dump(postgres, in_postgres)
    assert USER in before and all(one in before for one in sealed)
    take_out(tenant, USER)
    take_out(tenant, "bob")
    after = dump(postgres, in_postgres)
    assert not [one for one in (USER, WORDS, "bob", *sealed) if one in after]
    assert "ann-tea" in after


def test_where_a_reader_stays_it_is_said(in_sqlite):
    """A reader keeps the log from being emptied; here it is not waited for."""
    tenant = in_sqlite.tenant()
    lived_in(tenant)
    with tenant.read() as reader:
        records.count(reader)
        with tenant.write() as tx:
            erase_rows.take_out(tx, users.find_user(tx, "ann"))
        with pytest.raises(InputError, match="could not be emptied: another connection has been reading"):
            scrubs.scrub(in_sqlite, patience_s=0)
    scrubs.scrub(in_sqlite)


def test_rows_that_an_older_snapshot_keeps_are_not_called_scrubbed(in_postgres):
    """PostgreSQL's VACUUM succeeds, and leaves them."""
    tenant = emptied(in_postgres).tenant()
    lived_in(tenant)
    with tenant.read() as reader:
        records.count(reader)
        with tenant.write() as tx:
            erase_rows.take_out(tx, users.find_user(tx, "ann"))
            number = scrubs.request(tx)
        with pytest.raises(scrubs.StillRead, match="deleted rows of .* could not be removed: a transaction"):
            scrubs.scrub(in_postgres, patience_s=0)
        with tenant.read() as tx:
            assert scrubs.is_pending(tx.conn, number)
    assert scrubs.scrub_if_pending(in_postgres)
    with tenant.read() as tx:
        assert not scrubs.is_pending(tx.conn, number)


def test_rows_that_an_older_writer_may_still_read(in_postgres):
    """Snapshots that begin while it is open reach back to its beginning."""
    tenant = emptied(in_postgres).tenant()
    with tenant.write() as writer:
        scrubs.request(writer)
        with tenant.write() as tx:
            scrubs.request(tx)
        assert not scrubs.scrub_if_pending(in_postgres)
        assert scrubs.n_pending(in_postgres) == 1
    assert scrubs.scrub_if_pending(in_postgres)
    assert scrubs.n_pending(in_postgres) == 0


def test_deletions_at_the_same_time_cause_one_scrub(in_postgres):
    """The second one stays pending, and only the store's own tables are vacuumed."""
    tenant = emptied(in_postgres).tenant()
    vacuumed = []

    def delete_more(_conn, _cursor, statement, *_):
        if statement.startswith("vacuum"):
            vacuumed.append(statement)
            with tenant.write() as tx:
                scrubs.request(tx)
            assert not scrubs.scrub_if_pending(in_postgres)

    with tenant.write() as tx:
        scrubs.request(tx)
    event.listen(in_postgres.engine, "before_cursor_execute", delete_more)
    assert scrubs.scrub_if_pending(in_postgres)
    event.remove(in_postgres.engine, "before_cursor_execute", delete_more)
    assert scrubs.n_pending(in_postgres) == 1
    assert scrubs.scrub_if_pending(in_postgres) and len(vacuumed) == 1
    assert set(vacuumed[0].partition(") ")[2].split(", ")) == set(METADATA.tables)


def dump(postgres, store):
    """All tables as SQL."""
    url = store.engine.url
    address = postgres.get_uri(database=url.database)
    command = [str(postgres.bin_path / "pg_dump"), "--inserts", address]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
