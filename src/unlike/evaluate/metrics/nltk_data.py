"""Data that NLTK keeps outside its package, found or fetched once.

NLTK looks in the folders of ``NLTK_DATA`` and a few others. A machine without network must not wait long for a
download that cannot come, and must be told what to do.
"""

import io
from functools import cache
from threading import Thread
from typing import IO, Protocol

from unlike.errors import MissingPart

DOWNLOAD_WAIT_S = 30.0


class Folder(Protocol):
    """NLTK's pointer to a file or folder, on disk or inside a zip."""

    def join(self, fileid: str) -> "Folder":
        """The pointer to a file below."""
        ...

    def open(self) -> IO[bytes]:
        """The file's bytes."""
        ...


def find(package: str, *places: str) -> Folder:
    """The first of the places of a package that exists, downloading the package where none does.

    Args:
        package: NLTK's name for the data.
        places: Where it lies below an ``NLTK_DATA`` folder: unpacked, or inside its zip.

    Raises:
        MissingPart: It is not there and could not be downloaded.
    """
    found = _look(places)
    if found is None and downloaded(package):
        found = _look(places)
    if found is None:
        raise MissingPart(
            f"METEOR's data is missing: no {package} in any NLTK data folder and the download failed; run "
            f"`python -m nltk.downloader wordnet punkt_tab`, or set NLTK_DATA to a folder that has both"
        )
    return found


def _look(places: tuple[str, ...]) -> Folder | None:
    import nltk

    for place in places:
        try:
            return nltk.data.find(place)
        except LookupError:
            continue
    return None


@cache
def downloaded(package: str) -> bool:
    """Whether a download, tried once a process, ended in time. NLTK's own time limit is minutes."""
    import nltk

    done: list[object] = []
    thread = Thread(
        target=lambda: done.append(nltk.download(package, quiet=True, print_error_to=io.StringIO())), daemon=True
    )
    thread.start()
    thread.join(DOWNLOAD_WAIT_S)
    return any(done)
