"""Where the command keeps what can be made again."""

import os
from pathlib import Path


def vectors_file() -> Path:
    """The file of cached vectors: under UNLIKE_CACHE, or the user's cache folder."""
    from platformdirs import user_cache_path

    folder = Path(os.environ["UNLIKE_CACHE"]) if "UNLIKE_CACHE" in os.environ else user_cache_path("unlike")
    return folder / "vectors.sqlite"
