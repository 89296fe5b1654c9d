"""Opening a store, and what its errors say."""

import os
import threading

import pytest

from tests.store.rows import BOTH, MASTER, put, row
from unlike.errors import InputError
from unlike.privacy.keys import MasterKey
from unlike.store import records, users
from unlike.store.database import FILE, TransactionConflict, open_store
from unlike.store.records import StoredRecords
from unlike.store.request_query import glance
from unlike.store.tables import ITEMS
from unlike.store.users import Consent


def test_a_store_is_there_when_it_is_opened_again(address):
    made = open_store(address, MASTER)
    put(made.tenant("acme"), row("ann"))
    made.close()
    again = open_store(address, MASTER)
    assert [record.user_id for record in StoredRecords(again.tenant("acme")).peers("tea", None)] == ["ann"]
    again.close()


def test_another_master_key(address):
    made = open_store(address, MASTER)
    made.tenant()
    made.close()
    other = MasterKey(os.urandom(32))
    with pytest.raises(InputError, match=f"wrapped by master key {MASTER.id}, and this is {other.id}; give that one"):
        open_store(address, other)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("mysql://host/name", "store 'mysql://host/name' is of no known kind; allowed are a folder and postgresql://"),
        (
            "postgresql://postgres:secret@127.0.0.1:1/none",
            r"store postgresql\+psycopg://postgres:\*\*\*@.* cannot be used",
        ),
        (
            "postgresql://user:secret@host:port/none",
            "address cannot be read: .*; it is postgresql://user@host:port/name",
        ),
    ],
)
def test_what_cannot_be_opened(where, reason):
    with pytest.raises(InputError, match=reason) as caught:
        open_store(where, MASTER)
    assert "secret" not in str(caught.value)


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file cannot be made"):
        open_store(tmp_path / "file", MASTER)
    (tmp_path / FILE).write_text("no database at all, but long enough to be looked at " * 40)
    with pytest.raises(InputError, match="cannot be used: file is not a database"):
        open_store(tmp_path, MASTER)


def test_an_error_takes_all_of_a_transaction_with_it(tenant):
    with pytest.raises(ZeroDivisionError), tenant.write() as tx:
        records.put(tx, [row("ann")], BOTH)
        raise ZeroDivisionError
    with tenant.read() as tx:
        assert records.count(tx) == users.count(tx) == 0


def test_a_reader_sees_one_moment(tenant):
    put(tenant, row("ann"))
    with tenant.read() as tx:
        assert records.count(tx) == 1
        put(tenant, row("bob"))
        assert records.count(tx) == users.count(tx) == 1
    with tenant.read() as tx:
        assert records.count(tx) == 2


def test_what_a_database_cannot_hold(in_postgres, postgres):
    with pytest.raises(InputError, match="cannot hold a value: .*NUL"), in_postgres.tenant().read() as tx:
        users.find_user(tx, "ann\x00")
    with pytest.raises(InputError, match="cannot hold a value: .*NUL"):
        glance(in_postgres.tenant(), "ann\x00", ["tea"])


def test_half_a_character_is_refused_by_the_driver_too(store):
    with pytest.raises(InputError, match="half a character"):
        glance(store.tenant(), "\ud800", ["tea"])


def test_no_value_of_a_row_is_in_an_error(tenant):
    """What an unknown error says may be logged."""
    columns = {"item_id": "canary", "title": "canary", "description": None, "tenant": tenant.id}
    with pytest.raises(TransactionConflict) as caught, tenant.write() as tx:
        tx.conn.execute(ITEMS.insert().values(columns))
    assert "parameters hidden" in str(caught.value.__cause__)
    assert "canary" not in str(caught.value)


def test_insisting(tenant):
    asked = []

    def work(tx):
        asked.append(records.put(tx, [row("ann")], BOTH).n_new)
        if len(asked) < 3:
            raise TransactionConflict
        return "done"

    assert tenant.run_with_retry(work) == "done"
    assert asked == [1, 1, 1]  # the attempts before left nothing
    asked.clear()
    with pytest.raises(TransactionConflict):
        tenant.run_with_retry(work, attempts=2)
    assert asked == [0, 0]


def test_the_same_records_from_many_sides(tenant):
    """Whoever is first keeps them; all others are told that they are there."""
    rows = [row(f"u{n % 7}", f"i{n % 11}", id=f"r{n}") for n in range(100)]
    came, start = [], threading.Barrier(4)

    def send(order):
        start.wait()
        came.append(tenant.run_with_retry(lambda tx: records.put(tx, rows[::order], BOTH)))

    senders = [threading.Thread(target=send, args=(order,)) for order in (1, -1, 1, -1)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(240)
    assert sum(put.n_new for put in came) == 100
    assert sum(put.n_same for put in came) == 300
    assert all(put.conflicts == () for put in came)
    with tenant.read() as tx:
        assert (records.count(tx), users.count(tx), len(records.read(tx))) == (100, 7, 100)


def test_consent_is_kept_when_a_user_comes_from_two_sides(tenant):
    put(tenant, row("ann"), consent=Consent(own=True, peer=False))
    put(tenant, row("ann", "bread"), consent=BOTH)
    with tenant.read() as tx:
        assert users.consent_of(tx, users.find_user(tx, "ann")) == Consent(own=True, peer=False)


def test_connections_that_broke_while_they_were_idle_are_replaced(new_database, postgres, monkeypatch):
    store = open_store(new_database(), MASTER)
    tenant = store.tenant("acme")
    put(tenant, row("ann"))

    def break_all():
        name = store.engine.url.database
        postgres.psql(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}';")

    for _ in range(2):
        break_all()  # the single query is run once more
        assert glance(tenant, "ann", ["tea"])[0].n_records == 1
    monkeypatch.setattr("unlike.store.postgres.PING_AFTER_S", 0.0)
    for _ in range(2):
        break_all()  # the ping finds it before the transaction begins
        assert len(StoredRecords(tenant).peers("tea", None)) == 1
    store.close()
