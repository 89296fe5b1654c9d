"""The checkpoint that DEP's authors released, as an adapter.

It is a whole LLM with the trained modules beside it. Only these, about 30 million weights of 7 billion, and the token
embeddings are read, tensor by tensor. The modules compute what they compute in the released code; around them differ:

- the prompt is our ``soft`` template: other words, and the oldest record first, where theirs had the newest first;
- text and vector always belong to the same record, where theirs could belong to different ones;
- a record without peers has the null vector, here zeros, where theirs gave such records no vectors of their own;
- vectors are computed in float32, where theirs were in bfloat16.

The markers are rows of the token embeddings, which were not trained. The released code resized these to the size of its
tokenizer. That dropped rows of an LLM with more rows than tokens (Qwen2.5-7B has 152,064 rows for 151,665 tokens), so the
LLM of the checkpoint can only be identified with that LLM at hand.
"""

import hashlib
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.latent.adapter import METADATA, Adapter, AdapterMetadata, new_module, save_adapter
from unlike.latent.settings import RECIPES
from unlike.records import TimeRule

LAYERS = {
    "sae.encoder.0": "reducer.encoder",
    "sae.decoder.0": "reducer.decoder",
    "align_mlp_his.0": "projectors.his.first",
    "align_mlp_his.2": "projectors.his.second",
    "align_mlp_diff.0": "projectors.diff.first",
    "align_mlp_diff.2": "projectors.diff.second",
}
"""Their linear layers by name, and ours."""
NAMES = {f"{theirs}.{part}": f"{ours}.{part}" for theirs, ours in LAYERS.items() for part in ("weight", "bias")}
EMBEDDINGS = "model.embed_tokens.weight"
N_RECORDS = 8
MARKERS = ("<his_token_start>", "<his_token_end>", "<diff_token_start>", "<diff_token_end>")
"""In the order of ``Space.markers``."""
TOKENS = (*(f"[{signal}_TOKEN_{place}]" for signal in ("HIS", "DIFF") for place in range(N_RECORDS)), *MARKERS)
"""All tokens that the released code adds to the LLM's own."""
INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"
CHUNK_ROWS = 4096


def import_released(
    folder: Path, out: Path, encoder: Encoder, llm: Path | None = None, time_rule: TimeRule = "as_of"
) -> Adapter:
    """Convert a released checkpoint to an adapter.

    Args:
        folder: Folder of the checkpoint, with safetensors files and the tokenizer.
        out: Folder of the adapter.
        encoder: f_emb; bge-m3 for the authors' own.
        llm: Folder of the LLM it was trained on. Without it the LLM is identified by the checkpoint's rows before
            the added tokens, so the adapter fits only an LLM without rows beyond its tokens.
        time_rule: Which texts of others a difference may use; "released" is the rule of the authors' code.

    Raises:
        InputError: No such folder; weights or tokens are missing, or do not fit each other, the encoder or the LLM;
            ``out`` holds an adapter.
    """
    if (out / METADATA).exists():
        raise InputError(f"{out} holds an adapter already; name another --out")
    shards = Shards(folder)
    shards.require([*NAMES, EMBEDDINGS])
    ids = token_ids(folder)
    _check_shapes(shards, ids)
    width, dim = shards.shape("sae.encoder.0.weight")
    _check_encoder(encoder, dim)
    settings = replace(RECIPES["released"].adapter, n_records=N_RECORDS, latent_share=width / dim, time_rule=time_rule)
    name, n_base = folder.resolve().name, min(ids.values())
    base = _base_in_folder(shards, n_base, llm) if llm else _base_in_checkpoint(shards, n_base, name)
    metadata = AdapterMetadata(
        settings, base.name, base.digest, encoder.name, dim, shards.shape(EMBEDDINGS)[1], base.length,
        source=f"released DEP checkpoint {name}",
    )  # fmt: skip
    weights = {ours: shards.rows(theirs) for theirs, ours in NAMES.items()}
    weights["markers"] = torch.cat([shards.rows(EMBEDDINGS, ids[token], ids[token] + 1) for token in MARKERS])
    module = new_module(metadata)
    module.load_state_dict(module.state_dict() | weights)
    # The smallest precision that loses nothing.
    is_half = all(weight.dtype == torch.bfloat16 for weight in weights.values())
    return save_adapter(out, module, metadata, torch.bfloat16 if is_half else torch.float32)


