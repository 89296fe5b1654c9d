"""Every route of records, users, profiles and jobs, with a real memory behind it."""

import json
from urllib.parse import quote

import pytest

from tests.serve.conftest import calling, record
from tests.store.rows import MASTER
from unlike.memory.population import SORTS
from unlike.privacy.signing import verify
from unlike.serve.errors import problem_of
from unlike.serve.routes.users import Sort
from unlike.store.database import Store, TransactionConflict, open_engine


def test_records_are_kept_once(client):
    first = client.post("/v1/records", json={"records": [record(), record("bob")]})
    assert first.status_code == 200
    assert first.json() == {
        "n_new": 2,
        "n_same": 0,
        "conflicts": [],
        "n_users": 2,
        "n_items": 1,
        "redacted": {},
        "n_refused": 0,
        "refused": [],
        "n_in_future": 0,
        "n_new_users": 2,
        "n_compared": 0,
    }
    again = client.post("/v1/records", json={"records": [record(), record("bob", text="Other words.")]}).json()
    assert (again["n_new"], again["n_same"], again["conflicts"]) == (0, 1, ["bob-album-7"])


def test_a_time_in_words_is_the_same_time_as_its_number(client):
    number, words = 1_700_000_000_000, ("2023-11-14T22:13:20Z", "2023-11-14T23:13:20.000+01:00", "2023-11-14T22:13:20")
    assert client.post("/v1/records", json={"records": [record(timestamp=number)]}).json()["n_new"] == 1
    for time in words:
        sent = client.post("/v1/records", json={"records": [record(timestamp=time)]}).json()
        assert (sent["n_same"], sent["conflicts"]) == (1, [])
    wrong = client.post("/v1/records", json={"records": [record(timestamp="14/11/2023")]})
    assert wrong.json()["error"]["message"] == (
        "body.records.0.timestamp: Unix milliseconds or a time such as 2024-05-01T09:30:00Z is needed"
    )


def test_what_many_records_lack_is_said_once(client):
    rows = [{name: value for name, value in record(user).items() if name != "record_id"} for user in ("ada", "bob")]
    sent = client.post("/v1/records", json={"records": rows})
    assert sent.status_code == 422
    assert sent.json()["error"]["message"] == (
        "body.records.0.record_id: Field required; choose it yourself: a record that is sent again with the same id is stored "
        "once (and 1 more like it)"
    )


def test_records_come_as_lines_too(client):
    lines = "\n".join(json.dumps(record(user)) for user in ("ada", "bob")) + "\n\n"
    sent = client.post("/v1/records", content=lines, headers={"content-type": "application/x-ndjson; charset=utf-8"})
    assert sent.json()["n_new"] == 2
    assert client.get("/v1/users/ada/consent").json() == {"own": True, "peer": False, "wording": ""}


def test_a_bad_line_is_named_and_nothing_is_kept(client):
    lines = json.dumps(record()) + '\n\n{"record_id": "r", "txet": 3}'
    sent = client.post("/v1/records", content=lines, headers={"content-type": "application/x-ndjson"})
    assert sent.status_code == 422
    message = sent.json()["error"]["message"]
    assert "line.3.user_id: Field required" in message
    assert "line.3.txet: unknown field; /openapi.json lists those that are allowed" in message
    assert client.get("/v1/users").json()["total"] == 0


def test_a_correction_keeps_what_it_leaves_out_and_removes_what_it_says(client):
    def stored(change):
        body = {"user_id": "ada", "item_id": "album-7", "text": "Warm."} | change
        client.put("/v1/records/ada-album-7", json=body).raise_for_status()
        (row,) = client.get("/v1/users/ada/records").json()["rows"]
        return row["text"], row["title"], row["rating"], row["timestamp"]

    client.post("/v1/records", json={"records": [record(title="Late")]}).raise_for_status()
    assert stored({}) == ("Warm.", "Late", 4, 1_700_000_000_000)
    assert stored({"title": "Later"}) == ("Warm.", "Later", 4, 1_700_000_000_000)
    assert stored({"rating": None}) == ("Warm.", "Later", None, 1_700_000_000_000)
    assert stored({"title": "", "rating": 2}) == ("Warm.", "", 2, 1_700_000_000_000)


def test_an_item_that_was_unknown_is_new(client):
    answers = [client.put("/v1/items/album-7", json={"title": title}).json() for title in ("Late", "Later")]
    assert answers == [{"version": 1, "is_new": True}, {"version": 2, "is_new": False}]


