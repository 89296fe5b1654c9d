"""From options to a store and a tenant: where the commands of the service find data and keys.

A store in a folder keeps its keys beside it unless they are named: ``master.key``, without which nothing in the store
can be read, and ``receipts.pem``, which signs receipts. They are made at first use, and it is said.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.errors import InputError, MissingPart

if TYPE_CHECKING:
    from unlike.privacy.keys import MasterKey
    from unlike.privacy.receipt import Signer
    from unlike.store.database import Store, Tenant

StoreAt = Annotated[
    str, typer.Option("--store", metavar="DIR|URL", help="Folder of the store, or postgresql://USER@HOST/NAME.")
]
TenantName = Annotated[str, typer.Option("--tenant", help="Whose data, in a store that serves several.")]
MasterAt = Annotated[
    str,
    typer.Option(
        "--master",
        envvar="UNLIKE_MASTER_KEY",
        help="Where the master key is: file:PATH, env:NAME or command:CMD. Default: STORE/master.key.",
    ),
]
SigningKeyAt = Annotated[
    Path | None,
    typer.Option("--signing-key", help="Ed25519 key (PEM) that signs receipts. Default: STORE/receipts.pem."),
]

DEFAULT = "default"
MASTER = "master.key"
RECEIPTS = "receipts.pem"
PARTS = {"sqlalchemy": "SQLAlchemy", "alembic": "Alembic", "cryptography": "cryptography"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works.

    Attributes:
        store: Folder or address.
        tenant: Name of the tenant.
        master: Where the master key is; "" for the file in the folder.
    """

    store: str
    tenant: str = DEFAULT
    master: str = ""


@contextmanager
def open_tenant(place: Place, new: bool = False) -> Generator["Tenant"]:
    """The tenant a command works for; with ``new`` store and tenant are made where there are none.

    Raises:
        InputError: There is no such store or tenant, or it cannot be opened.
    """
    with open_store(place, new) as store:
        yield tenant_of(store, place.tenant, new)


@contextmanager
def open_store(place: Place, new: bool = False, migrate: bool = False) -> Generator["Store"]:
    """The store.

    Args:
        place: Where.
        new: Make it where there is none.
        migrate: Bring its tables up to date, as ``new`` does, too.

    Raises:
        InputError: There is none, or it cannot be opened with this master key.
    """
    need(PARTS)
    from unlike.store import database

    database.address_of(place.store)
    if not new and _is_folder(place.store) and not (Path(place.store) / database.FILE).is_file():
        raise InputError(f"no store in {place.store}; make one with: unlike ingest FILE.jsonl --store {place.store}")
    store = database.open_store(place.store, master_key(place), migrate=new or migrate)
    try:
        yield store
    finally:
        store.close()


def tenant_of(store: "Store", name: str, new: bool = False) -> "Tenant":
    """A tenant by name; made only where that is asked for, so that a slip of the pen makes none.

    Raises:
        InputError: There is none.
    """
    names = [tenant.name for tenant in store.tenants()]
    if name not in names and not (new and name.strip()):
        raise InputError(f"no tenant {name!r} in this store; there is {', '.join(names) or 'none yet'}: give --tenant")
    if name not in (*names, DEFAULT):
        say(f"made tenant {name!r}")
    return store.tenant(name)


def master_key(place: Place) -> "MasterKey":
    """The master key of a store; that of a folder is made with the store.

    Raises:
        InputError: It is not where it should be.
    """
    from unlike.privacy.keys import new_master_file, open_master
    from unlike.store.database import FILE

    if place.master:
        return open_master(place.master)
    if not _is_folder(place.store):
        raise InputError(
            "a store in a database needs --master (or UNLIKE_MASTER_KEY): file:PATH, env:NAME or command:CMD; "
            "a key is made by: unlike keys master FILE"
        )
    folder = Path(place.store)
    file = folder / MASTER
    if file.exists():
        return open_master(f"file:{file}")
    if (folder / FILE).exists():
        raise InputError(f"the master key of store {folder} is not in {file}; say where it is: --master file:PATH")
    _make(folder)
    master = new_master_file(file)
    say(f"made master key {file}: keep a copy, but not where the store's backups are; without it nothing can be read")
    return master


def open_signer(place: Place, signing_key: Path | None) -> "Signer":
    """The key that signs receipts; made where there is none.

    Raises:
        InputError: It cannot be read or made.
    """
    from unlike.privacy.receipt import Signer

    if signing_key is None and not _is_folder(place.store):
        raise InputError("a store in a database needs --signing-key FILE; it is made where there is none")
    file = signing_key or Path(place.store) / RECEIPTS
    if file.exists():
        return Signer.from_file(file)
    signer = Signer.new()
    signer.to_file(file)
    say(f"made signing key {file}; receipts are checked against its public key: {signer.public_key}")
    return signer


def named(store: str) -> str:
    """A store as messages name it: without the password of a database."""
    return re.sub(r"(://[^/@:]*):[^/@]+@", r"\1:***@", store)


def need(parts: dict[str, str]) -> None:
    """Say in one line which parts are not installed.

    Args:
        parts: Modules, and what they are called.

    Raises:
        MissingPart: One of them.
    """
    if missing := [name for module, name in parts.items() if find_spec(module) is None]:
        raise MissingPart(f'not installed: {", ".join(missing)}; run pip install "unlike[service]"')


def say(line: str) -> None:
    """Tell a person something that is no part of the output."""
    typer.echo(line, err=True)


def _is_folder(store: str) -> bool:
    return "://" not in store


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"store {folder} cannot be made: {error.strerror}; name a folder you may write to") from error
