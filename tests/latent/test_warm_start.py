"""The warm start: a record from its own vectors, before the training proper."""

from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from accelerate.tracking import GeneralTracker

from tests.latent.conftest import TRAINING
from tests.llm.tiny_llm import tiny_llm
from unlike.latent import checkpoints
from unlike.latent import train as room
from unlike.latent.checkpoints import mean_nll
from unlike.latent.train import WARM_START, train
from unlike.llm.local_model import open_local_model

WARM = replace(TRAINING, epochs=1, warm_start_steps=4, learning_rate=1e-2)


class Killed(Exception):
    pass


@pytest.fixture
def warm_data(crowd, data_of, examples_of):
    """The training data, with the first eight records of the users to be written from their vectors."""

    def make(kind="dep", **changes):
        alone = examples_of(kind=kind, with_text=False, **changes)
        cases = [
            replace(
                crowd.cases("test")[0],
                id=r.id,
                user_id=r.user_id,
                item_id=r.item_id,
                timestamp=r.timestamp,
                reference=r.text,
            )
            for r in crowd.records()[:8]
        ]
        own = [alone.of(case, 16, past=[crowd.record(case.id)], first_place=n % 3) for n, case in enumerate(cases)]
        return replace(data_of(kind, **changes), warm_start=own)

    return make


def test_it_learns_to_write_a_record_from_its_vectors(warm_data, tmp_path):
    data, rows = warm_data(), []
    adapter = train(data, replace(WARM, warm_start_steps=40, max_steps=1), tmp_path, on_step=rows.append)
    warm = [row for row in rows if row.phase == "warm-start"]
    assert [row.n_steps for row in rows] == [40] * 40 + [1]
    assert sum(row.gen for row in warm[-4:]) < 0.95 * sum(row.gen for row in warm[:4])
    own = data.warm_start
    others = [replace(one, past=other.past) for one, other in zip(own, own[1:] + own[:1], strict=True)]
    before, after, swapped = (
        mean_nll(data.llm, module, examples, 8)
        for module, examples in (
            (data.untrained_module(0).eval(), own),
            (adapter.module, own),
            (adapter.module, others),
        )
    )
    assert after < before
    assert after < swapped


def test_the_training_goes_on_from_it_and_the_metadata_say_so(warm_data, tmp_path):
    warm, plain = [], []
    adapter = train(warm_data(), WARM, tmp_path / "warm", on_step=warm.append)
    train(
        replace(warm_data(), warm_start=()), replace(WARM, warm_start_steps=0), tmp_path / "plain", on_step=plain.append
    )
    first = next(row for row in warm if row.phase == "training")
    assert first.gen != plain[0].gen
    training = adapter.metadata.training
    assert training["plan"]["train"]["warm_start_steps"] == len(training["warm_start"]["losses"]) == 4
    assert training["warm_start"]["n_examples"] == 8
    assert len(training["losses"]) == len(plain)
    assert sorted(file.name for file in (tmp_path / "warm").iterdir()) == ["adapter.json", "adapter.safetensors"]


def test_killed_at_any_step_it_comes_to_the_same(warm_data, tmp_path):
    settings = replace(WARM, epochs=2, checkpoint_min=0)
    straight, resumed = [], []
    whole = train(warm_data(), settings, tmp_path / "straight", on_step=straight.append)

    def kill_at(phase, step):
        def on_step(row):
            if (row.phase, row.step) == (phase, step) and row.tokens_s:
                raise Killed

        return on_step

    for place in (("warm-start", 2), ("warm-start", 4), ("training", 1), ("training", 3)):
        with pytest.raises(Killed):
            train(warm_data(), settings, tmp_path / "killed", on_step=kill_at(*place))
        assert (tmp_path / "killed" / WARM_START / checkpoints.FILE).is_file()
    again = train(warm_data(), settings, tmp_path / "killed", on_step=resumed.append)
    assert [(row.phase, row.step, row.gen) for row in resumed] == [(row.phase, row.step, row.gen) for row in straight]
    assert again.digest == whole.digest


