"""Several processes that share a training come to what one comes to."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.latent.shared_training import N_EXAMPLES, SHARED
from tests.llm.tiny_llm import tiny_llm
from unlike.latent.adapter import load_adapter
from unlike.latent.train import train

SHARED_TRAINING = Path(__file__).parent / "shared_training.py"
START = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def run_on_two(folder, timeout_s=120):
    """Run the shared training; processes that wait for each other for ever are an error."""
    process = subprocess.Popen(
        [sys.executable, *START, str(SHARED_TRAINING), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.terminate()  # it ends the processes it started
        said, _ = process.communicate()
        pytest.fail(f"two processes were not done after {timeout_s} s:\n{said}")
    assert process.returncode == 0, said


def test_two_processes_come_to_what_one_comes_to(data_of, tmp_path):
    data = data_of()
    alone = train(replace(data, examples=data.examples[:N_EXAMPLES]), SHARED, tmp_path / "alone")
    tiny_llm(tmp_path / "llm", seed=3)
    run_on_two(tmp_path)
    shared = load_adapter(tmp_path / "out")
    for found, expected in zip(shared.metadata.training["losses"], alone.metadata.training["losses"], strict=True):
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert shared.metadata.training["best"] == pytest.approx(alone.metadata.training["best"], abs=1e-5)
    torch.testing.assert_close(shared.module.state_dict(), alone.module.state_dict(), atol=1e-5, rtol=1e-5)
    main, other = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert main == {"steps": [1, 2, 3, 4], "chosen": 2, "digest": shared.digest}
    assert other == {"steps": [], "chosen": 0, "digest": shared.digest}
