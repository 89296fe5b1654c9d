"""All that is held about a user."""

import json

from tests.store.rows import lived_in, put, row
from unlike.records import Item
from unlike.store import audit, differences, erase_rows, export, journal, profiles, users
from unlike.store.differences import NewDifference
from unlike.store.journal import CallToStore
from unlike.store.profiles import NewProfile, Statement


def test_everything_is_there_and_is_json(tenant):
    tenant.store.now_ms = lambda: 77
    world = lived_in(tenant, "canary")
    with tenant.write() as tx:
        audit.note(tx, "consent", "ann", {"peer": 1})
        held = export.everything_about(tx, world.users["ann"], "ann")
    assert json.loads(json.dumps(held)) == held
    assert held["user_id"] == "ann"
    assert held["consent"] == {"own": True, "peer": True}
    assert held["records"] == [
        {
            "record_id": "ann-tea",
            "item_id": "tea",
            "title": "a title",
            "text": "canary of ann",
            "rating": 4.0,
            "timestamp": 1000,
            "created_ms": 77,
            "embedded_by": ["encoder"],
        }
    ]
    assert held["differences"] == [
        {"record_id": "ann-tea", "text": "canary of ann differ from canary of bob", "n_peers": 2, "current": True}
    ]
    assert held["items"] == [], "others sent the same"
    (profile,) = held["profiles"]
    assert (profile["version"], profile["origin"], profile["current"]) == (1, "built", True)
    assert [(s["text"], s["record_ids"], s["n_peers"]) for s in profile["statements"]] == [
        ("canary are long", ["ann-tea"], 1),
        ("likes tea", ["ann-tea"], 0),
    ]
    assert held["pins"] == ["canary are long"]
    assert [(job["kind"], job["state"]) for job in held["jobs"]] == [("build", "waiting")]
    assert held["n_llm_calls"] == 2  # Ann's own, and Cleo's, who was compared with Ann
    assert [line["what"] for line in held["audit"]] == ["consent"]


def test_what_only_this_user_told_of_items_is_there(tenant):
    put(tenant, row("ann", "tea", about=Item("tea", "Tea", "leaves")), row("ann", "milk", about=Item("milk", "Milk")))
    put(tenant, row("bob", "tea", about=Item("tea", "Tea")), row("bob", "rum", about=Item("rum", "Rum")))
    with tenant.read() as tx:
        held = export.everything_about(tx, users.find_user(tx, "ann"), "ann")
    assert held["items"] == [{"item_id": "milk", "title": "Milk"}, {"item_id": "tea", "description": "leaves"}]


def test_earlier_differences_are_there(tenant):
    world = lived_in(tenant)
    with tenant.write() as tx:
        made = NewDifference(world.records["ann-tea"], (), None, "newer", 0, "m")
        differences.put(tx, made)
        held = export.everything_about(tx, world.users["ann"], "ann")
    told = [(one["text"], one["current"]) for one in held["differences"]]
    assert told == [("words of ann differ from words of bob", False), ("newer", True)]


def test_a_user_of_many_records_and_versions(tenant):
    put(tenant, *(row("ann", f"i{n}", at=n) for n in range(1200)), row("bob"))
    with tenant.write() as tx:
        ann = users.find_user(tx, "ann")
        for text in ("one", "two"):
            profiles.put(tx, NewProfile(ann, "edited", (Statement(text, (), 0, False, "edited"),)))
        held = export.everything_about(tx, ann, "ann")
    assert [one["record_id"] for one in held["records"]] == [f"ann-i{n}" for n in range(1200)]
    assert [(one["version"], one["statements"][0]["text"]) for one in held["profiles"]] == [(2, "two"), (1, "one")]
    assert (held["differences"], held["pins"], held["n_llm_calls"]) == ([], [], 0)


def test_words_about_an_item_are_in_the_count_and_keep_a_prompt_from_others_exports(tenant, monkeypatch):
    put(tenant, row("ann"), row("emil", "milk"))
    prompt = [{"role": "user", "content": "of milk"}]
    with tenant.write() as tx:
        ann, emil = users.find_user(tx, "ann"), users.find_user(tx, "emil")
        journal.keep_prompt(tx, CallToStore(ann, "m", "s", ["ann-tea"], None, prompt, [row("emil", "milk").item]))
        journal.keep_prompt(tx, CallToStore(ann, "m", "s", [], None, prompt))
        opened, unseal = list[str](), tx.keys.unseal
        monkeypatch.setattr(tx.keys, "unseal", lambda *args: opened.append(args[-1]) or unseal(*args))
        held = export.everything_about(tx, ann, "ann")
        assert [one["messages"] for one in held["prompts"]] == [prompt, None]
        assert len([place for place in opened if place.startswith("prompt ")]) == 1, "what is not shown is not opened"
        assert held["n_llm_calls"] == 2
        assert export.everything_about(tx, emil, "emil")["n_llm_calls"] == 1


def test_of_an_erased_user_the_audit_is_left(tenant):
    world = lived_in(tenant)
    with tenant.write() as tx:
        erase_rows.take_out(tx, world.users["ann"])
        audit.note(tx, "erase", "ann", {"records": 1})
        assert [line["what"] for line in audit.about(tx, "ann")] == ["erase"]
