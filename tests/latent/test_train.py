"""Training: it learns, it can be killed, it says what went wrong."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.latent.conftest import TRAINING
from unlike.errors import EngineError, InputError
from unlike.latent import checkpoint
from unlike.latent.plan import n_steps_of
from unlike.latent.train import train

KILLED = Path(__file__).parent / "killed_training.py"


def gen(rows):
    return [row["gen"] for row in rows]


@pytest.mark.parametrize("kind", ["dep", "pplug", "prompt_tuning"])
def test_it_learns(lesson_of, tmp_path, kind):
    rows = []
    adapter = train(lesson_of(kind), replace(TRAINING, epochs=30, learning_rate=1e-2), tmp_path, on_step=rows.append)
    assert sum(gen(rows[-4:])) < 0.985 * sum(gen(rows[:4]))
    assert len(rows) == n_steps_of(replace(TRAINING, epochs=30), 4) == 60
    assert adapter.settings.kind == kind
    assert {"tokens_s", "memory_gb", "norm", "rate"} <= set(rows[0])
    assert not (tmp_path / checkpoint.FILE).exists()


def test_the_same_plan_is_the_same_training(lesson_of, tmp_path):
    rows = [[], []]
    for place in (0, 1):
        torch.manual_seed(place)  # what else drew random numbers does not matter
        train(lesson_of(), TRAINING, tmp_path / str(place), on_step=rows[place].append)
    assert gen(rows[0]) == gen(rows[1])


def test_killed_and_resumed_it_loses_the_same_losses(lesson_of, tmp_path):
    straight = []
    whole = train(lesson_of(), TRAINING, tmp_path / "straight", on_step=straight.append)

    class Killed(Exception):
        pass

    def kill_at(step):
        def on_step(row):
            if row["step"] == step:
                raise Killed

        return on_step

    eager = replace(TRAINING, checkpoint_min=0)  # a checkpoint after every step
    for step in (1, 3, 6):
        with pytest.raises(Killed):
            train(lesson_of(), eager, tmp_path / "killed", on_step=kill_at(step))
    resumed = []
    again = train(lesson_of(), eager, tmp_path / "killed", on_step=resumed.append)
    assert gen(resumed) == gen(straight)
    assert again.digest == whole.digest


def test_a_killed_process_goes_on(tmp_path):
    words = [sys.executable, str(KILLED), str(tmp_path)]
    process = subprocess.Popen([*words, "slow"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if line.startswith("step 3"):
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    assert (tmp_path / "out" / checkpoint.FILE).is_file()
    done = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    straight = subprocess.run(
        [*words[:-1], str(tmp_path / "straight")], capture_output=True, text=True, check=True
    ).stdout
    assert done == straight
    assert done.count("step") == 8


def test_places_learn_at_a_rate_of_their_own(lesson_of, tmp_path):
    def learned(rate):
        adapter = train(lesson_of(placed=True), replace(TRAINING, place_rate=rate), tmp_path / str(rate))
        return float(adapter.module.places["his"].abs().max())

    assert learned(0.0) == 0.0 < learned(None) < learned(0.1)


def test_a_finished_training_is_not_done_again(lesson_of, tmp_path):
    first = train(lesson_of(), TRAINING, tmp_path)
    rows = []
    assert train(lesson_of(), TRAINING, tmp_path, on_step=rows.append).digest == first.digest
    assert not rows
    with pytest.raises(InputError, match="another training"):
        train(lesson_of(), replace(TRAINING, seed=9), tmp_path)


def test_another_plan_cannot_go_on_from_a_checkpoint(lesson_of, tmp_path):
    def stop(row):
        raise KeyboardInterrupt

    eager = replace(TRAINING, checkpoint_min=0)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(lesson_of(), eager, tmp_path, on_step=stop)
    checkpoint.save(tmp_path, checkpoint.Progress(plan={"train": "other"}), {})
    with pytest.raises(InputError, match="another training"):
        train(lesson_of(), eager, tmp_path)
    (tmp_path / checkpoint.FILE).write_bytes(b"torn")
    with pytest.raises(InputError, match="cannot be read"):
        train(lesson_of(), eager, tmp_path)


def test_a_loss_that_is_no_number_says_what_to_lower(lesson_of, tmp_path):
    lesson = lesson_of()
    lesson.examples[0].past.his[:] = float("nan")
    with pytest.raises(EngineError, match=r"loss is nan at step \d+ .*learning_rate"):
        train(lesson, TRAINING, tmp_path)


def test_too_little_memory_says_what_to_lower(lesson_of, tmp_path, monkeypatch):
    from unlike.latent import steps as room

    def full(*_):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(room, "objective", full)
    with pytest.raises(EngineError, match="lower batch"):
        train(lesson_of(), TRAINING, tmp_path)


def test_nothing_to_learn_is_an_error(lesson_of, tmp_path):
    with pytest.raises(InputError, match="no examples"):
        train(replace(lesson_of(), examples=[]), TRAINING, tmp_path)


def test_accumulated_batches_are_one_large_batch(lesson_of, tmp_path):
    rows = [[], []]
    for place, (batch, accumulate) in enumerate([(4, 1), (1, 4)]):
        settings = replace(
            TRAINING, batch=batch, accumulate=accumulate, epochs=3, weights=replace(TRAINING.weights, recon=0)
        )
        train(lesson_of(), settings, tmp_path / str(place), on_step=rows[place].append)
    assert gen(rows[0]) == pytest.approx(gen(rows[1]), rel=1e-3)


def test_recomputed_activations_give_the_same_losses(lesson_of, tmp_path):
    rows = [[], []]
    for place in (0, 1):
        settings = replace(TRAINING, recompute=bool(place), epochs=1)
        train(lesson_of(), settings, tmp_path / str(place), on_step=rows[place].append)
    assert gen(rows[0]) == pytest.approx(gen(rows[1]), rel=1e-5)


def test_what_chooses_the_checkpoint_is_handed_in(lesson_of, tmp_path):
    values = iter([3.0, 1.0, 2.0, 5.0])
    seen = []

    def choose(module):
        seen.append({name: tensor.clone() for name, tensor in module.state_dict().items()})
        return next(values)

    adapter = train(lesson_of(), TRAINING, tmp_path, choose)
    best = seen[1]["projectors.his.first.weight"]
    torch.testing.assert_close(adapter.module.state_dict()["projectors.his.first.weight"], best)
