"""With the real, if small, LLM: soft vectors alone can bring eight texts to half their loss. Minutes, so a soak test."""

from dataclasses import replace

import pytest

from unlike.api import sample_corpus
from unlike.embed.open import open_encoder
from unlike.latent.settings import recipe
from unlike.latent.train import train
from unlike.latent.training_data import training_data
from unlike.llm.local_model import open_local_model
from unlike.prompts.task import open_task

N_EXAMPLES = 8
CHANGES = {
    "n_records": 2,
    "tokens_per_vector": 4,
    "with_text": False,
    "with_note": False,
    "text_chars": 80,
    "learning_rate": 1e-2,
    "batch": N_EXAMPLES,
    "epochs": 80,
    "max_target_tokens": 24,
    "validation": 0,
}


class Reached(Exception):
    """Half the loss: the rest of the training need not be waited for."""


@pytest.mark.soak
@pytest.mark.embedded
def test_eight_examples_are_learned_to_half_their_loss(tmp_path):
    chosen = recipe("small", "dep", CHANGES)
    data = training_data([sample_corpus()], open_local_model("smollm2"), open_encoder("minilm"), open_task(), chosen)
    losses = []

    def on_step(row):
        losses.append(row.gen)
        if losses[-1] < 0.5 * losses[0]:
            raise Reached

    with pytest.raises(Reached):
        train(replace(data, examples=data.examples[:N_EXAMPLES]), chosen.train, tmp_path, on_step=on_step)