@pytest.mark.parametrize("kind", ["pplug", "prompt_tuning"])
def test_its_controls_have_one_too(warm_data, tmp_path, kind):
    adapter = train(warm_data(kind), replace(WARM, max_steps=1), tmp_path)
    assert adapter.metadata.training["warm_start"]["n_examples"] == 8


def test_it_works_with_several_soft_tokens_in_turns(warm_data, tmp_path):
    data = warm_data(layout="turns", tokens_per_vector=4, placed=True)
    rows = []
    train(data, replace(WARM, warm_start_steps=12, max_steps=1), tmp_path, on_step=rows.append)
    assert sum(row.gen for row in rows[8:12]) < sum(row.gen for row in rows[:4])


@pytest.mark.parametrize("kind", ["dep", "prompt_tuning"])
def test_every_place_of_the_prompt_learns(warm_data, tmp_path, kind):
    data = warm_data(kind, placed=True)

    def stop(row):
        if row.phase == "training":
            raise Killed

    with pytest.raises(Killed):
        train(data, replace(WARM, checkpoint_min=0), tmp_path, on_step=stop)
    learned = torch.load(tmp_path / WARM_START / checkpoints.FILE, weights_only=True)["module"]
    name = "places" if kind == "dep" else "learned"
    before = data.untrained_module(WARM.seed).state_dict()
    for signal in ("his", "diff"):
        moved = (learned[f"{name}.{signal}"] - before[f"{name}.{signal}"]).abs().flatten(1).max(dim=1).values
        assert len(moved) == 3
        assert (moved > 1e-3).all()


def test_resumed_it_draws_the_random_numbers_it_would_have_drawn(warm_data, tmp_path, monkeypatch):
    llm = open_local_model(str(tiny_llm(tmp_path / "llm", seed=3)))
    for layer in llm.model.model.layers:
        monkeypatch.setattr(layer.self_attn, "attention_dropout", 0.5)
    data = replace(warm_data(), llm=llm)
    settings = replace(WARM, epochs=2, checkpoint_min=0, recompute=True)
    rows = {"straight": [], "resumed": []}
    torch.manual_seed(7)
    train(data, settings, tmp_path / "straight", on_step=rows["straight"].append)

    def stop(row):
        if (row.phase, row.step) == ("training", 2):
            raise Killed

    torch.manual_seed(7)
    with pytest.raises(Killed):
        train(data, settings, tmp_path / "resumed", on_step=stop)
    torch.manual_seed(8)
    train(data, settings, tmp_path / "resumed", on_step=rows["resumed"].append)
    assert [row.gen for row in rows["resumed"]] == [row.gen for row in rows["straight"]]


class Kept(GeneralTracker):
    """A tracker that keeps what it is given."""

    name = "kept"
    requires_logging_directory = False

    def __init__(self):
        super().__init__()
        self.rows, self.n_finished = [], 0

    @property
    def tracker(self):
        return self

    def start(self):
        pass

    def store_init_configuration(self, values):
        pass

    def log(self, values, step, **_):
        self.rows.append((step, values))

    def finish(self):
        self.n_finished += 1


def test_its_losses_are_tracked_before_those_of_the_training(warm_data, tmp_path, monkeypatch):
    kept = Kept()
    accelerator = Accelerator(cpu=True, log_with=kept)
    accelerator.init_trackers("unlike")
    monkeypatch.setattr(room, "_accelerator", lambda out, track: accelerator)
    train(warm_data(), replace(WARM, max_steps=2), tmp_path)
    assert [step for step, _ in kept.rows] == [1, 2, 3, 4, 5, 6]
    assert [next(name for name in values if name.endswith("gen")) for _, values in kept.rows] == [
        *["warm-start/gen"] * 4,
        *["gen"] * 2,
    ]
    assert kept.n_finished == 1
