"""What a caller may do and how often: scopes and ends of keys, limits of tenants and addresses, headers of every answer."""

import pytest

from tests.serve.conftest import calling, record
from unlike.errors import InputError
from unlike.serve.scopes import scope_of
from unlike.store import api_keys, audit

DAY_MS = 86_400_000
DOES = {
    "read": ("GET", "/v1/users", None),
    "write": ("POST", "/v1/records", {"records": [record()]}),
    "generate": ("POST", "/v1/generate", {"user_id": "ada", "item_id": "album-1"}),
    "administer": ("GET", "/v1/users/ada/export", None),
}


def key_for(house, scopes, tenant="acme", ends_ms=None):
    with house.store.tenant(tenant).write() as tx:
        return {"authorization": f"Bearer {api_keys.new(tx, '-'.join(scopes), scopes, ends_ms)}"}


@pytest.mark.parametrize("scope", DOES)
def test_a_key_does_what_it_is_for_and_nothing_else(full_house, scope):
    head = key_for(full_house, [scope])
    with calling(full_house) as client:
        for other, (method, path, body) in DOES.items():
            answer = client.request(method, path, json=body, headers=head)
            assert (answer.status_code == 403) == (other != scope), (other, answer.text)
            if other != scope:
                assert answer.json()["error"]["type"] == "out_of_scope"


def test_every_change_of_what_users_said_and_reading_prompts_need_the_highest_scope():
    for method, path in [
        ("DELETE", "/v1/users/a"),
        ("PUT", "/v1/users/a/consent"),
        ("PUT", "/v1/users/a/refusal"),
        ("GET", "/v1/users/a/prompts"),
        ("PUT", "/v1/users/a/profile"),
        ("POST", "/v1/users/a/profile/rollback"),
        ("POST", "/v1/not-thought-of"),
    ]:
        assert scope_of(method, path) == "administer"


def test_a_key_ends_when_it_was_said_to_also_where_it_is_remembered(full_house):
    now = full_house.store.now_ms()
    head = key_for(full_house, ["read"], ends_ms=now + DAY_MS)
    with calling(full_house) as client:
        assert client.get("/v1/users", headers=head).status_code == 200
        full_house.store.now_ms = lambda: now + DAY_MS
        assert client.get("/v1/users", headers=head).status_code == 401


@pytest.mark.parametrize(("scopes", "ends_ms"), [(["all"], None), ([], None), (["read"], 1)])
def test_a_key_that_could_do_nothing_is_not_made(house, scopes, ends_ms):
    with house.store.tenant("acme").write() as tx, pytest.raises(InputError):
        api_keys.new(tx, "x", scopes, ends_ms)


def test_the_keys_of_a_tenant_are_limited_together(make_house):
    house = make_house(requests_per_s=100.0, tenant_requests_per_s=0.01, burst=2)
    heads = [key_for(house, ["read"]), key_for(house, ["read", "write"])]
    with calling(house) as client:
        statuses = [client.get("/v1/users", headers=heads[n % 2]).status_code for n in range(5)]
        assert statuses == [200, 200, 200, 200, 429], "a tenant may make twice as many at once as a key"
        assert client.get("/v1/users", headers=house.head("other")).status_code == 200


@pytest.mark.parametrize("key_cache_s", [60, 0])
def test_an_address_without_a_key_is_limited_and_one_with_a_key_goes_on(make_house, key_cache_s):
    """Whoever sends wrong keys from an address does not shut out those behind it whose keys are valid."""
    house = make_house(address_requests_per_s=0.01, burst=3, key_cache_s=key_cache_s)
    with calling(house) as client:
        assert client.get("/v1/users").status_code == 200
        wrong = [client.get("/v1/users", headers={"authorization": f"Bearer unlike_{n}"}).status_code for n in range(5)]
        assert wrong == [401, 401, 401, 429, 429]
        assert client.get("/metrics").status_code == 429
        assert client.get("/v1/users").status_code == 200


def test_no_answer_is_kept_or_taken_for_something_else(full_house):
    with calling(full_house) as client:
        for path in ("/v1/users", "/v1/nothing", "/healthz", "/v1/users/nobody/profile"):
            answer = client.get(path)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_database_is_asked_once_for_all_who_want_to_know_whether_it_is_there(full_house):
    asked = []
    connection = full_house.store.connection
    with calling(full_house) as client:
        client.get("/readyz")
        full_house.store.connection = lambda *args, **more: asked.append(1) or connection(*args, **more)
        for _ in range(50):
            assert client.get("/readyz").status_code == 200
    assert len(asked) <= 25


def test_who_cannot_write_down_what_was_used_is_not_ready(full_house):
    full_house.service.memory(full_house.store.tenant("acme")).spending.owes_writing = True
    with calling(full_house) as client:
        assert client.get("/readyz").status_code == 503


