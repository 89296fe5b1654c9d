"""The checker: silent about a sound store, and each planted fault is found."""

import os

import pytest

from tests.store.rows import MASTER, lived_in
from unlike.privacy.keys import MasterKey
from unlike.store import check
from unlike.store.tables import (
    CLUSTERED,
    CLUSTERINGS,
    DIFFERENCE_READS,
    DIFFERENCES,
    JOBS,
    JOURNAL,
    JOURNAL_READS,
    PINS,
    PROFILE_READS,
    PROFILES,
    RECORDS,
    USERS,
)

SEALED = (RECORDS, DIFFERENCES, PROFILES, PINS, JOURNAL)


def found(tenant):
    with tenant.read() as tx:
        return {fault.what: fault.n for fault in check.faults(tx)}


@pytest.fixture
def world(tenant):
    return lived_in(tenant)


def plant(tenant, statement):
    with tenant.write() as tx:
        return tx.conn.execute(statement)


def test_a_sound_store(tenant, world):
    lived_in(tenant.store.tenant("other"))
    assert found(tenant) == {}


def test_an_empty_store(tenant):
    assert found(tenant) == {}


def test_sealed_bytes_that_changed(tenant, world):
    for table in SEALED:
        with tenant.read() as tx:
            one = tx.conn.execute(table.select().limit(1)).one()
        plant(tenant, table.update().where(table.c.id == one.id).values(sealed=one.sealed[:-1] + b"\0\0"))
    assert found(tenant) == {f"{table.name} that cannot be opened with the keys that are there": 1 for table in SEALED}


def test_sealed_bytes_in_another_place(tenant, world):
    for table in SEALED:
        with tenant.read() as tx:
            first, second = tx.conn.execute(table.select().order_by(table.c.id).limit(2)).all()
        plant(tenant, table.update().where(table.c.id == first.id).values(sealed=second.sealed))
    assert found(tenant) == {f"{table.name} that cannot be opened with the keys that are there": 1 for table in SEALED}


def test_a_key_under_another_master_key(store, tenant, world):
    other = MasterKey(os.urandom(32))
    plant(tenant, USERS.update().where(USERS.c.id == world.users["dora"]).values(master=other.id))
    again = type(store)(store.engine, MASTER).tenant(tenant.name)
    assert found(again) == {"records that cannot be opened with the keys that are there": 1}


def test_lineage_that_lost_somebody(tenant, world):
    """The rows are deleted that say that Bob was read for Ann."""
    lost = {"difference": DIFFERENCE_READS, "profile": PROFILE_READS, "call": JOURNAL_READS}
    for maker, reads in lost.items():
        with tenant.read() as tx:
            of_bob = reads.select().where(reads.c.record == world.records["bob-tea"])
            one = tx.conn.execute(of_bob.order_by(reads.c[maker]).limit(1)).one()
        plant(tenant, reads.delete().where(reads.c.id == one.id))
    assert found(tenant) == {f"{maker}s sealed for other people than those they read": 1 for maker in lost}


def test_a_difference_that_lost_its_record(tenant, world):
    of_ann = DIFFERENCE_READS.c.difference == world.difference["ann"]
    plant(tenant, DIFFERENCE_READS.delete().where(of_ann, DIFFERENCE_READS.c.role == "own"))
    assert found(tenant)["differences without the record they are about"] == 1


def test_a_profile_that_does_not_name_a_peer(tenant, world):
    plant(tenant, PROFILE_READS.delete().where(PROFILE_READS.c.role == "peer"))
    assert found(tenant)["peers of differences that the profiles made from them do not name"] == 3


def test_two_current_ones(tenant, world):
    for table in (DIFFERENCES, PROFILES):
        with tenant.read() as tx:
            one = tx.conn.execute(table.select().order_by(table.c.id).limit(1)).mappings().one()
        changed = {"version": 9} if table is PROFILES else {}
        plant(tenant, table.insert().values({k: v for k, v in one.items() if k != "id"} | changed))
    faults = found(tenant)
    assert faults["records with two current differences"] == faults["users with two current profiles"] == 1


def test_words_of_the_unwilling(tenant, world):
    plant(tenant, USERS.update().where(USERS.c.id == world.users["bob"]).values(peer=False))
    assert found(tenant) == {
        "records of users who do not agree to be compared, in another's lineage": 3,
        "records of users who do not agree to be compared, in a clustering": 1,
    }


def test_vectors_of_the_unwilling(tenant, world):
    plant(tenant, USERS.update().where(USERS.c.id == world.users["dora"]).values(own=False, peer=False))
    assert found(tenant) == {"vectors of users who agree to no use of their records": 1}


def test_a_clustering_over_two_items(tenant, world):
    bread = world.records["dora-bread"]
    with tenant.read() as tx:
        one = tx.conn.execute(CLUSTERINGS.select()).one()
    new = {"tenant": tenant.id, "clustering": one.id, "record": bread, "group": 0, "rank": 9}
    plant(tenant, CLUSTERED.insert().values(new))
    assert found(tenant) == {"records clustered with those on another item": 1}


def test_a_job_for_nobody(tenant, world):
    plant(tenant, JOBS.update().where(JOBS.c.subject == world.users["ann"]).values(subject=999))
    assert found(tenant) == {"jobs to build profiles of users who are gone": 1}


def test_a_row_that_names_another_tenant_s(store, tenant, world):
    theirs = lived_in(store.tenant("other"))
    dora = RECORDS.c.id == world.records["dora-bread"]
    plant(tenant, RECORDS.update().where(dora).values(user=theirs.users["dora"]))
    plant(tenant, RECORDS.update().where(dora).values(item=theirs.items["bread"]))
    plant(tenant, CLUSTERINGS.update().where(CLUSTERINGS.c.tenant == tenant.id).values(item=theirs.items["bread"]))
    faults = found(tenant)
    assert faults["rows of records that name users of another tenant"] == 1
    assert faults["rows of records that name items of another tenant"] == 1
    assert faults["rows of clusterings that name items of another tenant"] == 1
    assert found(store.tenant("other")) == {}


def test_a_damaged_file(in_sqlite):
    """One page of an index that no other check reads."""
    tenant = in_sqlite.tenant()
    lived_in(tenant)
    with tenant.read() as tx:
        where = "select rootpage from sqlite_master where name = 'sqlite_autoindex_spend_1'"
        page = tx.conn.exec_driver_sql(where).scalar_one()
    in_sqlite.close()
    with open(in_sqlite.engine.url.database, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    assert list(found(tenant)) == ["damaged places of the file"]
