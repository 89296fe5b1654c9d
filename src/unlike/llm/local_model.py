"""A chat model of the transformers library in this process, opened once for writing, scoring and training.

Nothing here changes the model: its weights are frozen, and its token embeddings say by their digest which LLM it is.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import jinja2
import torch
import transformers
from torch import Tensor, nn
from transformers.utils.logging import disable_progress_bar

from unlike.errors import CallFailed, InputError, first_line
from unlike.llm.backend import Messages
from unlike.llm.model_source import embedding_rows, ends_of, explain_load_errors, name_of, source_of
from unlike.llm.system_role import has_system, without_system

DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_FAILED = "it cannot be loaded"


@dataclass(frozen=True, slots=True)
class ChatTokenizer:
    """A tokenizer of the transformers library as ``ChatTokens``.

    Attributes:
        end_id: The control token that the template puts behind an answer, else the tokenizer's own end.

    Raises:
        InputError: No chat template, or one that cannot be used, or no token that ends an answer.
    """

    tokenizer: Any
    end_id: int = field(init=False)

    def __post_init__(self) -> None:
        name = self.tokenizer.name_or_path
        if not self.tokenizer.chat_template:
            raise InputError(f"tokenizer of {name!r}: it has no chat template; give a model made for chat")
        turns = [{"role": "user", "content": "Question"}, {"role": "assistant", "content": "Answer"}]
        try:
            behind = self.encode(self._templated(turns).rpartition("Answer")[2].strip())
        except CallFailed as error:
            raise InputError(f"tokenizer of {name!r}: {error}; give a model made for chat") from error
        is_control = bool(behind) and behind[0] in self.tokenizer.added_tokens_decoder
        end_id = behind[0] if is_control else self.tokenizer.eos_token_id
        if end_id is None:
            raise InputError(f"tokenizer of {name!r}: it has no token that ends an answer; give a model made for chat")
        object.__setattr__(self, "end_id", end_id)

    def render(self, messages: Messages) -> str:
        """The messages in the chat template, up to where the answer begins.

        Where the template refuses a system role, its part stands at the beginning of the first user's turn.

        Raises:
            CallFailed: The template refuses the messages.
        """
        try:
            return self._templated([dict(message) for message in messages], add_generation_prompt=True)
        except CallFailed:
            if not has_system(messages):
                raise
            return self._templated(without_system(messages), add_generation_prompt=True)

    def encode(self, text: str) -> list[int]:
        """Token ids of a rendered text, nothing added; control tokens in it are read as such."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of an answer, without control tokens."""
        return self.tokenizer.decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _templated(self, messages: list[dict[str, str]], **how: bool) -> str:
        try:
            return self.tokenizer.apply_chat_template(messages, tokenize=False, **how)
        except (jinja2.TemplateError, TypeError) as error:
            roles = ", ".join(message.get("role", "none") for message in messages)
            raise CallFailed(f"chat template: it refuses these messages (roles: {roles}): {error}") from error


class WithChatTokenizer:
    """The part of a Backend that counts with its model's own tokenizer.

    Attributes:
        tokens: The tokenizer.
    """

    counts_exactly = True
    tokens: ChatTokenizer

    def token_ids(self, text: str) -> list[int]:
        """Token ids of a text; see ``token_ids_of``."""
        return self.tokens.encode(text)

    def count_tokens(self, messages: Messages) -> int:
        """Exact, by the model's own template and tokenizer."""
        return len(self.tokens.encode(self.tokens.render(messages)))


@dataclass(frozen=True, slots=True, eq=False)
class LocalModel:
    """A frozen chat model.

    Attributes:
        name: What it was opened as; for a folder its last part and the beginning of ``llm_hash``.
        model: In evaluation mode, without gradients.
        tokens: Its tokenizer.
        embeddings: (vocabulary, hidden) token embeddings as the layers read them, in the model's dtype.
        llm_hash: SHA-256 of the token embeddings as float32; those of the files, so that the precision of the
            computation does not matter.
        ends: Token ids that end an answer, rising.
        context_tokens: Tokens it was made for; None where its configuration does not say.
    """

    name: str
    model: nn.Module
    tokens: ChatTokenizer
    embeddings: Tensor
    llm_hash: str
    ends: tuple[int, ...]
    context_tokens: int | None


@dataclass(frozen=True, slots=True, eq=False)
class ModelFiles:
    """What is known of a chat model before its weights are read.

    Attributes:
        source: Folder, or name on the hub.
        config: Its configuration.
        text_config: The part of it that is about texts, where a model reads more than these.
        tokens: Its tokenizer.
    """

    source: str
    config: Any
    text_config: Any
    tokens: ChatTokenizer

    @property
    def context_tokens(self) -> int | None:
        """Tokens it was made for; None where its configuration does not say."""
        return getattr(self.text_config, "max_position_embeddings", None)


