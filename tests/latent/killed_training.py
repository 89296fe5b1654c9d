"""A training as a process of its own, to be killed: prints its losses, slowly where it is asked to."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.latent.conftest import DIM, SETTINGS, TARGETS, TRAINING, WRITINGS
from tests.llm.tiny_llm import tiny_llm
from tests.worlds import world
from unlike.embed.hashing import HashingEncoder
from unlike.latent.adapter import About
from unlike.latent.examples import Examples
from unlike.latent.train import Lesson, train
from unlike.llm.local_model import open_local_model
from unlike.prompts.task import open_task

torch.set_num_threads(1)
folder, slow = Path(sys.argv[1]), sys.argv[2:] == ["slow"]
crowd = world(WRITINGS + TARGETS, targets=range(len(WRITINGS), len(WRITINGS + TARGETS)))
llm = open_local_model(str(tiny_llm(folder / "llm", seed=3)))
examples = Examples(crowd, HashingEncoder(DIM), llm.tokens, open_task(), SETTINGS)
made = [examples.of(case, 40) for case in crowd.cases("test")]
about = About(SETTINGS, "tiny", llm.llm_hash, "hashing:16", DIM, llm.embeddings.shape[1], 1.5)


def show(row):
    sys.stdout.write(f"step {row['step']:.0f}: {row['loss']:.9f}\n")
    sys.stdout.flush()
    if slow:
        time.sleep(0.2)


lesson = Lesson(llm.model, made, made[:2], about, torch.ones(4, about.hidden))
train(lesson, replace(TRAINING, checkpoint_min=0), folder / "out", on_step=show)
