"""``unlike consent``: seen and changed, with what follows."""

import json

from tests.cli.shop import WITHOUT_MODELS


def test_it_is_shown_and_changed(unlike, shop):
    status, out, err = unlike("consent", "ada", "--store", shop)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "own  yes: records may be used for texts written for the user",
        "peer yes: records may be used in comparisons for others' profiles",
    ]
    status, out, _ = unlike("consent", "ada", "--peer", "no", "--store", shop)
    assert status == 0
    assert "peer no (was yes): records may not be used in comparisons for others' profiles" in out
    assert (
        f"jobs waiting; a running service does the work, or run: unlike profile build --store {shop} --llm URI" in out
    )
    assert json.loads(unlike("consent", "ada", "--store", shop, "--json")[1]) == {
        "own": True,
        "peer": False,
        "wording": "",
    }
    assert "to do" not in unlike("consent", "ada", "--peer", "no", "--store", shop)[1]


def test_who_withdraws_is_compared_with_nobody_any_more(unlike, shop):
    unlike("consent", "ada", "--peer", "no", "--store", shop)
    out = unlike("profile", "build", "--store", shop, *WITHOUT_MODELS)[1]
    assert out.count("│ 3 others") == 4
    assert out.count("│ 4 others") == 1
    assert unlike("doctor", "--store", shop)[0] == 0


def test_without_own_records_texts_are_plain(unlike, shop):
    unlike("consent", "ada", "--own", "no", "--store", shop)
    _, out, _ = unlike("profile", "show", "ada", "--store", shop)
    assert out == "ada: texts are written from: plain (this user does not agree to the use of own records)\n"


def test_an_unknown_user_and_another_word(unlike, shop):
    status, _, err = unlike("consent", "zoe", "--store", shop)
    assert status == 2
    assert "no user 'zoe'" in err
    status, _, err = unlike("consent", "ada", "--peer", "maybe", "--store", shop)
    assert status == 2
    assert err == "unlike: --peer is 'maybe'; give yes or no\n"
