"""``unlike erase``: delete a user, and verify a receipt of it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from unlike.cli.options import MasterAt, SettingsAt, SigningKeyAt, StoreAt, TenantName
from unlike.cli.output import confirm, day_and_time, say
from unlike.cli.suggest_user import suggesting_users
from unlike.errors import InputError
from unlike.memory.open import open_memory_parts
from unlike.progress import n_of
from unlike.records import canonical_id
from unlike.store.open import RECEIPTS, STORE_PARTS, Place, need, open_signer, open_tenant

if TYPE_CHECKING:
    from unlike.memory.memory import Memory
    from unlike.privacy.signing import Receipt
    from unlike.store.database import Tenant


def erase(
    user: Annotated[str, typer.Argument(help="User id.")] = "",
    store: StoreAt = "",
    receipt: Annotated[Path | None, typer.Option(help="New file for the receipt.")] = None,
    verify: Annotated[Path | None, typer.Option(help="Verify this receipt instead; needs no store.")] = None,
    public_key: Annotated[
        str, typer.Option(help="Expected signer: the service's public key in hex, or a file with it.")
    ] = "",
    replay: Annotated[
        Path | None,
        typer.Option(help="After a backup was restored: erase again the users of these receipts, a folder or a file."),
    ] = None,
    record: Annotated[
        str,
        typer.Option(
            help="Delete only the record with this id and what was made from it, including profiles of others."
        ),
    ] = "",
    refuse: Annotated[
        bool, typer.Option("--refuse", help="Refuse the records of a USER who is not in the store.")
    ] = False,
    readmit: Annotated[bool, typer.Option("--readmit", help="Accept the records of an erased USER again.")] = False,
    whole_tenant: Annotated[bool, typer.Option("--whole-tenant", help="Delete the tenant with all its data.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    tenant: TenantName = "default",
    settings: SettingsAt = None,
    signing_key: SigningKeyAt = None,
    master: MasterAt = "",
) -> None:
    """Delete everything about a user, and everything of others that was made with it. This cannot be undone.

    The receipt holds counts, a keyed hash of the user id, the time and a signature, and no text.
    """
    if verify is not None:
        _verify(verify, public_key)
        return
    refuses = bool(user) and (refuse or readmit)
    if not store or not (replay or record or whole_tenant or refuses or (user and receipt)):
        raise InputError("erase needs USER, --store and --receipt FILE; to verify a receipt, give --verify FILE")
    _check(
        user, {"replay": replay, "record": record, "whole-tenant": whole_tenant, "refuse": refuse, "readmit": readmit}
    )
    place = Place(store, tenant, master, say)
    with open_tenant(place) as opened:
        if whole_tenant:
            _erase_tenant(opened, yes)
            return
        if replay and not (signing_key or public_key):
            _need_receipts_key(place)
        parts = open_memory_parts(settings)  # first: where the settings are wrong, no signing key is created
        memory = replace(parts, signer=open_signer(place, signing_key)).memory(opened)
        if replay:
            _erase_again(memory, [_read(file) for file in _files_in(replay)], public_key and _public_key(public_key))
        elif record:
            _confirm_record(opened, record, user, yes)
            _delete_record(memory, record)
        elif refuses:
            _refuse_user(memory, user, refuse)
        elif receipt:
            _erase_user(memory, user, receipt, yes, place)


def _check(user: str, modes: Mapping[str, object]) -> None:
    """Refuse what would be ignored: a second mode, or a USER beside one that is not about a user."""
    given = [f"--{name}" for name, value in modes.items() if value]
    if len(given) > 1:
        raise InputError(f"erase does one thing at a time: {', '.join(given)} seen; give one of them")
    if user and given in (["--replay"], ["--whole-tenant"]):
        raise InputError(
            f"{given[0]} is not about one user: USER {user!r} seen; nothing was erased: leave out one of them"
        )


def _need_receipts_key(place: Place) -> None:
    if not (place.in_folder and (Path(place.store) / RECEIPTS).is_file()):
        raise InputError(
            f"{place.shown} has no {RECEIPTS}, which says whose receipts are valid: copy that of the store that was "
            "backed up there, or name it: --signing-key FILE, or --public-key"
        )


def _erase_user(memory: "Memory", user: str, receipt: Path, yes: bool, place: Place) -> None:
    """Erase a user, or find the receipt of a user who was erased before, and write the receipt."""
    with suggesting_users(memory.tenant, user):
        if _was_erased(memory.tenant, user):
            signed = _erase(memory, user, receipt)
            when = day_and_time(signed["at_ms"])
            typer.echo(f"{user} was erased before, on {when} UTC; nothing was left to erase")
        else:
            _confirm(memory, user, yes)
            signed = _erase(memory, user, receipt)
            _show_deleted(signed, user)
    _show_receipt(signed, receipt, place)


def _was_erased(tenant: "Tenant", user: str) -> bool:
    """Whether a user was erased and has not come back."""
    from unlike.store import erasure_receipts
    from unlike.store.users import find_user

    with tenant.read() as tx:
        return find_user(tx, user) is None and erasure_receipts.receipt_of(tx, user) is not None


def _show_deleted(signed: "Receipt", user: str) -> None:
    typer.echo(f"erased {user}: {_counts(signed['deleted'])}")
    typer.echo(f"of others: {_counts(signed['deleted_of_others'])}; {signed['others_rebuilt']:,} will be rebuilt")


def _show_receipt(signed: "Receipt", receipt: Path, place: Place) -> None:
    """Print what the operator must still do, and where the receipt is."""
    if not signed.get("files_scrubbed", True):
        say("the database's files could not be rewritten, because others were reading them")
        say(f"run: unlike doctor --store {place.shown} --scrub")
    for adapter in signed["adapters_trained_with_the_user"]:
        say(f"adapter {adapter} was trained with the user's texts; train it again without them")
    typer.echo(
        f"receipt: {receipt}; verify it with: unlike erase --verify {receipt} --public-key {signed['public_key']}"
    )


def _confirm(memory: "Memory", user: str, yes: bool) -> None:
    """Print what will be deleted, and ask for confirmation."""
    from unlike.sync import wait_for

    held = wait_for(memory.export(user))
    names = {"records": "record", "differences": "difference", "profiles": "profile version"}
    counts = ", ".join(n_of(len(held[key]), name) for key, name in names.items())
    typer.echo(f"about to erase {user}: {counts}, and everything of others that was made with them")
    confirm(yes, "Erase?", "nothing was erased")


def _erase(memory: "Memory", user: str, receipt: Path) -> "Receipt":
    """Erase and write the receipt; its file is opened first, so that no erasure lacks a receipt."""
    from unlike.sync import wait_for

    file = _opened(receipt)
    try:
        signed = wait_for(memory.erase(user))
    except BaseException:
        file.close()
        receipt.unlink()
        raise
    text = json.dumps(signed, indent=2) + "\n"
    try:
        with file:
            file.write(text)
    except OSError as error:
        typer.echo(text)
        raise InputError(f"{user} is erased, but {receipt} cannot be written: keep the receipt above") from error
    return signed


def _opened(receipt: Path) -> TextIO:
    try:
        return receipt.open("x", encoding="utf-8")
    except FileExistsError as error:
        raise InputError(f"receipt {receipt} exists already; nothing was erased: name a new file") from error
    except OSError as error:
        raise InputError(f"receipt {receipt} cannot be written: {error.strerror}; nothing was erased") from error


def _files_in(place: Path) -> list[Path]:
    """Receipts: a file, or all JSON files of a folder."""
    return sorted(place.glob("*.json")) if place.is_dir() else [place]


def _erase_again(memory: "Memory", receipts: "Sequence[Receipt]", public_key: str) -> None:
    """Erase the users of receipts again; each must be signed by the store's key, or by ``public_key``."""
    from unlike.privacy.signing import verify
    from unlike.sync import wait_for

    for receipt in receipts:
        verify(receipt, public_key or memory.public_key)
    done = wait_for(memory.erase_again(receipts))
    rest = {"not in this store": done.n_absent, "readmitted": done.n_readmitted, "of other tenants": done.n_elsewhere}
    said = "".join(f"; {n:,} {what}" for what, n in rest.items() if n)
    typer.echo(f"{n_of(len(receipts), 'receipt')}: {n_of(len(done.user_ids), 'user')} erased again{said}")
    typer.echo("the records of these users are refused in this tenant from now on, except of those who were readmitted")


