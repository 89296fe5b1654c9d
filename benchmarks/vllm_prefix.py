"""How much of DPL's prompts vLLM's prefix cache reuses, by its own counters: the orders of ``benchmarks.prefix``.

What is reused depends on the tokens and not on the weights, so the LLM is a random one of a single small layer.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.in_vllm import in_vllm
from benchmarks.prefix import N_CASES, SMALL_BLOCKS, orders, reused
from benchmarks.row import Row

BLOCK = 32
"""Tokens of a block: the fewest that vLLM takes on a processor. On a GPU they are 16, as ``benchmarks.prefix`` counts."""
N_BLOCKS = SMALL_BLOCKS // 2
CONTEXT_TOKENS = 32_768
CLOSE = 0.5
"""Percentage points by which our count may differ from vLLM's."""


def main(quick: bool = False) -> list[Row]:
    """Two rows: the order of the parts, and the order of the calls."""
    return in_vllm("vllm_prefix", quick)


def measured(quick: bool) -> list[Row]:
    """The same, in vLLM's environment."""
    found = orders(6 if quick else N_CASES)
    with TemporaryDirectory() as folder:
        _write_small_llm(Path(folder))
        shares = {key: _share(folder, tokens) for key, tokens in found.tokens.items()}
    for key, tokens in found.tokens.items():
        counted = 100 * reused(tokens, N_BLOCKS, BLOCK)
        assert abs(counted - shares[key]) < CLOSE, f"{key}: vLLM reused {shares[key]:.1f} %, we count {counted:.1f} %"
    return found.rows("vLLM's prefix cache", shares, {"block_tokens": BLOCK, "cache_tokens": N_BLOCKS * BLOCK})


def _share(folder: str, prompts: Sequence[Sequence[int]]) -> float:
    """Percent of the prompts' tokens that a new vLLM did not read again, by its counters."""
    import vllm

    llm = vllm.LLM(
        model=folder,
        enable_prefix_caching=True,
        disable_log_stats=False,
        max_model_len=CONTEXT_TOKENS,
        enforce_eager=True,
        block_size=BLOCK,
        num_gpu_blocks_override=N_BLOCKS + 1,  # vLLM keeps one to itself
        dtype="float32",
    )
    one = vllm.SamplingParams(max_tokens=1, temperature=0.0)
    try:
        for prompt in prompts:
            llm.generate(vllm.TokensPrompt(prompt_token_ids=list(prompt)), one, use_tqdm=False)
        counters = {metric.name: metric.value for metric in llm.get_metrics() if hasattr(metric, "value")}
    finally:
        llm.llm_engine.engine_core.shutdown()  # one that is left keeps this process from ending
    return 100 * counters["vllm:prefix_cache_hits"] / counters["vllm:prefix_cache_queries"]


def _write_small_llm(folder: Path) -> None:
    """One layer of random weights behind the packaged LLM's tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from unlike.llm.model_source import ready_folder

    packaged = ready_folder("smollm2")
    sizes: dict[str, Any] = {"hidden_size": 128, "intermediate_size": 128, "num_attention_heads": 2}
    vocabulary = LlamaConfig.from_pretrained(packaged).vocab_size
    config = LlamaConfig(num_hidden_layers=1, max_position_embeddings=CONTEXT_TOKENS, vocab_size=vocabulary, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    for file in packaged.iterdir():
        if file.name.startswith("tokenizer"):
            shutil.copy(file, folder / file.name)