def test_parameters_and_bodies_that_no_route_has_are_refused(client):
    for path, says in (
        ("/v1/jobs?user=ada", "query.user: unknown parameter; allowed are state, user_id, offset, limit"),
        ("/v1/models?page=2", "query.page: unknown parameter; there are none here"),
    ):
        refused = client.get(path)
        assert (refused.status_code, refused.json()["error"]["message"]) == (422, says)
    sent = client.post("/v1/generate", content='{"user_id": "ada"}', headers={"content-type": "text/plain"})
    assert sent.json()["error"]["message"] == "body: a JSON object is needed, sent with Content-Type: application/json"


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": "a\nb"}, "user_id"),
        ({"text": "nul \0"}, "text"),
        ({"rating": "4"}, "rating"),
        ({"timestamp": 10**18}, "timestamp"),
        ({"stars": 4}, "stars"),
    ],
)
def test_a_bad_record_is_refused_without_being_repeated(client, change, mistake):
    sent = client.post("/v1/records", json={"records": [record(text="secret words") | change]})
    assert sent.status_code == 422
    assert sent.json()["error"]["type"] == "invalid"
    assert f"records.0.{mistake}" in sent.json()["error"]["message"]
    assert "secret words" not in sent.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"\\ud800"', b"\xff", b'{"records": []}'])
def test_what_is_no_such_body_is_refused(client, body):
    sent = client.post("/v1/records", content=body, headers={"content-type": "application/json"})
    assert sent.status_code == 422
    assert sent.json()["error"]["type"] == "invalid"


def test_all_mistakes_are_told_at_once_but_not_a_thousand(client):
    sent = client.post("/v1/records", json={"records": [{}] * 100})
    assert "; and more" in sent.json()["error"]["message"]


def test_identifiers_are_taken_out(client):
    sent = client.post("/v1/records", json={"records": [record(text="Write to ada@example.com about it.")]}).json()
    assert sum(sent["redacted"].values()) == 1
    assert "ada@example.com" not in client.get("/v1/users/ada/records").text


def test_users_are_listed(full):
    page = full.get("/v1/users", params={"sort": "records", "offset": 1, "limit": 1}).json()
    assert (page["total"], page["offset"], len(page["rows"])) == (3, 1, 1)
    (ada,) = full.get("/v1/users", params={"search": "ad"}).json()["rows"]
    assert (ada["user_id"], ada["n_records"], ada["peer"], ada["stale"]) == ("ada", 2, True, False)
    assert ada["profile_version"] == full.get("/v1/users/ada/profile").json()["version"]


def test_the_orders_of_users_are_those_of_the_store():
    assert set(Sort.__args__) == set(SORTS)


@pytest.mark.parametrize(
    "query", ["sort=size", "limit=0", "limit=501", "offset=-1", "offset=99999999999", "search=%00"]
)
def test_queries_out_of_range_are_refused(client, query):
    assert client.get(f"/v1/users?{query}").status_code == 422


def test_a_users_records(full):
    page = full.get("/v1/users/ada/records", params={"limit": 1}).json()
    assert page["total"] == 2
    assert page["rows"][0]["user_id"] == "ada"


def test_a_profile_shows_its_evidence(full):
    profile = full.get("/v1/users/ada/profile").json()
    assert profile["current"]
    assert any(statement["n_peers"] == 2 for statement in profile["statements"])
    assert {id_ for statement in profile["statements"] for id_ in statement["record_ids"]} <= {
        "ada-album-1",
        "ada-album-2",
    }


def test_a_profile_is_edited_and_taken_back(full):
    built = full.get("/v1/users/ada/profile").json()
    statements = [*built["statements"], {"text": "Never says never.", "pinned": True}]
    edited = full.put("/v1/users/ada/profile", json={"statements": statements}).json()["version"]
    assert edited > built["version"]
    now = full.get("/v1/users/ada/profile").json()
    assert (now["version"], now["statements"][:-1]) == (edited, built["statements"])
    assert now["statements"][-1]["pinned"]
    back = full.post("/v1/users/ada/profile/rollback", json={"version": built["version"]}).json()
    assert (back["version"], back["statements"]) == (built["version"], built["statements"])
    assert full.get("/v1/users/ada/profile", params={"version": edited}).json()["statements"] == now["statements"]


def test_a_profile_is_built_anew_on_demand(full_house, full):
    asked = full.post("/v1/users/ada/profile/build")
    assert (asked.status_code, asked.json()) == (202, {"n_jobs": 1})
    (job,) = full.get("/v1/jobs", params={"state": "waiting"}).json()["rows"]
    assert (job["kind"], job["user_id"], job["item_id"]) == ("build", "ada", None)
    for user, n_jobs in (("ada", 1), ("bob", 0)):
        asked = full.get("/v1/jobs", params={"user_id": user}).json()
        assert (asked["total"], len(asked["rows"])) == (n_jobs, n_jobs)
    assert full.get("/v1/jobs", params={"user_id": "nobody"}).status_code == 404
    full_house.work()
    assert full.get("/v1/jobs").json()["total"] == 0