def _confirm_record(tenant: "Tenant", record_id: str, user: str, yes: bool) -> None:
    """Print whose record will be deleted, and ask for confirmation; with a USER, it must be that user's."""
    from unlike.store.records import Unknown, with_ids

    with tenant.read() as tx:
        found = with_ids(tx, [canonical_id(record_id)])
    if not found:
        raise Unknown(f"no record {record_id!r}")
    owner = found[0].record.user_id
    if user and canonical_id(user) != owner:
        raise InputError(
            f"record {record_id!r} belongs to {owner!r}, not to {user!r}; nothing was erased: name its user, or leave USER out"
        )
    typer.echo(f"about to delete record {record_id} of {owner}, and everything that was made with it, also for others")
    confirm(yes, "Delete?", "nothing was deleted")


def _delete_record(memory: "Memory", record_id: str) -> None:
    """Delete one record."""
    from unlike.sync import wait_for

    changed = wait_for(memory.delete_record(record_id))
    typer.echo(
        f"record {record_id} of {changed.user_id} is deleted; {n_of(changed.n_profiles, 'profile')} will be rebuilt "
        "without it, including those of others that were compared with it"
    )


def _refuse_user(memory: "Memory", user: str, refused: bool) -> None:
    """Refuse a user's records, or accept them again.

    Raises:
        InputError: Records that are not refused are to be accepted.
    """
    from unlike.store import erasure_receipts
    from unlike.sync import wait_for

    with memory.tenant.read() as tx:
        if not refused and not erasure_receipts.refused(tx, [user]):
            raise InputError(
                f"records of {user} are not refused; to store a single deleted record again, send PUT /v1/records/ID"
            )
    wait_for(memory.refuse(user, refused))
    typer.echo(f"records of {user} are {'refused' if refused else 'accepted'} from now on")


