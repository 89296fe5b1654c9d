"""A tiny LLM, a small world, and the training data made of both."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.llm.tiny_llm import tiny_llm
from tests.worlds import world
from unlike.embed.hashing import HashingEncoder
from unlike.latent.adapter import AdapterMetadata
from unlike.latent.examples import Examples
from unlike.latent.settings import AdapterSettings, LossWeights, TrainSettings
from unlike.latent.training_data import TrainingData
from unlike.llm.local_model import open_local_model
from unlike.prompts.task import open_task

DIM = 16
TASK = open_task("review", Path(__file__).with_name("prompts"))
# Four users on three items, then each writes on a fourth; nobody else wrote on item 5.
WRITINGS = [(user, item, item * 4 + user) for item in range(3) for user in range(4)] + [(0, 5, 14)]
TARGETS = [(user, 7, 20 + user) for user in range(4)]
SETTINGS = AdapterSettings(n_records=3, activation="gelu", standardise=True, scaled=True, max_prompt_tokens=1900)
TRAINING = TrainSettings(
    learning_rate=3e-3,
    batch=2,
    accumulate=1,
    epochs=4,
    max_target_tokens=40,
    precision="float32",
    choose_by="nll",
    weights=LossWeights(recon=0.1),
)


@pytest.fixture(scope="package")
def crowd():
    return world(WRITINGS + TARGETS, targets=range(len(WRITINGS), len(WRITINGS + TARGETS)))


@pytest.fixture(scope="package")
def llm(tmp_path_factory):
    torch.set_num_threads(1)
    return open_local_model(str(tiny_llm(tmp_path_factory.mktemp("llm"), seed=3)))


@pytest.fixture
def examples_of(crowd, llm):
    def make(**changes):
        return Examples(crowd, HashingEncoder(DIM), llm.tokens, open_task(), replace(SETTINGS, **changes))

    return make


@pytest.fixture
def data_of(crowd, llm):
    return lambda kind="dep", **changes: small_data(crowd, llm, replace(SETTINGS, kind=kind, **changes))


def small_data(crowd, llm, settings=SETTINGS):
    """Training data whose prompts are short; the first two examples choose the checkpoint."""
    examples = Examples(crowd, HashingEncoder(DIM), llm.tokens, TASK, settings)
    made = [examples.of(case, 40) for case in crowd.cases("test")]
    hidden = llm.embeddings.shape[1]
    metadata = AdapterMetadata(settings, llm.name, llm.llm_hash, "hashing:16", DIM, hidden, 1.5)
    return TrainingData(llm, made, made[:2], metadata, torch.ones(4, hidden))
