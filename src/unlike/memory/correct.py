"""Correcting one record; one that was deleted is stored again, since naming it is deliberate."""

from collections.abc import Collection

from unlike.memory import ingest
from unlike.memory.settings import MemorySettings
from unlike.store import deleted_records
from unlike.store.database import Tenant
from unlike.store.records import Unknown
from unlike.store.users import Consent


def correct(
    tenant: Tenant, clean: ingest.Clean, settings: MemorySettings, by: str = "", keeps: Collection[str] = ()
) -> None:
    """Replace a record as ``ingest.correct`` does, or store it again if it was deleted.

    Raises:
        Unknown: There is no such record, and none was deleted; or its user is refused.
        InputError: It is another user's.
    """
    try:
        ingest.correct(tenant, clean, settings, by, keeps)
    except Unknown:
        ids = [row.record.id for row in clean.rows]
        again = tenant.run_with_retry(lambda tx: [id_ for id_ in ids if deleted_records.readmit(tx, id_)])
        if not again or not ingest.add(tenant, clean, Consent(), settings).n_new:
            raise