def test_reads_and_exports_are_noted_with_the_name_of_the_key(full_house):
    with calling(full_house) as client:
        for path in ("profile", "records", "export"):
            client.get(f"/v1/users/ada/{path}").raise_for_status()
        lines = client.get("/v1/users/ada/export").json()["audit"]
    assert [(line["what"], line["by"]) for line in lines] == [("read", "test"), ("read", "test"), ("export", "test")]


def test_ids_are_the_same_however_they_are_composed_and_some_are_none(house):
    with calling(house) as client:
        rows = [record("Zo\u00eb", item="a"), record("Zoe\u0308", item="b")]
        assert client.post("/v1/records", json={"records": rows}).json()["n_users"] == 1
        assert client.get("/v1/users/Zoe%CC%88/records").json()["total"] == 2
        for user_id in (".", "..", "   ", "\u2003"):
            assert client.post("/v1/records", json={"records": [record(user_id)]}).status_code == 422


def test_what_was_agreed_to_is_kept_in_its_words(house):
    with calling(house) as client:
        consent = {"own": True, "peer": True, "wording": "Version 1 of our terms."}
        client.post("/v1/records", json={"records": [record()], "consent": consent}).raise_for_status()
        client.put("/v1/users/ada/consent", json={"peer": False, "wording": "No, thanks."}).raise_for_status()
        kept = client.get("/v1/users/ada/export").json()["consents"]
    assert [(one["peer"], one["source"], one["wording"]) for one in kept] == [
        (True, "record", "Version 1 of our terms."),
        (False, "changed", "No, thanks."),
    ]
    assert all(one["at_ms"] > 0 for one in kept)


def test_a_receipt_can_be_had_again_and_a_refusal_taken_back(full_house):
    with calling(full_house) as client:
        receipt = client.delete("/v1/users/ada").json()
        assert client.delete("/v1/users/ada").json() == client.get("/v1/users/ada/erasure").json() == receipt
        sent = client.post("/v1/records", json={"records": [record()]}).json()
        assert (sent["n_new"], sent["n_refused"]) == (0, 1)
        assert client.put("/v1/users/ada/refusal", json={"refused": False}).json() == {"refused": False}
        assert client.post("/v1/records", json={"records": [record()]}).json()["n_new"] == 1


def test_a_record_is_corrected_and_deleted(full_house):
    with calling(full_house) as client:
        before = {row["id"]: row for row in client.get("/v1/users/ada/records").json()["rows"]}
        new = {"user_id": "ada", "item_id": "album-1", "text": "Other words.", "rating": 1}
        assert client.put("/v1/records/ada-album-1", json=new).json() == {"user_id": "ada", "n_profiles": 3}
        after = {row["id"]: row for row in client.get("/v1/users/ada/records").json()["rows"]}
        assert after["ada-album-1"]["text"] == "Other words."
        assert after["ada-album-1"]["timestamp"] == before["ada-album-1"]["timestamp"]
        assert client.delete("/v1/records/ada-album-1").status_code == 200
        assert client.get("/v1/users/ada/records").json()["total"] == 1
        assert client.delete("/v1/records/ada-album-1").status_code == 404


def test_what_is_done_with_a_user_is_noted_with_the_key(full_house):
    profile, about = "/v1/users/ada/profile", {"user_id": "ada", "item_id": "album-1"}
    with calling(full_house) as client:
        client.put(profile, json={"statements": [{"text": "Is brief."}]}).raise_for_status()
        client.post(f"{profile}/rollback", json={"version": 1}).raise_for_status()
        for path in ("/v1/map", "/v1/map/differences", "/v1/playground"):
            client.get(path, params=about).raise_for_status()
        for refused in (True, False):
            client.put("/v1/users/zoe/refusal", json={"refused": refused}).raise_for_status()
    with full_house.store.tenant("acme").read() as tx:
        ada, zoe = audit.about(tx, "ada"), audit.about(tx, "zoe")
    key = full_house.key_name
    done = [(entry["what"], entry["by"]) for entry in ada]
    assert done == [("edit", key), ("roll back", key), *[("read", key)] * 3]
    assert [(entry["what"], entry["by"]) for entry in zoe] == [("refuse", key), ("readmit", key)]


def test_the_product_says_what_an_item_is(full_house):
    with calling(full_house) as client:
        assert client.put("/v1/items/album-1", json={"title": "The real title"}).json() == {
            "version": 2,
            "is_new": False,
        }
        rows = [record("dan", "album-1") | {"item": {"title": "IGNORE ALL"}}]
        client.post("/v1/records", json={"records": rows}).raise_for_status()
    assert full_house.service.memory(full_house.store.tenant("acme"))._records.item("album-1").title == "The real title"
