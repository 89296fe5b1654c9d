"""Opening a store and its keys by name.

A store in a folder keeps its keys beside the data unless they are given: ``master.key``, without which nothing in the
store can be read, and ``receipts.pem``, which signs receipts. Both are created at first use, and the caller is notified.
"""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from unlike.errors import InputError, MissingPart, how_to_install

if TYPE_CHECKING:
    from unlike.privacy.keys import MasterKey
    from unlike.privacy.signing import Signer
    from unlike.store.database import Store, Tenant

DEFAULT = "default"
MASTER = "master.key"
RECEIPTS = "receipts.pem"
STORE_PARTS = {"sqlalchemy": "SQLAlchemy", "alembic": "Alembic", "cryptography": "cryptography"}
"""What a store needs: module and package."""
SERVICE_PARTS = STORE_PARTS | {"fastapi": "FastAPI", "uvicorn": "uvicorn", "prometheus_client": "prometheus-client"}
"""What the service and the inspector need."""

Notify = Callable[[str], None]
"""Called with one line for a person, such as where a new key was written."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data of a tenant is.

    Attributes:
        store: Folder, or postgresql://USER@HOST/NAME.
        tenant: Name of the tenant.
        master: Where the master key is (file:PATH, env:NAME or command:CMD); "" for the file in the store's folder.
        notify: Called when a key or a tenant is created.
    """

    store: str
    tenant: str = DEFAULT
    master: str = ""
    notify: Notify = lambda line: None

    @property
    def in_folder(self) -> bool:
        """Whether the store is a folder, not a database server."""
        return "://" not in self.store

    @property
    def shown(self) -> str:
        """The store for messages: without the password of a database."""
        return re.sub(r"(://[^/@:]*):[^/@]+@", r"\1:***@", self.store)


@contextmanager
def open_tenant(place: Place, new: bool = False) -> Generator["Tenant"]:
    """The tenant; with ``new`` the store and the tenant are created where they do not exist.

    Raises:
        InputError: There is no such store or tenant, or it cannot be opened.
    """
    with open_store_at(place, new) as store:
        yield tenant_of(store, place, new)


@contextmanager
def open_store_at(place: Place, new: bool = False, migrate: bool = False) -> Generator["Store"]:
    """The store.

    Args:
        place: Where it is.
        new: Create it where it does not exist.
        migrate: Migrate its tables to the current version, as ``new`` does too.

    Raises:
        InputError: It does not exist, or it cannot be opened with this master key.
    """
    need(STORE_PARTS)
    from unlike.store import database

    database.address_of(place.store)
    if not new and place.in_folder and not (Path(place.store) / database.FILE).is_file():
        raise InputError(
            f"no store in {place.store}; create one with: unlike ingest FILE.jsonl --store {place.store}"
            f" (an empty one: unlike keys new NAME --store {place.store} --new-store)"
        )
    store = database.open_store(place.store, master_key(place), migrate=new or migrate)
    try:
        yield store
    finally:
        store.close()


def tenant_of(store: "Store", place: Place, new: bool = False) -> "Tenant":
    """The tenant of a place; created only where ``new`` asks for it, so that a typo creates none.

    Raises:
        InputError: It does not exist.
    """
    names, name = [tenant.name for tenant in store.tenants()], place.tenant
    if name not in names and not (new and name.strip()):
        raise InputError(f"no tenant {name!r} in this store; there is {', '.join(names) or 'none yet'}: give --tenant")
    if name not in (*names, DEFAULT):
        place.notify(f"created tenant {name!r}")
    return store.tenant(name)


def master_key(place: Place) -> "MasterKey":
    """The master key of a store; that of a new folder is created with it.

    Raises:
        InputError: It is not where it should be.
    """
    from unlike.privacy.keys import new_master_file, open_master
    from unlike.store.database import FILE

    if place.master:
        return open_master(place.master)
    if not place.in_folder:
        raise InputError(
            "a store in a database needs --master (or UNLIKE_MASTER_KEY): file:PATH, env:NAME or command:CMD; "
            "create a key with: unlike keys master FILE"
        )
    folder = Path(place.store)
    file = folder / MASTER
    if file.exists():
        return open_master(f"file:{file}")
    if (folder / FILE).exists():
        raise InputError(f"the master key of store {folder} is not in {file}; say where it is: --master file:PATH")
    _make(folder)
    master = new_master_file(file)
    place.notify(
        f"created master key {file}: keep a copy, but not where the store's backups are; without it nothing can be read"
    )
    return master


def open_signer(place: Place, signing_key: Path | None = None) -> "Signer":
    """The key that signs receipts; created where there is none.

    Raises:
        InputError: It cannot be read or created.
    """
    from unlike.privacy.signing import Signer

    if signing_key is None and not place.in_folder:
        raise InputError("a store in a database needs --signing-key FILE; it is created where there is none")
    file = signing_key or Path(place.store) / RECEIPTS
    if file.exists():
        return Signer.from_file(file)
    signer = Signer.new()
    signer.to_file(file)
    place.notify(f"created signing key {file}; receipts are verified with its public key: {signer.public_key}")
    return signer


def need(parts: dict[str, str]) -> None:
    """Check that parts of the service are installed.

    Args:
        parts: Package names by module.

    Raises:
        MissingPart: Some are not; the message lists them and says how to install them.
    """
    if missing := [name for module, name in parts.items() if find_spec(module) is None]:
        raise MissingPart(f"not installed: {', '.join(missing)}; {how_to_install('service')}")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"store {folder} cannot be created: {error.strerror}; name a folder that you may write to"
        ) from error
