"""The checkpoint that DEP's authors released, as an adapter.

It is a whole LLM with the trained modules beside it. Only these, some 30 million weights of 7 billion, and the token
embeddings are read; the LLM stays where it is. The modules compute what they compute in the released code (GELU after
encoder and decoder, no scaling, one soft token a vector, differences weighted by profile), but not all around them is
as it was in training:

- the prompt is our ``soft`` template: other words, and the oldest record first, where theirs had the newest first;
- text and vector always belong to the same record, where theirs could be those of different ones;
- a record without peers has the null vector, here zeros, where theirs gave such records no vectors of their own;
- vectors are computed in float32, where theirs were in bfloat16.

The markers are rows of the token embeddings, which training left alone. The released code resized these to the size of
its tokenizer. Of an LLM with more rows than tokens (Qwen2.5-7B has 152,064 rows for 151,665 tokens) that cut rows off,
so the LLM the checkpoint was made from can only be recognised with that LLM at hand.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.latent.adapter import ABOUT, About, Adapter, new_module, save_adapter
from unlike.latent.base_llm import EMBEDDINGS, BaseLLM, base_in_checkpoint, base_in_folder
from unlike.latent.settings import AdapterSettings
from unlike.latent.shards import Shards
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
N_RECORDS = 8
MARKERS = ("<his_token_start>", "<his_token_end>", "<diff_token_start>", "<diff_token_end>")
"""In the order of ``Space.markers``."""
TOKENS = (*(f"[{signal}_TOKEN_{place}]" for signal in ("HIS", "DIFF") for place in range(N_RECORDS)), *MARKERS)
"""All tokens that the released code adds to the LLM's own."""


def import_released(
    folder: Path, out: Path, encoder: Encoder, llm: Path | None = None, time_rule: TimeRule = "as_of"
) -> Adapter:
    """Write the adapter of a released checkpoint.

    Args:
        folder: Of the checkpoint: safetensors files and the tokenizer.
        out: Of the adapter.
        encoder: f_emb; bge-m3 for the authors' own.
        llm: Folder of the LLM it was trained on. Without it the adapter knows its LLM by the checkpoint's own rows
            before the added tokens, and so fits only an LLM without rows beyond its tokens.
        time_rule: Which texts of others a difference may see; the authors' saw later ones too ("paper").

    Raises:
        InputError: No such folder; weights or tokens are missing, or do not fit each other, the encoder or the LLM;
            ``out`` holds an adapter.
    """
    if (out / ABOUT).exists():
        raise InputError(f"{out} holds an adapter already; name another --out")
    shards = Shards(folder)
    shards.require([*NAMES, EMBEDDINGS])
    ids = token_ids(folder)
    _check_shapes(shards, ids, folder)
    _check_encoder(encoder, shards.shape("sae.encoder.0.weight")[1])
    name, n_base = folder.resolve().name, min(ids.values())
    base = base_in_folder(shards, n_base, llm) if llm else base_in_checkpoint(shards, n_base, name)
    about = _about(shards, base, encoder.name, time_rule, f"released DEP checkpoint {name}")
    weights = {ours: shards.tensor(theirs) for theirs, ours in NAMES.items()}
    weights["markers"] = torch.cat([shards.rows(EMBEDDINGS, ids[token], ids[token] + 1) for token in MARKERS])
    module = new_module(about)
    module.load_state_dict(module.state_dict() | weights)
    return save_adapter(out, module, about, _dtype(weights))


def token_ids(folder: Path) -> dict[str, int]:
    """The ids of TOKENS in the checkpoint's tokenizer.

    Raises:
        InputError: There is no tokenizer, or it lacks some.
    """
    try:
        ids = _added_tokens(folder)
    except FileNotFoundError as error:
        raise InputError(
            f"checkpoint {folder}: neither tokenizer.json nor added_tokens.json is there, so nobody knows which rows "
            "the markers are; put the checkpoint's own tokenizer beside it"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"checkpoint {folder}: its tokenizer cannot be read: {error!r}; fetch it again") from error
    missing = [token for token in TOKENS if token not in ids]
    if missing:
        raise InputError(
            f"checkpoint {folder}: its tokenizer lacks {', '.join(missing)}; put the checkpoint's own tokenizer there"
        )
    return {token: ids[token] for token in TOKENS}


def _added_tokens(folder: Path) -> dict[str, int]:
    if (folder / "tokenizer.json").is_file():
        read = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        return {str(token["content"]): int(token["id"]) for token in read["added_tokens"]}
    read = json.loads((folder / "added_tokens.json").read_text(encoding="utf-8"))
    return {str(token): int(number) for token, number in read.items()}


def _check_shapes(shards: Shards, ids: Mapping[str, int], folder: Path) -> None:
    """Fail where the weights do not fit each other or the tokens."""
    found = {name: shards.shape(name) for name in (*NAMES, EMBEDDINGS)}
    flat = [
        f"{name} is {found[name]}, no matrix" for name in ("sae.encoder.0.weight", EMBEDDINGS) if len(found[name]) != 2
    ]
    wrong = flat or [
        f"{name} is {found[name]}, not {shape}" for name, shape in _wanted(found).items() if found[name] != shape
    ]
    if max(ids.values()) >= found[EMBEDDINGS][0]:
        wrong.append(f"{EMBEDDINGS} has {found[EMBEDDINGS][0]} rows, none for token {max(ids.values())}")
    if wrong:
        raise InputError(f"checkpoint {folder}: its weights do not fit each other: {'; '.join(wrong)}; fetch it again")


def _wanted(found: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shapes of all layers, as the encoder's and the token embeddings' demand them."""
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


def _about(shards: Shards, base: BaseLLM, embedder: str, time_rule: TimeRule, source: str) -> About:
    width, dim = shards.shape("sae.encoder.0.weight")
    settings = AdapterSettings(
        n_records=N_RECORDS,
        activation="gelu",
        latent_share=width / dim,
        weighting="profile_weighted",
        time_rule=time_rule,
        max_prompt_tokens=3072,
    )
    hidden = shards.shape(EMBEDDINGS)[1]
    return About(settings, base.name, base.digest, embedder, dim, hidden, base.length, source=source)


def _dtype(weights: Mapping[str, Tensor]) -> torch.dtype:
    """The smallest precision that loses nothing."""
    return torch.bfloat16 if all(weight.dtype == torch.bfloat16 for weight in weights.values()) else torch.float32
