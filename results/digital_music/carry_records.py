"""How much of a record its own soft vectors carry after a warm start: the cheap ranking before carry.toml.

    python results/digital_music/carry_records.py CORPUS OUT

Validation cases' real texts, which no training saw, behind the soft vectors of that very text and behind those of another
user's. The figure is the mean log-probability per token over the first 32 tokens. An adapter has made the steps of
the warm start, and one of the training, which has at least one.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
from scipy import stats

from unlike.data.corpus import Corpus
from unlike.embed.open import open_encoder
from unlike.experiments.train import train
from unlike.latent.adapter import Adapter
from unlike.latent.batch import collate
from unlike.latent.examples import Example, Examples
from unlike.latent.loss import text_nll
from unlike.llm.local_model import LocalModel, open_local_model
from unlike.prompts.task import open_task
from unlike.settings import vector_file

N_CASES, N_TOKENS, N_STEPS, BATCH = 60, 32, 60, 10
SETTINGS = {
    "placed": True,
    "place_rate": 1e-2,
    "learning_rate": 1e-3,
    "with_text": False,
    "text_chars": 0,
    "warm_start_steps": N_STEPS,
    "warm_start_tokens": N_TOKENS,
    "max_target_tokens": 64,
    "max_steps": 1,
    "validation": 8,
}


def main(folder: Path, out: Path) -> None:
    """Train, measure and print."""
    corpus, encoder, llm = Corpus.open(folder), open_encoder("minilm", vector_file()), open_local_model("smollm2")
    for n_tokens in (1, 4):
        settings = SETTINGS | {"tokens_per_vector": n_tokens}
        adapter = train(
            corpus, "dep", "transformers:smollm2", out / f"tokens{n_tokens}", embedder=encoder, settings=settings
        )
        examples = Examples(corpus, encoder, llm.tokens, open_task(), adapter.settings)
        cases = corpus.cases("validation", N_CASES)
        own = [
            examples.of(case, N_TOKENS, past=[corpus.record(case.id)], first_place=n % adapter.settings.n_records)
            for n, case in enumerate(cases)
        ]
        others = [replace(one, past=other.past) for one, other in zip(own, [*own[1:], own[0]], strict=True)]
        values = [logliks(llm, adapter, each) for each in (own, others)]
        gains = [mine - theirs for mine, theirs in zip(*values, strict=True)]
        test = stats.ttest_1samp(gains, 0)
        low, high = test.confidence_interval()
        losses = (adapter.metadata.training or {})["warm_start"]["losses"]
        first, last = (fmean(row["gen"] for row in rows) for rows in (losses[:10], losses[-10:]))
        print(
            f"{n_tokens} soft tokens per vector: own {fmean(values[0]):.4f}, another's {fmean(values[1]):.4f}, "
            f"gain {fmean(gains):.4f} ({low:.4f} to {high:.4f}), t {test.statistic:.1f}, {len(gains)} texts; "
            f"loss of the warm start, first ten steps {first:.3f}, last ten {last:.3f}",
            flush=True,
        )


@torch.no_grad()
def logliks(llm: LocalModel, adapter: Adapter, examples: Sequence[Example]) -> list[float]:
    """Mean log-probability per token of each text."""
    found = list[float]()
    for first in range(0, len(examples), BATCH):
        batch = collate(examples[first : first + BATCH], adapter.settings.n_records)
        found += (-text_nll(llm.model, adapter.module(batch.inputs).bank, batch)).tolist()
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
