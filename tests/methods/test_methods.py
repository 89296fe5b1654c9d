"""Each method does what its paper says: which records it reads, whom it compares, how often it asks."""

import pytest
from tests.worlds import Listening, kit_for, outcome_of, world

from unlike.errors import CallFailed, InputError
from unlike.methods import steps
from unlike.methods.baselines import blocks_of, negative_of
from unlike.methods.drp import dimensions_in
from unlike.methods.table import ADAPTED, METHODS, open_method
from unlike.records import Case

CROWD = [(user, item, item) for user in range(6) for item in range(5)]
"""Six users, five items, everybody wrote about everything, one item a day."""
TARGET = CROWD.index((0, 4, 4))


def run(method, corpus, backend, case=None, **settings):
    kit = kit_for(corpus, backend, **settings)
    return outcome_of(METHODS[method], case or corpus.cases("test")[0], kit)


@pytest.fixture
def crowd():
    return world(CROWD, [TARGET])


def prompts(backend):
    return ["\n".join(m["content"] for m in messages) for messages in backend.asked]


def test_non_perso_sees_nothing_of_the_user(crowd):
    backend = Listening()
    outcome = run("non_perso", crowd, backend)
    assert len(backend.asked) == 1
    assert "text-of" not in prompts(backend)[0]
    assert outcome.text == "reply 1"


def test_rag_shows_n_own_records(crowd):
    backend = Listening()
    outcome = run("rag", crowd, backend, n_records=2)
    assert len(outcome.trace["past"]) == 2
    assert all(f"text-of-{record_id}" in prompts(backend)[0] for record_id in outcome.trace["past"])


def test_dpl_compares_each_key_record_with_k_representatives_then_summarises_then_writes(crowd):
    backend = Listening()
    outcome = run("dpl", crowd, backend, n_records=3, n_peers=4)
    assert [call["step"] for call in _calls(outcome.trace)] == ["difference"] * 3 + ["summary", "generate"]
    for difference in outcome.trace["differences"]:
        representatives = [crowd.record(record_id) for record_id in difference["representatives"]]
        assert 1 <= len(representatives) <= 4
        assert {r.item_id for r in representatives} == {crowd.record(difference["record"]).item_id}
        assert "u0" not in {r.user_id for r in representatives}
    summary = prompts(backend)[3]
    assert all(reply in summary for reply in ("reply 1", "reply 2", "reply 3"))
    assert "reply 4" in prompts(backend)[4]
    assert outcome.text == "reply 5"


def test_dpl_shows_past_records_of_the_whole_history_but_compares_only_shared_items():
    alone = [(0, 9, 0)]
    corpus = world([*alone, *CROWD], [TARGET + 1])
    trace = run("dpl", corpus, Listening(), n_records=8).trace
    assert len(trace["past"]) == 5
    assert len(trace["differences"]) == 4
    assert "r000" not in {difference["record"] for difference in trace["differences"]}


def test_records_with_fewer_than_k_others_fill_up():
    thin = [(0, 7, 0), (1, 7, 0)]
    corpus = world([*thin, *CROWD], [TARGET + 2])
    trace = run("dpl", corpus, Listening(), n_records=5, n_peers=4).trace
    assert [difference["n_peers"] for difference in trace["differences"]] == [5, 5, 5, 5, 1]
    assert trace["differences"][-1]["representatives"] == ["r001"]


def test_dpl_without_others_is_a_profile_of_the_own_records():
    corpus = world([(0, item, item) for item in range(4)], [3])
    backend = Listening()
    trace = run("dpl", corpus, backend).trace
    assert (trace["differences"], len(backend.asked)) == ([], 2)
    assert trace["profile"]["text"] == "reply 1"


@pytest.mark.parametrize("method", [name for name in METHODS if name not in (*ADAPTED, "dpl_stranger")])
def test_a_user_nobody_has_seen_gets_the_plain_prompt(crowd, method):
    backend, plain = Listening(), Listening()
    case = Case("new", "stranger", "i1", 10**12, "Hello", 4.0)
    outcome = run(method, crowd, backend, case)
    run("non_perso", crowd, plain, case)
    assert backend.asked == plain.asked
    assert outcome.trace["history_records"] == 0


