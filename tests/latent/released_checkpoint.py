"""A checkpoint laid out as DEP's authors released theirs, small and with random weights.

Two files hold what an adapter needs; the LLM's layers are in a third one that is not there, so reading them fails.
"""

import json

import torch
from safetensors.torch import save_file

from unlike.latent.released import INDEX, MARKERS, TOKENS

DIM, WIDTH, HIDDEN, N_BASE = 16, 8, 32, 250
ABSENT = "model-00003-of-00003.safetensors"
LAYER = "model.layers.0.self_attn.q_proj.weight"


def released_weights(base_rows=None):
    """Tensors by the released names; ``base_rows`` are the LLM's own token embeddings."""
    draw = torch.Generator().manual_seed(5)
    shapes = {"sae.encoder.0": (WIDTH, DIM), "sae.decoder.0": (DIM, WIDTH)}
    for projector in ("align_mlp_his", "align_mlp_diff"):
        shapes |= {f"{projector}.0": (HIDDEN, WIDTH), f"{projector}.2": (HIDDEN, HIDDEN)}
    weights = {}
    for layer, shape in shapes.items():
        weights[f"{layer}.weight"] = torch.randn(shape, generator=draw)
        weights[f"{layer}.bias"] = torch.randn(shape[0], generator=draw)
    rows = torch.randn(N_BASE, HIDDEN, generator=draw) if base_rows is None else base_rows
    weights["model.embed_tokens.weight"] = torch.cat([rows, torch.randn(len(TOKENS), HIDDEN, generator=draw)])
    return {name: weight.to(torch.bfloat16) for name, weight in weights.items()}


def write_checkpoint(folder, weights, tokens=TOKENS, n_base=N_BASE, tokenizer="tokenizer.json"):
    """Write weights and tokenizer; gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(weights)
    files = {name: f"model-0000{1 + place % 2}-of-00003.safetensors" for place, name in enumerate(names)}
    for file in sorted(set(files.values())):
        save_file({name: weights[name] for name in names if files[name] == file}, folder / file)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": {**files, LAYER: ABSENT}}))
    ids = {token: n_base + place for place, token in enumerate(tokens)}
    if tokenizer == "tokenizer.json":
        added = [{"id": number, "content": token, "special": True} for token, number in ids.items()]
        (folder / tokenizer).write_text(json.dumps({"added_tokens": [{"id": 3, "content": "<|end|>"}, *added]}))
    else:
        (folder / tokenizer).write_text(json.dumps({"<|end|>": 3, **ids}))
    return folder


def marker_row(weights, marker):
    """The embedding of a marker token, as float32."""
    assert marker in MARKERS
    return weights["model.embed_tokens.weight"][N_BASE + TOKENS.index(marker)].float()
