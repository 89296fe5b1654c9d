"""No query goes through all rows of a table or tenant to find a few: what SQLite plans for each statement is read."""

import pytest
from sqlalchemy import event

from tests.store.rows import ANSWER, lived_in, put, row
from unlike.store import (
    api_keys,
    audit,
    clusterings,
    differences,
    embeddings,
    erase_rows,
    export,
    jobs,
    journal,
    profiles,
    records,
    request_query,
    users,
)
from unlike.store.journal import CallToStore
from unlike.store.records import StoredRecords
from unlike.store.tables import ITEMS, USERS


@pytest.fixture
def planned(in_sqlite):
    """Collects what SQLite plans for the statements executed from here on, by statement."""
    found = {}

    def plan(conn, cursor, statement, parameters, context, many):
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            row = parameters[0] if many else parameters
            found[statement] = [
                detail for *_, detail in cursor.connection.execute(f"explain query plan {statement}", row)
            ]

    event.listen(in_sqlite.engine, "before_cursor_execute", plan)
    yield found
    event.remove(in_sqlite.engine, "before_cursor_execute", plan)


def slow(planned):
    """Statements that go through all rows of a table, or of a tenant; tenants are few."""
    return {
        statement: detail
        for statement, plan in planned.items()
        for detail in plan
        if detail.startswith("SCAN") and not detail.startswith("SCAN tenants") or detail.endswith("(tenant=?)")
    }


def test_a_request_reads_no_records_of_others_in_postgres(in_postgres):
    """Of a table that has statistics, PostgreSQL would find a user's last record by going back through everybody's."""
    tenant = in_postgres.tenant()
    put(tenant, *(row(f"user{n % 50}", f"item{n}") for n in range(1_000)))
    with in_postgres.engine.connect() as conn:
        conn.exec_driver_sql("analyze")
        query = request_query._compiled(1, in_postgres.engine.dialect)
        values = {"tenant": tenant.id, "user_id": "user7", "item_0": "item7"}
        plan = conn.exec_driver_sql(f"explain {query}", values).scalars().all()
    assert not [line for line in plan if "pk_records" in line or "Seq Scan on records" in line], plan


def test_what_is_done_often_is_found_by_index(in_sqlite, planned):
    tenant = in_sqlite.tenant()
    planned.clear()  # tenants are few
    world = lived_in(tenant)
    put(tenant, row("emil", "tea"), row("emil", "new"))
    ann, tea = world.users["ann"], world.items["tea"]
    stored = StoredRecords(tenant)
    stored.history("ann", (9999, ""))
    stored.peers("tea", 9999)
    stored.item("tea")
    with tenant.write() as tx:
        records.with_numbers(tx, range(100))
        records.without_texts(tx, ITEMS.c.item_id == "tea", USERS.c.peer)
        records.latest_on(tx, ann, "tea")
        records.latest(tx, ann, 5)
        records.with_ids(tx, [f"{n}" for n in range(100)])
        users.consent_of(tx, ann)
        users.agreeing(tx, list(range(100)))
        users.set_consent(tx, ann, users.Consent(True, True))
        embeddings.of_records(tx, "encoder", range(100))
        clusterings.current(tx, tea)
        clusterings.sweep(tx, tea)
        differences.current_of(tx, range(100))
        differences.mark_stale(tx, range(100))
        differences.sweep(tx, range(100))
        profiles.current(tx, ann)
        profiles.versions(tx, ann)
        profiles.go_back(tx, ann, 1)
        profiles.mark_stale(tx, range(100))
        profiles.pinned(tx, ann)
        journal.put(tx, "again", CallToStore(ann, "m", "s", ["ann-tea"]), ANSWER)
        journal.keep_prompt(tx, CallToStore(ann, "m", "s", ["ann-tea"], None, [], [stored.item("tea")]))
        journal.prompts_of(tx, ann)
        journal.n_prompts(tx, ann)
        jobs.unfinished(tx, "build", [ann])
        jobs.drop(tx, "cluster", [tea])
        export.everything_about(tx, ann, "ann")
        api_keys.new(tx, "web")
        audit.note(tx, "x", "ann", {})
        erase_rows.take_out(tx, ann)
    (job, *_) = jobs.claim(in_sqlite, 3, 10.0)
    with tenant.write() as tx:
        jobs.hold(tx, job, 10.0)
        jobs.finish(tx, job)
    assert len(planned) > 50
    assert slow(planned) == {}
