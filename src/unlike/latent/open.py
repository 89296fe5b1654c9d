"""Opens the adapter of a folder as a ``Prompter``, which makes soft prompts."""

from pathlib import Path
from typing import TYPE_CHECKING

from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.llm.backend import Backend
from unlike.llm.soft_prompt import takes_soft_prompts
from unlike.prompts.task import Task
from unlike.records import Records

if TYPE_CHECKING:
    from unlike.latent.adapter import Prompter
    from unlike.latent.examples import Selector


def open_prompter(
    records: Records,
    backend: Backend,
    encoder: Encoder,
    task: Task,
    adapter: Path,
    min_peers: int = 1,
    selector: "Selector | None" = None,
) -> "Prompter":
    """A trained adapter, ready to make soft prompts for an LLM.

    Args:
        records: A corpus, or a tenant's records.
        backend: LLM that takes soft prompts.
        encoder: The encoder that the adapter was trained with.
        task: Words and templates.
        adapter: Its folder.
        min_peers: Minimum number of other users on an item for a difference, where the adapter's is lower.
        selector: Selects representatives, for adapters that compare with these.

    Raises:
        InputError: There is no adapter, it is for another LLM or embedder, or the LLM takes no soft prompts.
    """
    if not takes_soft_prompts(backend):
        raise InputError(
            f"{backend.model} takes no soft prompts, which --adapter needs; use transformers:MODEL or vllm:MODEL"
        )
    from unlike.latent.adapter import Prompter, load_adapter
    from unlike.latent.examples import Examples

    loaded = load_adapter(adapter)
    loaded.check(backend.llm_hash, backend.model, encoder.name)
    examples = Examples(records, encoder, backend.tokens, task, loaded.settings, min_peers=min_peers, selector=selector)
    return Prompter(loaded, examples)