def test_a_changed_record_says_how_many_profiles_are_built_again(full, full_house):
    body = {"user_id": "ada", "item_id": "album-1", "text": "Other words."}
    assert full.put("/v1/records/ada-album-1", json=body).json() == {"user_id": "ada", "n_profiles": 3}
    full_house.work()
    assert full.delete("/v1/records/ada-album-1").json() == {"user_id": "ada", "n_profiles": 3}


def test_consent_is_changed_in_part(full):
    changed = full.put("/v1/users/ada/consent", json={"peer": False}).json()
    assert changed == {"own": True, "peer": False, "wording": "", "n_profiles": 3}
    assert full.get("/v1/users/ada/consent").json() == {"own": True, "peer": False, "wording": ""}


def test_an_export_holds_all_of_a_user_and_nobody_else(full):
    held = full.get("/v1/users/ada/export").json()
    assert {row["record_id"] for row in held["records"]} == {"ada-album-1", "ada-album-2"}
    assert held["profiles"]
    assert "bob says" not in json.dumps(held["records"])


def test_an_erased_user_is_gone_and_the_receipt_holds(full):
    receipt = full.delete("/v1/users/ada").json()
    verify(receipt)
    assert full.get("/v1/users", params={"search": "ada"}).json()["total"] == 0
    assert full.get("/v1/users/ada/export").status_code == 404


def test_feedback_becomes_a_record(full):
    sent = full.post("/v1/feedback", json={"user_id": "ada", "item_id": "album-1", "text": "What I really sent."})
    assert sent.json()["n_new"] == 1
    assert "What I really sent." in full.get("/v1/users/ada/records").text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/users/nobody/records", None),
        ("GET", "/v1/users/nobody/profile", None),
        ("GET", "/v1/users/nobody/consent", None),
        ("GET", "/v1/users/nobody/export", None),
        ("DELETE", "/v1/users/nobody", None),
        ("PUT", "/v1/users/nobody/consent", {"peer": True}),
        ("PUT", "/v1/users/nobody/profile", {"statements": []}),
        ("POST", "/v1/users/nobody/profile/build", None),
        ("POST", "/v1/users/nobody/profile/rollback", {"version": 1}),
        ("GET", "/v1/users/ada/profile?version=99", None),
        ("POST", "/v1/users/ada/profile/rollback", {"version": 99}),
        ("POST", "/v1/generate", {"user_id": "ada", "item_id": "unheard-of"}),
    ],
)
def test_the_unknown_is_404(full, method, path, body):
    answer = full.request(method, path, json=body)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "unknown"


@pytest.mark.parametrize("user_id", ["a/b", "ü", "a b", "a/records", "x/profile/build", "100%", "a?b#c", "..a/"])
def test_a_user_id_may_hold_any_characters(client, user_id):
    client.post("/v1/records", json={"records": [record(user_id)]}).raise_for_status()
    path = f"/v1/users/{quote(user_id, safe='')}"
    assert client.get(f"{path}/records").json()["rows"][0]["user_id"] == user_id
    assert client.put(f"{path}/profile", json={"statements": [{"text": "Brief."}]}).json() == {"version": 1}
    assert client.get(f"{path}/profile").json()["user_id"] == user_id
    assert client.post(f"{path}/profile/build").status_code == 202
    assert client.get(f"{path}/export").json()["user_id"] == user_id
    assert client.delete(path).status_code == 200
    assert client.get(f"{path}/consent").status_code == 404


def test_an_id_without_characters_is_refused(client):
    assert client.get("/v1/users//records").status_code == 422
    assert client.delete("/v1/users/").status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("PATCH", "/v1/users", 405, "not_allowed"),
        ("GET", "/docs", 404, "not_found"),
    ],
)
def test_paths_that_do_not_exist_say_so_in_the_same_form(client, method, path, status, kind):
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/generate", {"user_id": "ada", "item_id": "album-1"}),
        (
            "/v1/chat/completions",
            {"model": "unlike", "user": "ada", "messages": [{"role": "user", "content": "Hello"}]},
        ),
    ],
)
def test_without_postgresql_it_is_503_without_its_address(make_house, monkeypatch, path, body):
    house = make_house("full")
    unreachable = Store(open_engine("postgresql://nobody@127.0.0.1:1/none"), MASTER)
    monkeypatch.setattr(house.store, "rows", unreachable.rows)
    with calling(house) as client:
        answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "store_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "127.0.0.1" not in answer.text and "nobody" not in answer.text


def test_a_conflict_that_stays_is_503():
    assert problem_of(TransactionConflict("others")).status == 503
