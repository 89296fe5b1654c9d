"""The adapter: the trained weights, a few MB in one folder, and all one must know to use them rightly.

``adapter.safetensors`` holds the weights, ``adapter.json`` the settings, the LLM and the embedder they belong to, and
hashes of the users they were trained on, so that an erasure can name the adapters somebody's words went into.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from unlike.errors import InputError
from unlike.latent.settings import AdapterSettings
from unlike.latent.soft_prompts import KINDS, Module, Space

WEIGHTS = "adapter.safetensors"
ABOUT = "adapter.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class About:
    """What an adapter belongs to and comes from.

    Attributes:
        settings: Of the adapter.
        llm: Name of the LLM it was trained for.
        llm_hash: SHA-256 of that LLM's token embeddings.
        embedder: Name of the encoder.
        dim: d, the width of its vectors.
        hidden: Width of the LLM's token embeddings.
        length: Mean length of those.
        corpus_hash: Of the training corpus; "" where it is not known.
        salt: Stands before a user id when it is hashed.
        users: Hashes of the training users.
        training: Settings and losses of the training.
        source: Where it comes from, when it was not trained here.
    """

    settings: AdapterSettings
    llm: str
    llm_hash: str
    embedder: str
    dim: int
    hidden: int
    length: float = 1.0
    corpus_hash: str = ""
    salt: str = ""
    users: tuple[str, ...] = ()
    training: dict[str, Any] | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """A trained module.

    Attributes:
        module: In evaluation mode; float32.
        about: What it belongs to.
        digest: SHA-256 of the weights.
    """

    module: Module
    about: About
    digest: str

    @property
    def settings(self) -> AdapterSettings:
        """Of the adapter."""
        return self.about.settings

    def check(self, llm_hash: str, llm: str, embedder: str) -> None:
        """Whether it may be used with an LLM and an embedder.

        Raises:
            InputError: It was trained for another LLM or embedder.
        """
        if llm_hash != self.about.llm_hash:
            raise InputError(
                f"adapter was trained for LLM {self.about.llm}, not for {llm}: its soft vectors mean nothing there; "
                f"use {self.about.llm}, or train one for {llm} with: unlike train"
            )
        if embedder != self.about.embedder:
            raise InputError(
                f"adapter was trained with embedder {self.about.embedder!r}, not {embedder!r}; "
                f"give --embedder {_as_given(self.about.embedder)}"
            )

    def trained_on(self, user_id: str) -> bool:
        """Whether a user's texts were among those it was trained on."""
        return user_hash(self.about.salt, user_id) in self.about.users


def _as_given(embedder: str) -> str:
    """The name by which an encoder is opened: a model of sentence-transformers goes by its own."""
    return embedder.removeprefix("sentence-transformers:")


def user_hash(salt: str, user_id: str) -> str:
    """A user id as it stands in an adapter: sixteen hexadecimal digits."""
    return hashlib.sha256(f"{salt} {user_id}".encode()).hexdigest()[:16]


def user_hashes(salt: str, user_ids: Iterable[str]) -> tuple[str, ...]:
    """The hashes of users, sorted, so that they tell nothing of an order."""
    return tuple(sorted({user_hash(salt, user_id) for user_id in user_ids}))


def new_module(about: About, markers: Tensor | None = None) -> Module:
    """An untrained module for what ``about`` describes."""
    empty = torch.zeros(4, about.hidden) if markers is None else markers
    space = Space(about.dim, about.hidden, about.length, empty)
    return KINDS[about.settings.kind](about.settings, space)


def digest_of(module: Module) -> str:
    """SHA-256 over all weights and buffers, by name."""
    found = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def save_adapter(folder: Path, module: Module, about: About, dtype: torch.dtype = torch.float32) -> Adapter:
    """Write an adapter and read it back, so that what is used is what was written.

    Raises:
        InputError: The folder cannot be written.
    """
    from safetensors.torch import save_file

    weights = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in module.state_dict().items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(weights, folder / WEIGHTS)
        described = {"format": FORMAT, **asdict(about)}
        (folder / ABOUT).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"adapter folder {folder} cannot be written: {error.strerror}") from error
    return load_adapter(folder)


def load_adapter(folder: Path) -> Adapter:
    """The adapter of a folder.

    Raises:
        InputError: There is none, or its files do not fit each other.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        about = about_of(json.loads((folder / ABOUT).read_text(encoding="utf-8")))
        weights = load_file(folder / WEIGHTS)
    except FileNotFoundError as error:
        missing = Path(str(error.filename or WEIGHTS)).name
        raise InputError(f"no adapter in {folder}: {missing} is missing; train one with: unlike train") from error
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise InputError(f"adapter {folder} cannot be read: {error}") from error
    module = new_module(about)
    try:
        module.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except RuntimeError as error:
        raise InputError(
            f"adapter {folder}: weights and settings do not fit: {' '.join(str(error).split())}"
        ) from error
    module.eval().requires_grad_(False)
    return Adapter(module, about, digest_of(module))


def about_of(read: dict[str, Any]) -> About:
    """``adapter.json`` as an About; unknown keys and other formats fail."""
    if read.pop("format", None) != FORMAT:
        raise ValueError(f"its format is not {FORMAT}; use the version of unlike that wrote it")
    settings = cast(dict[str, Any], read.pop("settings"))
    about = About(settings=AdapterSettings(**settings), **read)
    return replace(about, settings=_tuples(about.settings), users=tuple(about.users))


def _tuples(settings: AdapterSettings) -> AdapterSettings:
    return replace(settings, signals=tuple(settings.signals))
