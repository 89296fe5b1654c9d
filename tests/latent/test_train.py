"""Training: it learns, it can be killed, it says what went wrong."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.latent.conftest import TRAINING
from tests.latent.small_training import data_with
from tests.llm.tiny_llm import tiny_llm
from unlike.errors import EngineError, InputError, MissingPart
from unlike.experiments.watch import Watch
from unlike.latent import checkpoints
from unlike.latent import train as training
from unlike.latent.adapter import METADATA
from unlike.latent.checkpoints import Choice
from unlike.latent.train import n_steps_of, train

KILLED = Path(__file__).parent / "killed_training.py"
EAGER = replace(TRAINING, checkpoint_min=0)  # a checkpoint after every step


def gen(rows):
    return [row.gen for row in rows]


@pytest.mark.parametrize("kind", ["dep", "pplug", "prompt_tuning"])
def test_it_learns(data_of, tmp_path, kind):
    rows = []
    adapter = train(data_of(kind), replace(TRAINING, epochs=30, learning_rate=1e-2), tmp_path, on_step=rows.append)
    assert sum(gen(rows[-4:])) < 0.985 * sum(gen(rows[:4]))
    assert len(rows) == n_steps_of(replace(TRAINING, epochs=30), 4) == 60
    assert adapter.settings.kind == kind
    assert all(value > 0 for value in (rows[0].tokens_s, rows[0].memory_gb, rows[0].norm, rows[0].rate))
    assert not (tmp_path / checkpoints.FILE).exists()


def test_an_llm_of_the_architecture_of_qwen_trains_too(tmp_path):
    data = data_with(tiny_llm(tmp_path / "llm", "qwen2", seed=3))
    rows = []
    train(data, replace(TRAINING, epochs=20, learning_rate=1e-2, validation=0), tmp_path / "out", on_step=rows.append)
    assert sum(gen(rows[-4:])) < sum(gen(rows[:4]))


def test_the_same_plan_is_the_same_training(data_of, tmp_path):
    rows = [[], []]
    for place in (0, 1):
        torch.manual_seed(place)  # what else drew random numbers does not matter
        train(data_of(), TRAINING, tmp_path / str(place), on_step=rows[place].append)
    assert gen(rows[0]) == gen(rows[1])


def test_killed_and_resumed_it_loses_the_same_losses(data_of, tmp_path):
    straight = []
    whole = train(data_of(), TRAINING, tmp_path / "straight", on_step=straight.append)

    class Killed(Exception):
        pass

    def kill_at(step):
        def on_step(row):
            if row.step == step:
                raise Killed

        return on_step

    for step in (1, 3, 6):
        with pytest.raises(Killed):
            train(data_of(), EAGER, tmp_path / "killed", on_step=kill_at(step))
    resumed = []
    again = train(data_of(), EAGER, tmp_path / "killed", on_step=resumed.append)
    assert gen(resumed) == gen(straight)
    assert again.digest == whole.digest


def test_killed_in_the_last_validation_it_validates_the_last_step(data_of, tmp_path):
    whole = train(data_of(), replace(EAGER, epochs=1), tmp_path / "straight")

    def killed(module):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data_of(), replace(EAGER, epochs=1), tmp_path / "killed", Choice("nll", killed))
    again = train(data_of(), replace(EAGER, epochs=1), tmp_path / "killed")
    assert again.metadata.training["validations"] == whole.metadata.training["validations"]
    assert again.digest == whole.digest


def test_the_weights_that_were_chosen_are_saved_as_they_are_whatever_the_precision_of_the_llm(data_of, tmp_path):
    adapters = [
        train(data_of(), replace(TRAINING, epochs=1, precision=precision), tmp_path / precision)
        for precision in ("float32", "bfloat16")
    ]
    assert adapters[0].digest == adapters[1].digest


def test_a_killed_process_goes_on(tmp_path):
    tiny_llm(tmp_path / "llm", seed=3)
    process = subprocess.Popen([sys.executable, str(KILLED), str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if line.startswith("step 3"):
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    assert (tmp_path / "out" / checkpoints.FILE).is_file()
    rows = {"out": [], "straight": []}
    for folder, seen in rows.items():
        train(data_with(tmp_path / "llm"), EAGER, tmp_path / folder, on_step=seen.append)
    assert gen(rows["out"]) == gen(rows["straight"])
    assert len(rows["out"]) == 8


def test_places_learn_at_a_rate_of_their_own(data_of, tmp_path):
    def learned(rate):
        adapter = train(data_of(placed=True), replace(TRAINING, place_rate=rate), tmp_path / str(rate))
        return float(adapter.module.places["his"].abs().max())

    assert learned(0.0) == 0.0 < learned(None) < learned(0.1)


def test_a_finished_training_is_not_done_again(data_of, tmp_path):
    first = train(data_of(), TRAINING, tmp_path)
    rows = []
    assert train(data_of(), TRAINING, tmp_path, on_step=rows.append).digest == first.digest
    assert not rows
    with pytest.raises(InputError, match="another training"):
        train(data_of(), replace(TRAINING, seed=9), tmp_path)


def test_other_prompts_are_another_training_unless_those_of_an_older_one_are_not_known(data_of, tmp_path):
    def interrupted(row):
        if row.step == 2:
            raise KeyboardInterrupt

    mine, others = (replace(data_of(), prompts=digest) for digest in ("mine", "others"))
    with pytest.raises(KeyboardInterrupt):
        train(mine, EAGER, tmp_path, on_step=interrupted)
    with pytest.raises(InputError, match="belongs to another training: prompts differ"):
        train(others, EAGER, tmp_path)
    adapter = train(mine, EAGER, tmp_path)
    with pytest.raises(InputError, match="holds an adapter of another training: prompts differ"):
        train(others, EAGER, tmp_path)
    metadata = json.loads((tmp_path / METADATA).read_text())
    del metadata["training"]["plan"]["prompts"]
    (tmp_path / METADATA).write_text(json.dumps(metadata))
    assert train(others, EAGER, tmp_path).digest == adapter.digest


def test_another_plan_cannot_go_on_from_a_checkpoint(data_of, tmp_path):
    def stop(row):
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(data_of(), EAGER, tmp_path, on_step=stop)
    checkpoints.save(tmp_path, checkpoints.Progress(plan={"train": "other"}), {})
    with pytest.raises(InputError, match="another training"):
        train(data_of(), EAGER, tmp_path)
    (tmp_path / checkpoints.FILE).write_bytes(b"torn")
    with pytest.raises(InputError, match="cannot be read"):
        train(data_of(), EAGER, tmp_path)


def test_a_loss_that_is_nan_says_what_to_lower(data_of, tmp_path):
    data = data_of()
    data.examples[0].past.his[:] = float("nan")
    with pytest.raises(EngineError, match=r"loss is NaN or infinite at step \d+ .*learning_rate"):
        train(data, TRAINING, tmp_path)


def test_too_little_memory_says_what_to_lower(data_of, tmp_path, monkeypatch):
    from unlike.latent import train as room

    def full(*_):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(room, "objective", full)
    with pytest.raises(EngineError, match="lower batch"):
        train(data_of(), TRAINING, tmp_path)


def test_losses_that_cannot_be_tracked_are_an_error_before_the_first_step(data_of, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="track 'mlflow'; allowed are tensorboard, wandb"):
        train(data_of(), TRAINING, tmp_path, track="mlflow")
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", lambda: [])
    with pytest.raises(MissingPart, match="pip install wandb"):
        train(data_of(), TRAINING, tmp_path, track="wandb")
    assert not list(tmp_path.iterdir())


def test_nothing_to_learn_is_an_error(data_of, tmp_path):
    with pytest.raises(InputError, match="no examples"):
        train(replace(data_of(), examples=[]), TRAINING, tmp_path)


def test_accumulated_batches_are_one_large_batch(data_of, tmp_path):
    rows = [[], []]
    for place, (batch, accumulate) in enumerate([(4, 1), (1, 4)]):
        settings = replace(
            TRAINING, batch=batch, accumulate=accumulate, epochs=3, weights=replace(TRAINING.weights, recon=0)
        )
        train(data_of(), settings, tmp_path / str(place), on_step=rows[place].append)
    assert gen(rows[0]) == pytest.approx(gen(rows[1]), rel=1e-3)


def test_recomputed_activations_give_the_same_losses(data_of, tmp_path):
    rows = [[], []]
    for place in (0, 1):
        settings = replace(TRAINING, recompute=bool(place), epochs=1)
        train(data_of(), settings, tmp_path / str(place), on_step=rows[place].append)
    assert gen(rows[0]) == pytest.approx(gen(rows[1]), rel=1e-5)


def test_another_choice_of_the_checkpoint_can_be_given(data_of, tmp_path):
    values = iter([3.0, 1.0, 2.0, 5.0])
    seen = []

    def value(module):
        seen.append({name: tensor.clone() for name, tensor in module.state_dict().items()})
        return next(values)

    adapter = train(data_of(), TRAINING, tmp_path, Choice("mine", value))
    best = seen[1]["projectors.his.first.weight"]
    torch.testing.assert_close(adapter.module.state_dict()["projectors.his.first.weight"], best)


@pytest.mark.parametrize(("platform", "unit"), [("linux", 2**10), ("darwin", 1)])
def test_the_memory_of_the_process_is_in_bytes_on_macos_and_in_kib_on_linux(monkeypatch, platform, unit):
    peak = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda _: SimpleNamespace(ru_maxrss=3 * 2**30 // unit))
    monkeypatch.setitem(sys.modules, "resource", peak)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert training._memory_gb() == 3


def test_memory_that_is_not_known_is_not_shown(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert training._memory_gb() == 0
    shown = []
    row = training.StepRow(1, 2, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0, 0.1, tokens_s=7.0)
    for memory_gb in (0.0, 3.0):
        Watch(lambda *told: shown.append(told[-1])).training(row._replace(memory_gb=memory_gb))
    assert [line.partition(", 7 tokens/s")[2] for line in shown] == ["", ", 3.0 GB"]
