"""The training data of the fixtures, for a process of its own."""

import torch

from tests.latent.conftest import TARGETS, WRITINGS, small_data
from tests.worlds import world
from unlike.llm.local_model import open_local_model


def data_with(llm_folder):
    """The training data, on the tiny LLM of a folder."""
    torch.set_num_threads(1)
    crowd = world(WRITINGS + TARGETS, targets=range(len(WRITINGS), len(WRITINGS + TARGETS)))
    return small_data(crowd, open_local_model(str(llm_folder)))
