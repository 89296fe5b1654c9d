"""Download a model file from the Hugging Face hub; an interrupted download is resumed.

``hf_hub_download`` cannot resume (huggingface_hub 1.31 to 2.4: it deletes its temporary file), so this module requests the
missing bytes and appends them. Address (HF_ENDPOINT), token, proxy and offline mode are those of huggingface_hub.
"""

import importlib.util
import time
from pathlib import Path
from urllib.parse import urlsplit

from unlike.errors import MissingPart, first_line, how_to_install
from unlike.llm.fetch_step import BLOCK_BYTES, OnProgress, check_space, size_of
from unlike.llm.model_catalogue import CatalogueModel

ASKING = "asking the hub"
FROM_HUB = "from the hub"
MAX_ATTEMPTS = 3
"""Attempts in a row without progress."""


def fetch_from_hub(model: CatalogueModel, staging: Path, on_progress: OnProgress) -> Path:
    """Download the file of a model into its staging folder, after the bytes that are already there.

    Returns:
        The complete file; its hash is not checked yet.

    Raises:
        MissingPart: The hub cannot be reached, or does not have the file. The message is a clause for a longer message.
        InputError: There is too little disk space.
        OSError: The file cannot be written.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingPart(f"hub: huggingface_hub is not installed, {how_to_install('embedded')}")
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled  # pyright: ignore[reportPrivateImportUsage]

    assert model.hub
    url = hf_hub_url(model.hub.repo, model.hub.file, revision=model.hub.revision)
    file = staging / "hub.gguf"
    if size_of(file) > model.n_bytes:
        file.unlink()
    try:
        if size_of(file) < model.n_bytes:
            on_progress(size_of(file), model.n_bytes, ASKING)
            _check_offer(model, url)
            check_space(model.name, staging, model.n_bytes - size_of(file))
            _download(model, url, file, on_progress)
    except (HTTPError, OfflineModeIsEnabled, ImportError) as error:  # ImportError: a SOCKS proxy needs another library
        raise MissingPart(f"hub ({urlsplit(url).netloc}): {first_line(error)}") from error
    return file


def _check_offer(model: CatalogueModel, url: str) -> None:
    """Compare size and hash that the hub announces, before a gigabyte is downloaded."""
    from huggingface_hub import get_hf_file_metadata

    offered = get_hf_file_metadata(url)
    is_other = offered.etag is not None and len(offered.etag) == 64 and offered.etag != model.sha256
    if is_other or offered.size not in (None, model.n_bytes):
        seen = f"{offered.size} bytes, SHA-256 {offered.etag}"
        raise MissingPart(f"hub ({urlsplit(url).netloc}): a different file has this name ({seen})")


def _download(model: CatalogueModel, url: str, file: Path, on_progress: OnProgress) -> None:
    """Reconnect after a broken connection, until several attempts in a row bring nothing."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError  # pyright: ignore[reportPrivateImportUsage]

    n_failed, most = 0, size_of(file)
    while True:
        try:
            return _append(model, url, file, on_progress)
        except HfHubHTTPError:
            raise
        except HTTPError:
            n_failed = 0 if size_of(file) > most else n_failed + 1
            most = max(most, size_of(file))
            if n_failed == MAX_ATTEMPTS:
                raise
            time.sleep(n_failed)


def _append(model: CatalogueModel, url: str, file: Path, on_progress: OnProgress) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

    n_done = size_of(file)
    # With compression, Range would count compressed bytes.
    headers = build_hf_headers() | {"Range": f"bytes={n_done}-", "Accept-Encoding": "identity"}
    request = http_stream_backoff(
        "GET", url, retry_on_exceptions=(), headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
    )
    with request as response, file.open("ab") as opened:
        hf_raise_for_status(response)
        if response.status_code != 206:  # the server ignored Range and sends the whole file
            opened.truncate(0)
            n_done = 0
        for block in response.iter_bytes(BLOCK_BYTES):
            opened.write(block)
            n_done += len(block)
            on_progress(n_done, model.n_bytes, FROM_HUB)
