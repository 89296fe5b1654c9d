"""A training as a process of its own, to be killed: prints its losses, slowly where it is asked to."""

import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.latent.conftest import TRAINING
from tests.latent.small_training import data_with
from tests.llm.tiny_llm import tiny_llm
from unlike.latent.train import train

folder, slow = Path(sys.argv[1]), sys.argv[2:] == ["slow"]


def show(row):
    sys.stdout.write(f"step {row.step}: {row.loss:.9f}\n")
    sys.stdout.flush()
    if slow:
        time.sleep(0.2)


data = data_with(tiny_llm(folder / "llm", seed=3))
train(data, replace(TRAINING, checkpoint_min=0), folder / "out", on_step=show)
