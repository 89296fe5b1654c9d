"""What the service keeps: keys of its API, tokens spent, and what was done to whose data."""

import pytest
from sqlalchemy import event

from tests.store.rows import MASTER, put, row
from unlike.errors import InputError
from unlike.store import api_keys, audit, daily_budget
from unlike.store.daily_budget import BudgetSpent
from unlike.store.database import Store, StoreUnusable, Tenant, open_engine
from unlike.store.records import Unknown
from unlike.store.request_query import glance

DAY_MS = 86_400_000


def test_a_key_is_seen_once_and_kept_as_a_hash(store, tenant):
    with tenant.write() as tx:
        key = api_keys.new(tx, "web")
        assert key.startswith("unlike_") and len(key) > 40
        kept = tx.conn.exec_driver_sql("select * from api_keys").one()
    assert key not in repr(kept) and key.removeprefix("unlike_") not in repr(kept)
    assert api_keys.find(store, key).tenant == tenant
    assert api_keys.find(store, key[:-1]) is None


def test_a_revoked_key_opens_nothing(store, tenant):
    with tenant.write() as tx:
        key, other = api_keys.new(tx, "web"), api_keys.new(tx, "app")
        assert [kept.name for kept in api_keys.listed(tx)] == ["app", "web"]
        api_keys.revoke(tx, "web")
        assert [kept.revoked_ms is None for kept in api_keys.listed(tx)] == [True, False]
    assert api_keys.find(store, key) is None
    assert api_keys.find(store, other).tenant == tenant


def test_names_of_keys(tenant):
    with tenant.write() as tx:
        api_keys.new(tx, "web")
        with pytest.raises(InputError, match="there is already a key 'web'"):
            api_keys.new(tx, "web")
        with pytest.raises(Unknown, match="no key 'app'"):
            api_keys.revoke(tx, "app")


def test_the_name_of_a_revoked_key_is_free(store, tenant):
    store.now_ms = lambda: 1_000
    with tenant.write() as tx:
        old = api_keys.new(tx, "web")
        api_keys.revoke(tx, "web")
    store.now_ms = lambda: 2_000
    with tenant.write() as tx:
        api_keys.revoke(tx, "web")
        assert [kept.revoked_ms for kept in api_keys.listed(tx)] == [1_000]
        key = api_keys.new(tx, "web", ["read"])
        assert [(kept.name, kept.revoked_ms) for kept in api_keys.listed(tx)] == [("web", None)]
    assert api_keys.find(store, old) is None
    assert api_keys.find(store, key).scopes == {"read"}


def test_a_budget_of_the_day(store, tenant):
    store.now_ms = lambda: 10 * DAY_MS - 1
    with tenant.write() as tx:
        daily_budget.add(tx, 10**9)
        daily_budget.check(tx)
        assert daily_budget.budget_of(tx) is None
        daily_budget.set_budget(tx, 10**9 + 20)
        daily_budget.add(tx, 19, calls=2)
        daily_budget.check(tx)
        daily_budget.add(tx, 1)
        with pytest.raises(BudgetSpent, match=r"1,000,000,020 tokens is used up \(1,000,000,020\)"):
            daily_budget.check(tx)
        kept = tx.conn.exec_driver_sql("select day, tokens, calls from spend").one()
    assert tuple(kept) == ("1970-01-10", 10**9 + 20, 4)
    store.now_ms = lambda: 10 * DAY_MS
    with tenant.write() as tx:
        daily_budget.check(tx)
        daily_budget.set_budget(tx, 0)
        with pytest.raises(BudgetSpent):
            daily_budget.check(tx)
        daily_budget.set_budget(tx, None)
        daily_budget.check(tx)


def test_a_call_that_ends_while_another_reserves_is_counted_once(in_postgres):
    """Its tokens move from reserved to used between two statements of the other transaction."""
    tenant = in_postgres.tenant("acme")
    with tenant.write() as tx:
        daily_budget.set_budget(tx, 200)
        daily_budget.reserve(tx, 200)

    calls_under_way = [200]

    def end_at_first_look(_conn, _cursor, statement, *_):
        if "from spend" in statement.lower() and calls_under_way:
            tokens = calls_under_way.pop()
            with tenant.write() as tx:
                daily_budget.add(tx, tokens, 1, -tokens)

    event.listen(in_postgres.engine, "after_cursor_execute", end_at_first_look)
    with tenant.write() as tx, pytest.raises(BudgetSpent):
        daily_budget.reserve(tx, 10)


def test_what_is_reserved_is_not_there_for_others(store, tenant):
    with tenant.write() as tx:
        assert daily_budget.reserve(tx, 10**9) is None
        daily_budget.set_budget(tx, 100)
        assert daily_budget.reserve(tx, 50) == daily_budget.reserve(tx, 50) == 100
        with pytest.raises(BudgetSpent, match="100 left, but running calls may use them") as refusal:
            daily_budget.reserve(tx, 1)
        assert refusal.value.renewed_in_s == daily_budget.RESERVED_S
        daily_budget.add(tx, 20, 2, -100)
        assert daily_budget.used_today(tx) == 20 and daily_budget.reserve(tx, 1) == 100
        daily_budget.add(tx, 80)
        with pytest.raises(BudgetSpent, match="is used up .100.; it is renewed at midnight"):
            daily_budget.reserve(tx, 1)


def test_work_that_does_not_fit_into_what_is_left_does_not_start(store, tenant):
    store.now_ms = lambda: 10 * DAY_MS - 7_000
    with tenant.write() as tx:
        daily_budget.set_budget(tx, 100)
        with pytest.raises(BudgetSpent, match=r"is less than this may use \(101\); give it a larger budget"):
            daily_budget.reserve(tx, 101)
        daily_budget.add(tx, 40)
        with pytest.raises(BudgetSpent, match="has 60 left, and this may use 61; it is renewed at midnight") as refusal:
            daily_budget.reserve(tx, 61)
        assert refusal.value.renewed_in_s == 7
        assert daily_budget.reserve(tx, 60) == 100


def test_a_tenant_s_budget_is_its_own(store, tenant):
    with tenant.write() as tx:
        daily_budget.set_budget(tx, 0)
    with store.tenant("other").read() as tx:
        daily_budget.check(tx)


def test_a_server_that_cannot_be_reached():
    unreachable = Store(open_engine("postgresql://nobody@127.0.0.1:1/none"), MASTER)
    for ask in (unreachable.tenants, lambda: glance(Tenant(unreachable, 1, "acme"), "ann", ["tea"])):
        with pytest.raises(StoreUnusable, match="cannot be used"):
            ask()


def test_audit_names_nobody(store, tenant):
    put(tenant, row("ann"))
    store.now_ms = lambda: 77
    with tenant.write() as tx:
        audit.note(tx, "erase", "ann", {"records": 1})
        audit.note(tx, "consent", "bob", {})
        assert audit.about(tx, "ann") == [{"at_ms": 77, "what": "erase", "by": "", "counts": {"records": 1}}]
        kept = tx.conn.exec_driver_sql("select * from audit").all()
        assert "ann" not in repr(kept)
        name = audit.name_of(tx, "ann")
    with store.tenant("other").read() as tx:
        assert audit.name_of(tx, "ann") != name
        assert audit.about(tx, "ann") == []
