"""Checks of a store by ``unlike doctor --store``: its state, keys, jobs and faults."""

from pathlib import Path
from typing import TYPE_CHECKING

from unlike.cli.doctor_checks import Finding
from unlike.progress import n_of
from unlike.store.open import MASTER, RECEIPTS, Place, open_store_at

if TYPE_CHECKING:
    from unlike.store.database import Store, Tenant, Tx


def store_findings(place: Place, scrub: bool, settings: Path | None = None) -> list[Finding]:
    """Check a store, all its tenants included; its tables are migrated first.

    Args:
        place: The store.
        scrub: Rewrite the database's files, so that they no longer hold deleted data.
        settings: Settings file; profiles that were made under others are counted as outdated too.

    Raises:
        InputError: There is no such store, or it cannot be opened.
    """
    with open_store_at(place, migrate=True) as store:
        from unlike.store import scrubs

        if scrub:
            scrubs.scrub(store, rewrite=True)
        findings = [_tables(store)]
        if place.in_folder:
            folder = Path(place.store)
            findings += [_master(folder, place.master), _receipts(folder), _log(folder)]
        return [*findings, *(finding for tenant in store.tenants() for finding in _of_tenant(tenant, settings))]


def _tables(store: "Store") -> Finding:
    from unlike.store.migrate import version_of

    with store.connection(writes=False) as conn:
        return Finding("tables", True, f"version {version_of(conn)}, {store.engine.dialect.name}")


def _master(folder: Path, given: str) -> Finding:
    file = folder / MASTER
    if not file.exists():
        return Finding("master key", True, "not stored beside the data")
    if given and given != f"file:{file}":
        return Finding("master key", True, f"{given}; {file} is not used: if the key was rotated, it is the old one")
    advice = f"{file} is beside the data, so a copy of the folder has both; move it and give --master file:PATH"
    return Finding("master key", False, advice)


def _receipts(folder: Path) -> Finding:
    from unlike.privacy.signing import Signer

    file = folder / RECEIPTS
    if not file.exists():
        return Finding("signing key", True, f"none in {folder}; one is created for the first receipt")
    return Finding("signing key", True, f"{file}; its public key is {Signer.from_file(file).public_key}")


def _log(folder: Path) -> Finding:
    """The size of SQLite's log; every erasure empties it."""
    from unlike.store.database import FILE

    log = folder / f"{FILE}-wal"
    size = log.stat().st_size if log.exists() else 0
    return Finding("write-ahead log", True, f"{size / 2**20:,.1f} MB; --scrub empties it and rewrites the file")


def _of_tenant(tenant: "Tenant", settings: Path | None) -> list[Finding]:
    with tenant.read() as tx:
        return [_counts(tx, tenant.name, settings), _jobs(tx, tenant.name), *_faults(tx, tenant.name)]


def _counts(tx: "Tx", name: str, settings: Path | None) -> Finding:
    from unlike.store.counts import facts_of

    facts = facts_of(tx)
    seen = (
        f"{n_of(facts.n_users, 'user')}, {facts.n_compared:,} of them can be compared; "
        f"{n_of(facts.n_records, 'record')} on {n_of(facts.n_items, 'item')}; "
        f"{n_of(facts.n_profiles, 'profile')}, {facts.n_stale:,} of them outdated"
    )
    if settings:
        seen += f", {_made_otherwise(tx, settings):,} made under other settings"
    return Finding(f"tenant {name}", True, seen)


def _made_otherwise(tx: "Tx", settings: Path) -> int:
    from unlike.memory.outdated import made_under
    from unlike.memory.settings_file import read_settings
    from unlike.prompts.task import open_task
    from unlike.store import profiles

    file = read_settings(settings)
    now = file.memory_settings()
    return len(profiles.outdated(tx, made_under(open_task(file.task, file.prompts), now), private=now.private))


def _jobs(tx: "Tx", name: str) -> Finding:
    from unlike.store import jobs

    counts = jobs.counts(tx.conn, jobs.Scope(tx.tenant))
    seen = ", ".join(f"{n:,} {state}" for state, n in sorted(counts.items())) or "none"
    failed = jobs.listed(tx, "failed", limit=1)
    if failed:
        seen += f"; first failure: {failed[0].kind}: {failed[0].error}"
    return Finding(f"jobs of {name}", not failed, seen)


def _faults(tx: "Tx", name: str) -> list[Finding]:
    from unlike.store import check

    found = [Finding(f"faults of {name}", False, f"{fault.n:,} {fault.what}", fault=True) for fault in check.faults(tx)]
    return found or [Finding(f"faults of {name}", True, "none")]