def open_model_files(name: str, what: str) -> ModelFiles:
    """Read configuration and tokenizer of a chat model.

    Args:
        name: "smollm2" for the packaged model, a model folder, or a model name of the hub.
        what: What cannot be done where they cannot be read, for the error.

    Raises:
        InputError: No such model; not a causal LM; no chat template.
        MissingPart: The packaged model, or a library that this model needs, is not installed.
    """
    source = source_of(name)
    with explain_load_errors(name, what):
        config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
        _check_causal(name, config)
        text_config = config.get_text_config(decoder=True)
        tokens = ChatTokenizer(transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False))
    return ModelFiles(source, config, text_config, tokens)


def open_local_model(
    name: str, dtype: Literal["float32", "bfloat16"] = "float32", device: str | None = None
) -> LocalModel:
    """Open a chat model.

    Args:
        name: "smollm2" for the packaged model, a model folder, or a model name of the hub.
        dtype: Of weights and computation.
        device: As torch names it; None for the graphics card where there is one.

    Raises:
        InputError: No such model, dtype or device; not a causal LM; no chat template; weights are missing.
        MissingPart: The packaged model, or a library that this model needs, is not installed.
    """
    if dtype not in DTYPES:
        raise InputError(f"LLM {name!r}: dtype {dtype!r}; allowed are {', '.join(DTYPES)}")
    where = device_of(name, device)
    disable_progress_bar()
    files = open_model_files(name, _FAILED)
    model = _weights(name, files.source, DTYPES[dtype]).to(where).eval().requires_grad_(False)
    embeddings = _embeddings(model.get_input_embeddings())
    digest = embeddings_hash(_rows_of_files(name, files.source, embeddings))
    return LocalModel(
        name=name_of(name, digest),
        model=model,
        tokens=files.tokens,
        embeddings=embeddings,
        llm_hash=digest,
        ends=ends_of(model.generation_config.eos_token_id, files.tokens.tokenizer.eos_token_id, files.tokens.end_id),
        context_tokens=files.context_tokens,
    )


def embeddings_hash(embeddings: Tensor) -> str:
    """SHA-256 of (vocabulary, hidden) token embeddings as float32, row by row."""
    digest = hashlib.sha256()
    for rows in embeddings.detach().split(4096):  # large vocabularies need not be in memory twice
        digest.update(rows.float().cpu().numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def _rows_of_files(name: str, source: str, embeddings: Tensor) -> Tensor:
    """Token embeddings without the rounding of the precision that the model was opened in, where the files show them."""
    if embeddings.dtype == torch.float32:
        return embeddings
    try:
        rows = embedding_rows(name, source)
    except (InputError, OSError):
        return embeddings
    is_plain = rows.shape == embeddings.shape and torch.equal(rows[:16].to(embeddings.dtype), embeddings[:16].cpu())
    return rows if is_plain else embeddings


def device_of(name: str, device: str | None) -> torch.device:
    """The device of a name of torch's; for None the graphics card where there is one.

    Raises:
        InputError: It cannot be used.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        reason = first_line(error)
        raise InputError(
            f"LLM {name!r}: device {device!r} cannot be used ({reason}); leave it out, or use cpu"
        ) from error


def _check_causal(name: str, config: Any) -> None:  # noqa: ANN401
    """Refuse a model that does not write from left to right; the library would load one and warn."""
    kinds: list[str] = config.architectures or []
    writes = not kinds or any(re.search("CausalLM|LMHeadModel|ConditionalGeneration", kind) for kind in kinds)
    if getattr(config, "is_encoder_decoder", False) or not writes:
        raise InputError(
            f"LLM {name!r}: it is a {', '.join(kinds) or config.model_type}; only causal LMs can be used here"
        )


def _weights(name: str, source: str, dtype: torch.dtype) -> Any:  # noqa: ANN401 - the model classes have no common type
    with explain_load_errors(name, _FAILED):
        opened: Any = transformers.AutoModelForCausalLM.from_pretrained(
            source, dtype=dtype, trust_remote_code=False, output_loading_info=True
        )
    model, loaded = opened
    if loaded["missing_keys"]:
        missing = sorted(loaded["missing_keys"])
        raise InputError(
            f"LLM {name!r}: {len(missing)} weights are missing, {missing[0]} the first; give the whole model"
        )
    return model


@torch.no_grad()
def _embeddings(lookup: Any) -> Tensor:  # noqa: ANN401 - an nn.Embedding, or a kind of it that scales
    weight: Tensor = lookup.weight
    some = torch.arange(min(16, len(weight)), device=weight.device)
    if torch.equal(lookup(some), weight[some]):
        return weight
    return lookup(torch.arange(len(weight), device=weight.device))  # Gemma 3 scales its rows on the way in
