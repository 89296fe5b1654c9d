"""Hidden states of an LLM as vectors of texts: the mean over tokens after one of its layers.

The layers above are not loaded, so a lower layer is cheaper. The LLM's final norm is applied to every token: otherwise the
first one, whose hidden state is many times longer than the others' (Xiao et al., 2024, "attention sinks"), would dominate
the mean.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers.utils.logging import disable_progress_bar

from unlike.embed.encoder import Vectors
from unlike.embed.model_folder import name_of_folder
from unlike.errors import InputError
from unlike.llm.local_model import ModelFiles, device_of, open_model_files
from unlike.llm.model_source import explain_load_errors

BATCH_TEXTS = 32
_FAILED = "its hidden states cannot be read"


class HiddenStatesEncoder:
    """The first layers of an LLM as an Encoder; texts are read without a chat template.

    Args:
        name: LLM and number of layers, as in "smollm2#15"; the LLM is a name of ``unlike models``, a folder or a name of
            the hub. Without a number, all layers.
        device: Torch device; None for the GPU where there is one.

    Raises:
        InputError: There is no such LLM, layer or device.
        MissingPart: An LLM of the catalogue is not downloaded.
    """

    def __init__(self, name: str, device: str | None = None) -> None:
        llm, _, layer = name.partition("#")
        files = open_model_files(llm, _FAILED)
        n_layers = int(files.text_config.num_hidden_layers)
        layer = layer or str(n_layers)
        if not layer.isdecimal() or not 1 <= int(layer) <= n_layers:
            raise InputError(
                f"encoder transformers:{name}: layer {layer!r}; give 1 to {n_layers}, as in {llm}#{n_layers}"
            )
        is_folder = files.source == llm and Path(llm).is_dir()
        self.name = f"transformers:{name_of_folder(Path(llm)) if is_folder else llm}#{layer}"
        self._limit = files.context_tokens
        self._tokenizer = files.tokens.tokenizer
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        disable_progress_bar()
        with explain_load_errors(llm, _FAILED):
            self._model = _first_layers(files, int(layer)).to(device_of(name, device))

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), hidden) float32; an empty text is read as a space."""
        vectors = np.zeros((len(texts), self._model.config.hidden_size), np.float32)
        by_length = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(texts), BATCH_TEXTS):
            places = by_length[start : start + BATCH_TEXTS]
            vectors[places] = self._means([texts[place] or " " for place in places])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _means(self, texts: Sequence[str]) -> Vectors:
        """The mean over the tokens of each text, (len(texts), hidden); padding does not count."""
        truncation: dict[str, Any] = {"truncation": True, "max_length": self._limit} if self._limit else {}
        inputs = self._tokenizer(list(texts), padding=True, padding_side="right", return_tensors="pt", **truncation).to(
            self._model.device
        )
        states = self._model(**inputs, use_cache=False).last_hidden_state
        mask = inputs["attention_mask"][:, :, None]
        return ((states * mask).sum(dim=1) / mask.sum(dim=1)).cpu().numpy()


def _first_layers(files: ModelFiles, n_layers: int) -> Any:  # noqa: ANN401 - transformers' own
    """The LLM without its layers from ``n_layers`` on and without its head."""
    logging = transformers.utils.logging
    before = logging.get_verbosity()
    logging.set_verbosity_error()  # it would list the weights of the layers that are not wanted
    try:
        return transformers.AutoModel.from_pretrained(
            files.source, num_hidden_layers=n_layers, dtype=torch.float32, trust_remote_code=False
        ).eval()
    finally:
        logging.set_verbosity(before)
