"""``unlike doctor --store``: whether a store is what it should be, and what is in it."""

from pathlib import Path
from typing import TYPE_CHECKING

from unlike.cli.finding import Finding
from unlike.cli.open_store import MASTER, RECEIPTS, Place, open_store
from unlike.cli.store_facts import facts_of
from unlike.cli.wording import n_of
from unlike.store import check, jobs, scrubs
from unlike.store.database import FILE
from unlike.store.migrate import version_of

if TYPE_CHECKING:
    from unlike.store.database import Store, Tenant, Tx


def store_findings(place: Place, scrub: bool) -> list[Finding]:
    """What is to be said of a store; its tables are brought up to date first.

    Args:
        place: Its tenant does not matter: all are looked at.
        scrub: Rewrite the database's files, so that nothing deleted is left in them.

    Raises:
        InputError: There is no such store, or it cannot be opened.
    """
    with open_store(place, migrate=True) as store:
        if scrub:
            scrubs.scrub(store, rewrite=True)
        in_folder = store.engine.dialect.name == "sqlite"
        findings = [_tables(store)]
        if in_folder:
            folder = Path(place.store)
            findings += [_master(folder), _receipts(folder), _log(folder)]
        return [*findings, *(finding for tenant in store.tenants() for finding in _of_tenant(tenant))]


def _tables(store: "Store") -> Finding:
    with store.connection(writes=False) as conn:
        version, kind = version_of(conn), store.engine.dialect.name
    return Finding("tables", True, f"version {version}, {kind}")


def _master(folder: Path) -> Finding:
    file = folder / MASTER
    if not file.exists():
        return Finding("master key", True, "kept elsewhere than the data")
    advice = f"{file} lies beside the data, so who copies the folder has both; move it and give --master file:PATH"
    return Finding("master key", False, advice)


def _receipts(folder: Path) -> Finding:
    from unlike.privacy.receipt import Signer

    file = folder / RECEIPTS
    if not file.exists():
        return Finding("signing key", True, f"none in {folder}; one is made for the first receipt")
    return Finding("signing key", True, f"{file}; its public key is {Signer.from_file(file).public_key}")


def _log(folder: Path) -> Finding:
    """What SQLite's log holds; every erasure empties it."""
    log = folder / f"{FILE}-wal"
    size = log.stat().st_size if log.exists() else 0
    return Finding("write-ahead log", True, f"{size / 2**20:,.1f} MB; --scrub empties it and rewrites the file")


def _of_tenant(tenant: "Tenant") -> list[Finding]:
    with tenant.read() as tx:
        return [_counts(tx, tenant.name), _jobs(tx, tenant.name), *_faults(tx, tenant.name)]


def _counts(tx: "Tx", name: str) -> Finding:
    facts = facts_of(tx)
    seen = (
        f"{n_of(facts.n_users, 'user')}, {facts.n_compared:,} of them to be compared; "
        f"{n_of(facts.n_records, 'record')} on {n_of(facts.n_items, 'item')}; "
        f"{n_of(facts.n_profiles, 'profile')}, {facts.n_stale:,} of them to be built anew"
    )
    return Finding(f"tenant {name}", True, seen)


def _jobs(tx: "Tx", name: str) -> Finding:
    counts = jobs.counts(tx)
    seen = ", ".join(f"{n:,} {state}" for state, n in sorted(counts.items())) or "none"
    failed = jobs.listed(tx, "failed", limit=1)
    if failed:
        seen += f"; first failure: {failed[0].kind}: {failed[0].error}"
    return Finding(f"jobs of {name}", not failed, seen)


def _faults(tx: "Tx", name: str) -> list[Finding]:
    found = [Finding(f"faults of {name}", False, f"{fault.n:,} {fault.what}", fault=True) for fault in check.faults(tx)]
    return found or [Finding(f"faults of {name}", True, "none")]
