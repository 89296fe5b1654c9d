"""The training data of the fixtures, for a process of its own."""

import torch

from tests.latent.conftest import DIM, SETTINGS, TARGETS, WRITINGS
from tests.worlds import world
from unlike.embed.hashing import HashingEncoder
from unlike.latent.adapter import AdapterMetadata
from unlike.latent.examples import Examples
from unlike.latent.training_data import TrainingData
from unlike.llm.local_model import open_local_model
from unlike.prompts.task import open_task


def data_with(llm_folder):
    """The training data, on the tiny LLM of a folder."""
    torch.set_num_threads(1)
    crowd = world(WRITINGS + TARGETS, targets=range(len(WRITINGS), len(WRITINGS + TARGETS)))
    llm = open_local_model(str(llm_folder))
    examples = Examples(crowd, HashingEncoder(DIM), llm.tokens, open_task(), SETTINGS)
    made = [examples.of(case, 40) for case in crowd.cases("test")]
    hidden = llm.embeddings.shape[1]
    metadata = AdapterMetadata(SETTINGS, "tiny", llm.llm_hash, "hashing:16", DIM, hidden, 1.5)
    return TrainingData(llm, made, made[:2], metadata, torch.ones(4, hidden))
