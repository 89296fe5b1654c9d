"""A training as a process of its own, to be killed: prints its steps and stops after the third."""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.latent.small_training import data_with
from tests.latent.test_train import EAGER
from unlike.latent.train import train

folder = Path(sys.argv[1])


def show(row):
    sys.stdout.write(f"step {row.step}\n")
    sys.stdout.flush()
    if row.step == 3:
        threading.Event().wait()  # until it is killed


train(data_with(folder / "llm"), EAGER, folder / "out", on_step=show)