@pytest.mark.parametrize("names", [(), ("writing",), ("emotional", "semantic")])
def test_the_standard_is_a_setting(crowd, names):
    backend = Listening()
    run("dpl", crowd, backend, dimensions=names, n_records=1)
    shown = [name for name in ("writing", "emotional", "semantic") if f"- {name}: " in prompts(backend)[0]]
    assert tuple(shown) == names


def test_int_sum_summarises_what_it_shows(crowd):
    backend = Listening()
    outcome = run("int_sum", crowd, backend, n_records=2)
    assert len(backend.asked) == 2
    assert outcome.trace["profile"]["text"] == "reply 1"


def test_llm_trsr_renews_the_profile_block_by_block_oldest_first():
    corpus = world([(0, item, item) for item in range(41)], [40])
    backend = Listening()
    outcome = run("llm_trsr", corpus, backend)
    assert len(backend.asked) == 6
    assert len(outcome.trace["earlier_profiles"]) == 4
    for number, prompt in enumerate(prompts(backend)[:5]):
        block = [i for i in range(41) if f"text-of-r{i:03}" in prompt]
        assert block == list(range(8 * number, 8 * number + 8))
        assert (f"reply {number}" in prompt) == (number > 0)


def test_llm_trsr_hierarchical_makes_one_of_all_block_profiles():
    corpus = world([(0, item, item) for item in range(18)], [17])
    backend = Listening()
    outcome = run("llm_trsr_hierarchical", corpus, backend)
    assert len(backend.asked) == 5
    assert all(f"reply {n}" in prompts(backend)[3] for n in (1, 2, 3))
    assert outcome.trace["profile"]["text"] == "reply 4"


def test_blocks_keep_every_record_once():
    assert [len(block) for block in blocks_of(list(range(19)))] == [8, 8, 3]
    assert blocks_of([]) == []


def test_cicl_has_one_contrast_about_one_own_record(crowd):
    backend = Listening()
    ((own, negative),) = run("cicl", crowd, backend, n_records=2).trace["counterexamples"].items()
    assert crowd.record(negative).user_id != "u0" == crowd.record(own).user_id
    assert crowd.record(negative).item_id == crowd.record(own).item_id
    assert f"text-of-{own}" in prompts(backend)[0] and f"text-of-{negative}" in prompts(backend)[0]
    assert prompts(backend)[0].count("Counterexample") == 1


def test_cicl_contrasts_the_best_record_that_someone_else_wrote_about():
    corpus = world([(0, 0, 0), (1, 0, 0), (0, 1, 1), (0, 2, 2)], [3])
    backend = Listening()
    trace = run("cicl", corpus, backend, n_records=1, retriever="recency").trace
    assert trace["past"] == ["r002"] and trace["counterexamples"] == {"r000": "r001"}
    assert "text-of-r000" in prompts(backend)[0] and "text-of-r000" not in prompts(backend)[1]


def test_the_counterexample_of_each_pair_is_anothers_on_the_same_item(crowd):
    outcome = run("cicl_pairs", crowd, Listening(), n_records=4)
    pairs = outcome.trace["counterexamples"]
    assert set(pairs) == set(outcome.trace["past"])
    for own, negative in pairs.items():
        assert crowd.record(negative).user_id != "u0"
        assert crowd.record(negative).item_id == crowd.record(own).item_id


def test_cicl_without_anybody_else_has_no_counterexample():
    corpus = world([(0, 0, 0), (0, 1, 1)], [1])
    assert negative_of(corpus.record("r000"), corpus.cases("test")[0], kit_for(corpus)) is None
    assert run("cicl", corpus, Listening()).trace["counterexamples"] == {}


def test_persona_db_borrows_as_many_records_as_it_shows_of_its_own(crowd):
    trace = run("persona_db", crowd, Listening(), n_records=3).trace
    assert trace["neighbour"] != "u0"
    assert len(trace["neighbour_records"]) == len(trace["past"]) == 3
    assert {crowd.record(record_id).user_id for record_id in trace["neighbour_records"]} == {trace["neighbour"]}


