"""The adapter: trained weights of a few MB in one folder, what they belong to, and the soft prompts made with them.

``adapter.safetensors`` holds the weights, ``adapter.json`` the settings, the LLM and the embedder they belong to, and
hashes of the training users, so that an erasure can name the adapters that were trained on a user's texts.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unlike.errors import InputError
from unlike.latent.batch import inputs_of
from unlike.latent.difference import Floats
from unlike.latent.examples import Example, Examples
from unlike.latent.modules import KINDS, Module, Space
from unlike.latent.settings import AdapterSettings
from unlike.llm.soft_prompt import SOFT_STEPS, SoftAsk, SoftPrompt
from unlike.prompts.prompt import Passage
from unlike.prompts.task import Task
from unlike.records import Case, Record

WEIGHTS = "adapter.safetensors"
METADATA = "adapter.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class AdapterMetadata:
    """What an adapter belongs to, and where it comes from.

    Attributes:
        settings: Settings of the adapter.
        llm: Name of the LLM it was trained for.
        llm_hash: SHA-256 of that LLM's token embeddings.
        embedder: Name of the encoder.
        dim: d, the dimension of its vectors.
        hidden: Width of the LLM's token embeddings.
        length: Mean Euclidean length of these token embeddings.
        corpus_hash: Hash of the training corpus; "" if unknown.
        salt: Prefix of every user id when it is hashed.
        users: Hashes of the training users.
        training: Plan, losses, validations, what chose the checkpoint (``chosen_by``), best value.
        source: Where it comes from, if it was not trained here.
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
        metadata: What it belongs to.
        digest: SHA-256 of the weights.
    """

    module: Module
    metadata: AdapterMetadata
    digest: str

    @property
    def settings(self) -> AdapterSettings:
        """Settings of the adapter."""
        return self.metadata.settings

    def knows_prompts(self, task: Task) -> bool:
        """Whether it was trained with a task's template and words; True where it does not say with which."""
        trained_with = ((self.metadata.training or {}).get("plan") or {}).get("prompts")
        return trained_with in (None, task.digest(SOFT_STEPS[self.settings.layout]))

    def check(self, llm_hash: str, llm: str, embedder: str) -> None:
        """Check that the adapter was trained for this LLM and this embedder.

        Raises:
            InputError: It was trained for another LLM or embedder.
        """
        trained_for = self.metadata
        if llm_hash != trained_for.llm_hash:
            raise InputError(
                f"adapter was trained for LLM {trained_for.llm}, not for {llm}: its soft vectors mean nothing there; "
                f"use {trained_for.llm}, or train one for {llm} with: unlike train"
            )
        if embedder != trained_for.embedder:
            # A model of sentence-transformers is opened by its own name, a folder by its path, which is not kept.
            is_folder = re.search("#[0-9a-f]{12}(#|$)", trained_for.embedder)
            own_name = trained_for.embedder.removeprefix("sentence-transformers:")
            raise InputError(
                f"adapter was trained with embedder {trained_for.embedder!r}, not {embedder!r}; "
                f"give --embedder {'with the folder of that model' if is_folder else own_name}"
            )


def user_hash(salt: str, user_id: str) -> str:
    """A user id as an adapter keeps it: the first 16 hexadecimal digits of a salted SHA-256."""
    return hashlib.sha256(f"{salt} {user_id}".encode()).hexdigest()[:16]


def user_hashes(salt: str, user_ids: Iterable[str]) -> tuple[str, ...]:
    """The hashes of users, sorted so that their order reveals nothing."""
    return tuple(sorted({user_hash(salt, user_id) for user_id in user_ids}))


def new_module(metadata: AdapterMetadata, markers: Tensor | None = None) -> Module:
    """An untrained module; ``markers`` (4, hidden) are zeros if not given."""
    space = Space(
        metadata.dim, metadata.hidden, metadata.length, torch.zeros(4, metadata.hidden) if markers is None else markers
    )
    return KINDS[metadata.settings.kind](metadata.settings, space)