def token_ids(folder: Path) -> dict[str, int]:
    """The ids of TOKENS in the checkpoint's tokenizer.

    Raises:
        InputError: There is no tokenizer, or it lacks some.
    """
    try:
        ids = _added_tokens(folder)
    except FileNotFoundError as error:
        raise InputError(
            f"checkpoint {folder}: neither tokenizer.json nor added_tokens.json is there, so the rows of the markers are "
            "unknown; put the checkpoint's own tokenizer beside it"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"checkpoint {folder}: its tokenizer cannot be read: {error!r}; fetch it again") from error
    missing = [token for token in TOKENS if token not in ids]
    if missing:
        raise InputError(
            f"checkpoint {folder}: its tokenizer lacks {', '.join(missing)}; put the checkpoint's own tokenizer there"
        )
    return {token: ids[token] for token in TOKENS}


class Shards:
    """Weights of a model folder by name, in their own precision, read tensor by tensor.

    Only files that hold a requested tensor are opened, so a few tensors of a large model are read fast.

    Args:
        folder: As the transformers library writes it: ``model.safetensors``, or several files and an index.

    Raises:
        InputError: A file is missing or cannot be read; all methods may raise it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with self._readable():
            self._file_of = self._files()

    def require(self, names: Iterable[str]) -> None:
        """Fail if weights are missing; the error names all of them."""
        missing = [name for name in names if name not in self._file_of]
        if missing:
            raise InputError(f"model folder {self.folder}: no weights {', '.join(missing)}; give a model that has them")

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape, from the file's header."""
        with self._opened(name) as weight:
            return tuple(weight.get_shape())

    def rows(self, name: str, first: int = 0, end: int | None = None) -> Tensor:
        """The rows from ``first`` up to but not including ``end``; all by default."""
        with self._opened(name) as weight:
            return weight[first:end]

    def chunks(self, name: str, n_rows: int) -> Iterator[Tensor]:
        """The first ``n_rows`` rows, ``CHUNK_ROWS`` at a time."""
        for first in range(0, n_rows, CHUNK_ROWS):
            yield self.rows(name, first, min(first + CHUNK_ROWS, n_rows))

    @contextmanager
    def _opened(self, name: str) -> Generator[Any]:
        file = self.folder / self._file_of[name]
        if not file.is_file():
            raise self._missing_file(file.name)
        with self._readable(), safe_open(file, framework="pt") as weights:
            yield weights.get_slice(name)

    def _files(self) -> dict[str, str]:
        """The file of each tensor."""
        if (self.folder / INDEX).is_file():
            return dict(json.loads((self.folder / INDEX).read_text(encoding="utf-8"))["weight_map"])
        if not (self.folder / SINGLE).is_file():
            raise self._missing_file(f"{INDEX} or {SINGLE}")
        with safe_open(self.folder / SINGLE, framework="pt") as weights:
            return dict.fromkeys(weights.keys(), SINGLE)

    def _missing_file(self, file: str) -> InputError:
        return InputError(
            f"model folder {self.folder}: {file} is missing; give a folder with a model's safetensors files"
        )

    @contextmanager
    def _readable(self) -> Generator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise InputError(f"model folder {self.folder} cannot be read: {error}; fetch its files again") from error


@dataclass(frozen=True, slots=True)
class _BaseLLM:
    """The LLM of a checkpoint: its name for ``LocalModel``, SHA-256 and mean length of its token embeddings."""

    name: str
    digest: str
    length: float


def _base_in_checkpoint(own: Shards, n_rows: int, name: str) -> _BaseLLM:
    """The LLM as the first rows of the checkpoint itself."""
    return _BaseLLM(f"base of {name}", *_hash_of_rows(own.chunks(EMBEDDINGS, n_rows)))


