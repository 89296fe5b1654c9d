"""The warm start: a record from its own vectors, before the training proper."""

from dataclasses import replace

import pytest

from tests.latent.conftest import TRAINING
from unlike.latent import checkpoints
from unlike.latent.checkpoints import mean_nll
from unlike.latent.train import WARM_START, train

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
        own = [alone.of(case, 16, past=[crowd.record(case.id)]) for case in cases]
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
    train(data, replace(WARM, warm_start_steps=10, max_steps=1), tmp_path, on_step=rows.append)
    assert rows[9].gen < rows[0].gen
