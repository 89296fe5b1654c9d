"""A training as one of the processes that share it: writes what it came to, by its rank."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.latent.conftest import TRAINING
from tests.latent.small_training import data_with
from unlike.latent import checkpoints
from unlike.latent import train as room
from unlike.latent.checkpoints import Choice, mean_nll

# Three batches in steps of two: the second step of an epoch has a batch for one process and none for the other.
SHARED = replace(TRAINING, batch=1, accumulate=2, epochs=2, clip=1.0)
N_EXAMPLES = 3


def run(folder, rank):
    """Train on the LLM in a folder and say what was seen there."""
    data, seen = data_with(folder / "llm"), {"steps": [], "chosen": 0}
    data = replace(data, examples=data.examples[:N_EXAMPLES])

    def value(module):
        seen["chosen"] += 1
        return mean_nll(data.llm, module, data.validation, SHARED.batch)

    # The clocks of processes differ: where one has a checkpoint to write another may not.
    settings = replace(SHARED, checkpoint_min=10.0 if rank else 0.0)
    choice = Choice("nll", value)
    adapter = room.train(data, settings, folder / "out", choice, lambda row: seen["steps"].append(row.step))
    (folder / f"{rank}.json").write_text(json.dumps(seen | {"digest": adapter.digest}))


def refuse(*_):
    """Stands for writing where only the main process may."""
    raise AssertionError("a process that is not the main one writes")


if __name__ == "__main__":
    rank = int(os.environ["RANK"])
    if rank:
        room.save_adapter = checkpoints.save = refuse
    run(Path(sys.argv[1]), rank)