def _base_in_folder(own: Shards, n_rows: int, folder: Path) -> _BaseLLM:
    """The LLM of a folder, whose first rows must be the checkpoint's."""
    base = Shards(folder)
    base.require([EMBEDDINGS])
    shape, wanted = base.shape(EMBEDDINGS), own.shape(EMBEDDINGS)
    if shape[0] < n_rows or shape[1:] != wanted[1:]:
        raise InputError(
            f"LLM {folder}: its token embeddings are {shape}, those of the checkpoint ({n_rows}, {wanted[-1]}) "
            "without the added tokens; give the LLM the checkpoint was trained on"
        )
    pairs = zip(own.chunks(EMBEDDINGS, n_rows), base.chunks(EMBEDDINGS, n_rows), strict=True)
    for number, (mine, theirs) in enumerate(pairs):
        if not torch.equal(mine, theirs.to(mine.dtype)):
            raise InputError(
                f"LLM {folder}: its token embeddings are not the checkpoint's, in rows from {number * CHUNK_ROWS} on; "
                "give the LLM the checkpoint was trained on"
            )
    digest, length = _hash_of_rows(base.chunks(EMBEDDINGS, shape[0]))
    return _BaseLLM(f"{folder.resolve().name}#{digest[:12]}", digest, length)


def _hash_of_rows(chunks: Iterable[Tensor]) -> tuple[str, float]:
    """What ``embeddings_hash`` gives for all rows at once, and the mean length of the rows."""
    digest, total, n_rows = hashlib.sha256(), 0.0, 0
    for chunk in chunks:
        rows = chunk.float()
        digest.update(rows.numpy().astype("<f4").tobytes())
        total, n_rows = total + float(rows.norm(dim=1).sum()), n_rows + len(rows)
    return digest.hexdigest(), total / max(1, n_rows)


def _added_tokens(folder: Path) -> dict[str, int]:
    if (folder / "tokenizer.json").is_file():
        read = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        return {str(token["content"]): int(token["id"]) for token in read["added_tokens"]}
    read = json.loads((folder / "added_tokens.json").read_text(encoding="utf-8"))
    return {str(token): int(number) for token, number in read.items()}


def _check_shapes(shards: Shards, ids: Mapping[str, int]) -> None:
    """Fail if the weights do not fit each other or the tokens."""
    found = {name: shards.shape(name) for name in (*NAMES, EMBEDDINGS)}
    matrices = ("sae.encoder.0.weight", EMBEDDINGS)
    wrong = [f"{name} is {found[name]}, no matrix" for name in matrices if len(found[name]) != 2]
    if not wrong:
        wanted = _expected_shapes(found).items()
        wrong = [f"{name} is {found[name]}, not {shape}" for name, shape in wanted if found[name] != shape]
    if max(ids.values()) >= found[EMBEDDINGS][0]:
        wrong.append(f"{EMBEDDINGS} has {found[EMBEDDINGS][0]} rows, none for token {max(ids.values())}")
    if wrong:
        raise InputError(
            f"checkpoint {shards.folder}: its weights do not fit each other: {'; '.join(wrong)}; fetch it again"
        )


def _expected_shapes(found: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shapes of all layers, given those of the autoencoder's first layer and of the token embeddings."""
    (width, dim), (_, hidden) = found["sae.encoder.0.weight"], found[EMBEDDINGS]
    layers = {"sae.encoder.0": (width, dim), "sae.decoder.0": (dim, width)}
    for projector in ("align_mlp_his", "align_mlp_diff"):
        layers |= {f"{projector}.0": (hidden, width), f"{projector}.2": (hidden, hidden)}
    return {f"{layer}.weight": shape for layer, shape in layers.items()} | {
        f"{layer}.bias": shape[:1] for layer, shape in layers.items()
    }


def _check_encoder(encoder: Encoder, dim: int) -> None:
    given = encoder.encode(["one text"]).shape[1]
    if given != dim:
        raise InputError(
            f"embedder {encoder.name} has {given} dimensions, the checkpoint wants {dim}; "
            "give the one it was trained with (bge-m3 for the authors' own)"
        )