def digest_of(module: Module) -> str:
    """SHA-256 over all weights and buffers, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_adapter(
    folder: Path, module: Module, metadata: AdapterMetadata, dtype: torch.dtype = torch.float32
) -> Adapter:
    """Write an adapter with weights of a dtype, and read it back, so that what is used is what was written.

    Raises:
        InputError: The folder cannot be written.
    """
    from safetensors.torch import save_file

    weights = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in module.state_dict().items()}
    text = json.dumps({"format": FORMAT, **asdict(metadata)}, indent=2)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(weights, folder / WEIGHTS)
        (folder / METADATA).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"adapter folder {folder} cannot be written: {error.strerror}") from error
    return load_adapter(folder)


def load_adapter(folder: Path) -> Adapter:
    """The adapter of a folder.

    Raises:
        InputError: There is none, or weights and settings do not fit each other.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        metadata = _metadata_of(json.loads((folder / METADATA).read_text(encoding="utf-8")))
        weights = load_file(folder / WEIGHTS)
    except FileNotFoundError as error:
        missing = Path(str(error.filename or WEIGHTS)).name
        raise InputError(f"no adapter in {folder}: {missing} is missing; train one with: unlike train") from error
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise InputError(f"adapter {folder} cannot be read: {error}") from error
    module = new_module(metadata)
    try:
        module.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"adapter {folder}: weights and settings do not fit: {reason}") from error
    module.eval().requires_grad_(False)
    return Adapter(module, metadata, digest_of(module))


def _metadata_of(read: Mapping[str, Any]) -> AdapterMetadata:
    """The metadata that ``adapter.json`` holds; unknown keys and other formats fail."""
    values = dict(read)
    if values.pop("format", None) != FORMAT:
        raise ValueError(f"its format is not {FORMAT}; use the version of unlike that wrote it")
    settings = AdapterSettings(**values.pop("settings"))
    metadata = AdapterMetadata(replace(settings, signals=tuple(settings.signals)), **values)
    return replace(metadata, users=tuple(metadata.users))


class Prompter:
    """Makes soft prompts of cases, which the frozen LLM reads, with a trained adapter (DEP, equations 2 to 7).

    Args:
        adapter: The trained weights.
        examples: Made with the adapter's settings, its embedder, and the LLM's tokenizer.
    """

    def __init__(self, adapter: Adapter, examples: Examples) -> None:
        self.kind, self.adapter, self._examples = adapter.settings.kind, adapter, examples

    def prompt(
        self,
        case: Case,
        vectors_of: Case | None = None,
        past: Sequence[Record] | None = None,
        profile: Passage | None = None,
    ) -> SoftAsk:
        """The soft prompt of a case.

        Args:
            case: The case.
            vectors_of: A case of another user whose vectors replace the case's own.
            past: Own records to show, at most the adapter's ``n_records``; None for the most recent.
            profile: The user's profile, to show after the records.

        Raises:
            InputError: It exceeds the length limit.
        """
        example = self._examples.of(case, vectors_of=vectors_of, past=past, profile=profile)
        return SoftAsk(
            prompt=self.soft_prompt(example, self.bank(example)),
            step=SOFT_STEPS[self.adapter.settings.layout],
            messages=example.messages,
            record_ids=tuple(dict.fromkeys([*example.record_ids, *(profile.record_ids if profile else ())])),
            past={
                id_: example.texts.get(id_, "") for id_ in np.asarray(example.past.record_ids)[example.shown].tolist()
            },
            n_compared=int((example.past.n_peers[example.shown] > 0).sum()),
            left_out=example.left_out,
            items=example.items,
        )

    def example(self, case: Case) -> Example:
        """The tokens and vectors of a case, which ``bank`` and ``soft_prompt`` turn into its prompt."""
        return self._examples.of(case)

    @torch.no_grad()
    def bank(self, example: Example) -> Floats:
        """All soft vectors of an example, (n_soft, hidden) float32."""
        return self.adapter.module(inputs_of([example], self.adapter.settings.n_records)).bank[0].numpy()

    def soft_prompt(self, example: Example, bank: Floats) -> SoftPrompt:
        """An example's prompt with the vectors of a bank (n_soft, hidden), its own or a changed one."""
        places = np.flatnonzero(example.slots >= 0)
        return SoftPrompt(example.token_ids, places, bank[example.slots[places]], self.adapter.digest)