def _erase_tenant(tenant: "Tenant", yes: bool) -> None:
    """Delete a tenant with all its data."""
    from unlike.memory.erase import erase_tenant

    typer.echo(f"about to delete tenant {tenant.name!r}: its users, records, profiles, keys and budget")
    confirm(yes, "Delete?", "nothing was deleted")
    is_scrubbed = erase_tenant(tenant)
    advice = "" if is_scrubbed else "; its files are still being read: run unlike doctor --store DIR --scrub"
    typer.echo(f"tenant {tenant.name!r} is deleted{advice}")


def _verify(file: Path, public_key: str) -> None:
    need(STORE_PARTS)
    from unlike.privacy.signing import verify

    receipt = _read(file)
    verify(receipt, _public_key(public_key) if public_key else None)
    for name, value in receipt.items():
        if name != "signature":
            typer.echo(f"{name.removesuffix('_ms').replace('_', ' '):<32}{_shown(name, value)}")
    unsure = "" if public_key else "; give --public-key to verify that the key is the service's"
    typer.echo(f"valid: nothing was changed since it was signed{unsure}")


def _read(file: Path) -> "Receipt":
    try:
        receipt = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"receipt {file} cannot be read: {error}; give the JSON file that unlike erase wrote"
        ) from error
    if not isinstance(receipt, dict):
        raise InputError(f"receipt {file} is not valid: it is not a JSON object; ask for the original")
    return receipt


def _public_key(given: str) -> str:
    """A public key in hex: as given, or from a file with the hex or with the signing key itself."""
    from unlike.privacy.signing import Signer

    if re.fullmatch("[0-9a-f]{64}", given):
        return given
    try:
        content = Path(given).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise InputError(f"--public-key {given!r} is neither 64 hex characters nor a readable file") from error
    return content if re.fullmatch("[0-9a-f]{64}", content) else Signer.from_file(Path(given)).public_key


def _shown(name: str, value: object) -> str:
    if name == "at_ms" and isinstance(value, int):
        return f"{day_and_time(value)} UTC"
    if isinstance(value, dict):
        return _counts(value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(n_of(n, name.removesuffix("s")) for name, n in counts.items() if n) or "nothing"
