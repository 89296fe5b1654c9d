"""Two tenants with the same ids, two users each: nobody's words come out at another's."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.serve.conftest import MASTER, House, calling, record
from unlike.llm.scripted import ScriptedBackend
from unlike.store.database import open_store

TENANTS, USERS, ITEMS = ("acme", "other"), ("ada", "bob"), ("album-1", "album-2")


def mark(tenant, user=""):
    return f"{tenant}x{user}xmark"


def text(tenant, user, n):
    return f"I like {mark(tenant, user)} and {mark(tenant, user)} tune {n}."


def add(call, tenant, user, item, n):
    row = record(user, item, text(tenant, user, n)) | {
        "record_id": f"{user}-{item}-{n}",
        "item": {"title": mark(tenant)},
    }
    return call("POST", "/v1/records", json={"records": [row]})


def feedback(call, tenant, user, item, n):
    return call("POST", "/v1/feedback", json={"user_id": user, "item_id": item, "text": text(tenant, user, n)})


def edit(call, tenant, user, item, n):
    statements = [{"text": text(tenant, user, n), "pinned": bool(n % 2)}]
    return call("PUT", f"/v1/users/{user}/profile", json={"statements": statements})


def tell(call, tenant, user, item, n):
    return call("PUT", f"/v1/items/{item}", json={"title": mark(tenant)})


def correct(call, tenant, user, item, n):
    body = {"user_id": user, "item_id": item, "text": text(tenant, user, n + 1)}
    return call("PUT", f"/v1/records/{user}-{item}-{n}", json=body)


def forget(call, tenant, user, item, n):
    return call("DELETE", f"/v1/records/{user}-{item}-{n}")


def generate(call, tenant, user, item, n):
    ask = {"user_id": user, "item_id": item, "item": {"title": "x"}, "seed": n, "stream": bool(n % 2), "retrieved": n}
    return call("POST", "/v1/generate", json=ask)


def chat(call, tenant, user, item, n):
    ask = {"model": "m", "user": user, "metadata": {"item_id": item}, "stream": bool(n % 2), "seed": n}
    return call("POST", "/v1/chat/completions", json=ask | {"messages": [{"role": "user", "content": "Write."}]})


def play(call, tenant, user, item, n):
    method = ("non_perso", "rag", "dpl", "stored_profile")[n]
    return call("POST", "/v1/playground", json={"user_id": user, "item_id": item, "method": method, "stream": n == 1})


def compare(call, tenant, user, item, n):
    return call("POST", "/v1/map/differences", json={"user_id": user, "item_id": item, "k": 1 + n})


def about_both(path):
    return lambda call, tenant, user, item, n: call("GET", path, params={"user_id": user, "item_id": item})


def about_user(method, path, **more):
    return lambda call, tenant, user, item, n: call(method, path.replace("{user_id}", user), **more)


def about_tenant(path):
    return lambda call, tenant, user, item, n: call("GET", path)


@dataclass(frozen=True)
class Step:
    """A call; what it gives may hold words of its user, or of its whole tenant."""

    do: Callable
    whole_tenant: bool = False


STEPS = {
    ("post", "/v1/records"): Step(add),
    ("post", "/v1/feedback"): Step(feedback),
    ("put", "/v1/items/{item_id}"): Step(tell),
    ("put", "/v1/records/{record_id}"): Step(correct),
    ("delete", "/v1/records/{record_id}"): Step(forget),
    ("post", "/v1/generate"): Step(generate),
    ("post", "/v1/chat/completions"): Step(chat),
    ("put", "/v1/users/{user_id}/profile"): Step(edit),
    ("get", "/v1/users"): Step(about_tenant("/v1/users"), whole_tenant=True),
    ("get", "/v1/jobs"): Step(about_tenant("/v1/jobs"), whole_tenant=True),
    ("get", "/v1/models"): Step(about_tenant("/v1/models")),
    ("get", "/v1/models/{model}"): Step(about_tenant("/v1/models/unlike")),
    ("get", "/"): Step(about_tenant("/")),
    ("post", "/v1/playground"): Step(play),
    ("post", "/v1/map/differences"): Step(compare),
    **{("get", path): Step(about_both(path)) for path in ("/v1/playground", "/v1/map", "/v1/map/differences")},
    ("get", "/healthz"): Step(about_tenant("/healthz")),
    ("get", "/readyz"): Step(about_tenant("/readyz")),
    ("get", "/metrics"): Step(about_tenant("/metrics")),
    **{
        (method, path): Step(about_user(method.upper(), path, **more))
        for method, path, more in [
            ("get", "/v1/users/{user_id}/records", {}),
            ("get", "/v1/users/{user_id}/uniqueness", {}),
            ("get", "/v1/users/{user_id}/profile", {}),
            ("post", "/v1/users/{user_id}/profile/build", {}),
            ("post", "/v1/users/{user_id}/profile/rollback", {"json": {"version": 1}}),
            ("get", "/v1/users/{user_id}/consent", {}),
            ("put", "/v1/users/{user_id}/consent", {"json": {"own": True}}),
            ("get", "/v1/users/{user_id}/export", {}),
            ("get", "/v1/users/{user_id}/prompts", {}),
            ("get", "/v1/users/{user_id}/erasure", {}),
            ("put", "/v1/users/{user_id}/refusal", {"json": {"refused": False}}),
            ("delete", "/v1/users/{user_id}", {}),
        ]
    },
}
WORK = ("work", "")
OFTEN = [("post", "/v1/records"), ("put", "/v1/users/{user_id}/profile"), ("post", "/v1/generate"), WORK]

calls = st.tuples(
    st.sampled_from([*STEPS, *OFTEN]),
    st.sampled_from(TENANTS),
    st.sampled_from(USERS),
    st.sampled_from(ITEMS),
    st.integers(0, 3),
)


def test_every_route_is_among_the_steps(house):
    paths = house.app.openapi()["paths"]
    assert {(method, path) for path, methods in paths.items() for method in methods} == STEPS.keys()


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # the call that failed says enough
    suppress_health_check=list(HealthCheck),
)
@given(done=st.lists(calls, min_size=12, max_size=30))
def test_nobodys_words_come_out_at_anothers(folders, tmp_path, done):
    shutil.rmtree(tmp_path / "store", ignore_errors=True)
    shutil.copytree(folders / "empty", tmp_path / "store")
    store = open_store(tmp_path / "store", MASTER)
    try:
        house = House(store, ScriptedBackend.echo(), tmp_path / "store")
        with calling(house, "acme") as acme, calling(house, "other") as other:
            for step, tenant, user, item, n in done:
                if step == WORK:
                    house.work()
                else:
                    _one(house, STEPS[step], {"acme": acme, "other": other}[tenant], tenant, user, item, n)
    finally:
        store.close()


def _one(house, step, client, tenant, user, item, n):
    house.backend.calls.clear()
    answer = step.do(client.request, tenant, user, item, n)
    assert answer.status_code < 500
    shown = answer.text + str(house.backend.calls)
    strange = [mark(t, u) for t in TENANTS for u in ("", *USERS) if t != tenant]
    if not step.whole_tenant:
        strange += [mark(tenant, u) for u in USERS if u != user]
    assert not [word for word in strange if word in shown]