def test_drp_reasons_along_the_dimensions_it_found(crowd):
    backend = Listening(
        lambda messages: "- jokes: how many\n- numbers: which" if "Which dim" in str(messages) else "so"
    )
    run("drp", crowd, backend, n_records=2)
    reasons = [prompt for prompt in prompts(backend) if "Dimensions to compare along" in prompt]
    assert len(reasons) == 2
    assert all("- jokes: how many" in prompt and "- numbers: which" in prompt for prompt in reasons)


def test_drp_filtered_compares_along_given_and_other_dimensions_and_filters_once(crowd):
    answers = iter(["writing: short.\njokes: many.", "jokes: many.", "profile", "text"])
    backend = Listening(lambda messages: next(answers))
    outcome = run("drp_filtered", crowd, backend, n_records=1)
    compare, keep, summary, _ = prompts(backend)
    assert (
        all(f"- {name}:" in compare for name in ("writing", "emotional", "semantic")) and "more dimensions" in compare
    )
    assert "writing: short." in keep and "writing: short." not in summary and "jokes: many." in summary
    assert outcome.trace["unfiltered"][0]["text"] == "writing: short.\njokes: many."


def test_dimensions_are_read_from_any_list_and_from_none():
    assert [d.name for d in dimensions_in("1. **Jokes**: many\n* Prices: exact\nthe end")] == ["Jokes", "Prices"]
    assert dimensions_in("no list\nat all")[0].look_at == "no list at all"
    assert len(dimensions_in("\n".join(f"- d{i}: x" for i in range(9)))) == 5


def test_a_failed_call_fails_the_case_but_the_others_of_its_step_are_paid_and_kept(crowd):
    backend = Listening(lambda messages: CallFailed("too busy", "raw") if len(backend.asked) == 1 else "fine")
    with pytest.raises(CallFailed, match="too busy"):
        run("dpl", crowd, backend, n_records=3)
    assert len(backend.asked) == 3


def test_a_short_context_drops_records_and_says_so(crowd):
    outcome = run("rag", crowd, Listening(context_tokens=240), n_records=4)
    assert outcome.trace["generate"]["left_out"]


def test_a_context_that_cannot_hold_the_instructions_fails_the_case(crowd):
    with pytest.raises(CallFailed, match="does not fit"):
        run("rag", crowd, Listening(context_tokens=80))


def test_thoughts_and_the_fence_are_not_part_of_the_text(crowd):
    for said in ("<think>Hm.\nYes.</think>\n\nGood lamp.", "<text>\nGood lamp.\n</text>", "  Good lamp. "):
        assert run("non_perso", crowd, Listening(lambda messages, said=said: said)).text == "Good lamp."


def test_unknown_method_lists_what_there_is():
    with pytest.raises(InputError, match="non_perso, rag"):
        open_method("gpt")


def _calls(trace):
    return [*(d["call"] for d in trace["differences"]), trace["profile"]["call"], trace["generate"]]


def test_of_a_popular_item_a_sample_is_chosen_from_and_the_trace_says_its_size(crowd, monkeypatch):
    monkeypatch.setattr(steps, "MAX_PEERS", 3)
    peers = [record for record in crowd.records() if record.item_id == crowd.records()[0].item_id]
    assert len(peers) == 6
    assert steps.sampled(peers, 0, 3) == steps.sampled(peers, 0, 3)
    assert [one.id for one in peers if one in steps.sampled(peers, 0, 3)] == [
        one.id for one in steps.sampled(peers, 0, 3)
    ]
    assert steps.sampled(peers[:3], 0, 3) == peers[:3]
    assert len({tuple(one.id for one in steps.sampled(peers, seed, 3)) for seed in range(9)}) > 1
    differences = run("dpl", crowd, Listening(), n_records=2, n_peers=2).trace["differences"]
    assert [(one["n_peers"], one["n_sampled"], len(one["representatives"])) for one in differences] == [(5, 3, 2)] * 2
