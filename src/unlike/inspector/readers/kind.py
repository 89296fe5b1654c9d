"""The kind of a folder or an address: store, corpus, run or experiment."""

from pathlib import Path
from typing import Literal

from unlike.data.folder import FILES, MANIFEST
from unlike.errors import InputError
from unlike.evaluate.running.run_method import JOURNAL
from unlike.inspector.readers.run_folders import FINDINGS, run_folders
from unlike.store.database import FILE

Kind = Literal["store", "corpus", "run", "experiment"]


def kind_of(where: str) -> Kind:
    """The kind of a folder or an address.

    Raises:
        InputError: It is none of these.
    """
    folder = Path(where)
    if "://" in where or (folder / FILE).is_file():
        return "store"
    if (folder / MANIFEST).is_file() and (folder / FILES[0]).is_file():
        return "corpus"
    found = run_folders(folder)
    if found:
        return "run" if found == [folder] else "experiment"
    if (folder / JOURNAL).is_file() or (folder / FINDINGS).is_file():
        return "experiment"
    seen = "it does not exist" if not folder.exists() else "it has no run.json, manifest.json, store or journal"
    raise InputError(f"nothing to inspect in {where}: {seen}; give a folder of a run, experiment, corpus or store")
