"""The pages of a running service, walked in a browser as a person would."""

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.inspector.conftest import served
from tests.inspector.house import EVIL, HOSTILE, TEXT, copied, make_store
from unlike.privacy.signing import verify
from unlike.store import journal, users
from unlike.store.journal import CallToStore

ITEM, TITLE = "salt-almanac", "The Salt Almanac"


def at(*parts, **query):
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"#/{'/'.join(quote(part, safe='') for part in parts)}{'?' * bool(asked)}{asked}"


@pytest.fixture(scope="module")
def made(tmp_path_factory, own_cache):
    return make_store(tmp_path_factory.mktemp("service") / "store")


@pytest.fixture
def house(made, tmp_path):
    with copied(made, tmp_path / "store") as house:
        yield house


@pytest.fixture
def service(house, walk):
    """A walk on the service, by somebody who has given the key."""
    with served(house.app) as address:

        def start(**how):
            walked = walk(address, **how)
            given = f"sessionStorage.setItem('unlike-key', {json.dumps(house.key)})"
            walked.page.add_init_script(f"if (location.protocol === 'http:') {given}")
            return walked

        start.address = address
        yield start


def test_the_key_is_asked_for_and_kept_in_the_tab_alone(house, service, walk):
    walked = walk(service.address)
    page = walked.go(at("users"), "Which key?")
    page.get_by_label("API key").fill("unlike_nonsense")
    page.get_by_role("button", name="Open").click()
    page.get_by_text("This key is not valid: it may be").wait_for()
    page.get_by_label("API key").fill(house.key)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("link", name="ada", exact=True).wait_for()
    walked.check(expected="401")  # the browser's own word on the first key
    kept = "JSON.stringify([Object.values(sessionStorage), Object.values(localStorage), document.cookie])"
    assert json.loads(page.evaluate(kept)) == [[house.key], [], ""]
    page.get_by_role("button", name="Forget the key").click()
    page.get_by_role("heading", name="Which key?").wait_for()
    assert not page.get_by_text("This key is not valid").count()
    assert house.key not in page.content()
    assert page.evaluate("sessionStorage.length") == 0


def test_users_are_searched_ordered_and_paged_by_the_server(service):
    walked = service()
    asked = []
    walked.page.on("request", lambda request: asked.append(request.url) if "/v1/users?" in request.url else None)
    page = walked.go(at("users"), "Users")
    first = page.locator("tbody tr").first
    assert first.locator("td").first.inner_text() > page.locator("tbody tr").nth(1).locator("td").first.inner_text()
    page.get_by_label("Order").select_option("user_id")
    page.locator("th[aria-sort=ascending]", has_text="User").wait_for()
    page.get_by_role("button", name="Records", exact=True).click()
    page.locator("th[aria-sort=descending]", has_text="Records").wait_for()
    page.get_by_label("Part of the id").fill("esm")
    page.get_by_role("link", name="esme").wait_for()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "search=esm" in asked[-1]
    assert "limit=25" in asked[-1]
    walked.check()
    page.reload()
    page.get_by_role("link", name="esme").wait_for()
    assert page.get_by_label("Part of the id").input_value() == "esm"


def test_a_user_is_seen_against_the_population_with_evidence(service):
    walked = service()
    page = walked.go(at("users", "ada"), "ada")
    page.get_by_role("img", name="Histogram of").wait_for()
    page.get_by_role("img", name="Length of each record over time").wait_for()
    assert "Uniqueness" in walked.seen() and "higher than that of" in walked.seen()
    page.get_by_text("of the user's records").first.click()
    profile = page.locator("section", has=page.get_by_role("heading", name="Profile"))
    expect(profile).to_contain_text("compared with")
    expect(profile.get_by_role("link", name="map of").first).to_be_visible()
    page.get_by_text("As a table").first.click()
    page.get_by_role("region", name="Users by uniqueness").wait_for()
    walked.check()


def test_a_profile_is_edited_pinned_compared_and_gone_back_from(house, service):
    walked = service()
    page = walked.go(at("users", "ada"), "ada")
    page.get_by_role("button", name="Edit and pin").click()
    page.get_by_label("Statement").first.fill("Counts and measures what others guess.")
    page.get_by_role("checkbox", name="Pinned").first.check()
    page.get_by_role("button", name="Take it out").last.click()
    walked.check()
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_text("version 2", exact=True).wait_for()
    page.get_by_text("pinned", exact=True).wait_for()
    expect(page.locator("del").first).to_be_visible()
    assert "guess" in " ".join(page.locator("ins").all_inner_texts())
    walked.check()
    page.get_by_role("button", name="Make version 1 current again").click()
    page.get_by_text("version 1", exact=True).wait_for()
    assert "guess" not in page.locator("section", has=page.get_by_role("heading", name="Profile")).inner_text()
    page.get_by_role("button", name="Rebuild it").click()
    page.get_by_text("It is being rebuilt").wait_for()
    assert house.work() >= 1
    walked.check()


def test_the_focus_stays_in_a_profile_that_is_edited_with_the_keyboard(service):
    walked = service()
    page = walked.go(at("users", "ada"), "ada")
    focused = "document.activeElement.tagName"
    for button in ("Leave it as it is", "Save as a new version"):
        page.get_by_role("button", name="Edit and pin").press("Enter")
        page.get_by_role("button", name="Take it out").last.press("Enter")
        assert page.evaluate(focused) == "TEXTAREA"
        page.get_by_role("button", name=button).press("Enter")
        page.get_by_role("button", name="Edit and pin").wait_for()
        page.wait_for_function(f"{focused} === 'H2'")
    walked.check()


def test_prompts_that_were_kept_are_shown_as_they_were_sent(house, service):
    walked = service()
    page = walked.go(at("users", "ada"), "ada")
    shown = page.locator("section", has=page.get_by_role("heading", name="Prompts"))
    shown.get_by_text("What was sent to the LLM").click()
    shown.get_by_text("None is kept").wait_for()
    with house.store.tenant("acme").write() as tx:
        asked = CallToStore(users.find_user(tx, "ada"), "m", "generate", [], prompt=[{"role": "user", "content": EVIL}])
        journal.keep_prompt(tx, asked)
    page.reload()
    shown.get_by_text("What was sent to the LLM").click()
    shown.get_by_text("generate (m)").click()
    expect(shown.get_by_role("region", name="Message of user")).to_have_text(EVIL)
    walked.check()


def test_consent_is_withdrawn_and_others_see_no_text_of_it(service):
    walked = service()
    page = walked.go(at("map", "ada", ITEM), f"Map of {TITLE}")
    page.get_by_text("18 others wrote about it").wait_for()
    walked.go(at("users", "esme"), "esme")
    page.get_by_role("switch", name="To be compared with others").uncheck()
    page.get_by_text("what it no longer allows is deleted").wait_for()
    walked.go(at("map", "ada", ITEM), f"Map of {TITLE}")
    page.get_by_text("17 others wrote about it").wait_for()
    walked.go(at("users", "ada"), "ada")
    page.get_by_role("switch", name="Own records for own texts").uncheck()
    page.get_by_text("There is no profile yet").wait_for()
    walked.go(at("map", "ada", ITEM), f"Map of {TITLE}")
    page.get_by_text("this user does not agree to the use of own records").wait_for()
    walked.check(expected="404")  # there is no profile any more


def test_an_erasure_wants_the_id_and_gives_the_receipt(house, service, tmp_path):
    walked = service()
    page = walked.go(at("users", "bruno"), "bruno")
    erase = page.get_by_role("button", name="Erase this user")
    page.get_by_label("Type the user's id to erase").fill("brun")
    assert erase.is_disabled()
    page.get_by_label("Type the user's id to erase").fill("bruno")
    erase.click()
    page.get_by_text("The user is erased. This signed receipt").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the receipt").click()
    receipt = json.loads(download.value.path().read_text())
    verify(receipt)
    assert receipt["deleted"]["records"] == 12
    walked.check()
    page.get_by_role("link", name="Back to the users").click()
    page.get_by_role("link", name="ada", exact=True).wait_for()
    expect(page.get_by_role("link", name="bruno")).to_have_count(0)


def test_a_map_follows_k_and_the_choice_without_any_llm(service):
    walked = service()
    page = walked.go(at("map", "ada", ITEM), f"Map of {TITLE}")
    numbers = page.locator("svg.map [data-mark=text] text")
    expect(numbers).to_have_count(4)
    before = page.request.get(f"{service.address}/metrics").text()
    page.get_by_label("K, number of").fill("7")
    expect(numbers).to_have_count(7)
    page.get_by_label("How they are chosen").select_option("farthest")
    page.get_by_text("7 of them represent").wait_for()
    expect(numbers).to_have_count(7)
    after = page.request.get(f"{service.address}/metrics").text()
    assert tokens(before) == tokens(after) == 0
    page.get_by_role("button", name="Ask the LLM now").click()
    page.get_by_text("Asked just now, with K = 7").wait_for()
    expect(page.locator("main")).to_contain_text("counts what others feel")
    assert tokens(page.request.get(f"{service.address}/metrics").text()) > 0
    walked.check()


def tokens(metrics):
    return sum(
        float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith("unlike_llm_tokens_total")
    )


def test_a_point_of_a_map_is_read_with_mouse_and_with_keys(service):
    walked = service()
    page = walked.go(at("map", "ada", ITEM), f"Map of {TITLE}")
    reading = page.get_by_label("The text that is read")
    assert "312 pages. 365 entries." in reading.inner_text()
    box = page.locator("svg.map [data-mark=text] text").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    reading.get_by_role("heading", name="Representative 1").wait_for()
    page.get_by_role("button", name="Representative 2").focus()
    page.keyboard.press("Enter")
    reading.get_by_role("heading", name="Representative 2").wait_for()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Another person's text").first.click()
    reading.get_by_role("heading", name="Another person's text").wait_for()
    assert not any(user in reading.inner_text() for user in ("esme", "bruno"))
    walked.check()


def test_a_map_is_found_from_the_user_and_shows_where_one_usually_is(service):
    walked = service()
    page = walked.go(at("map"), "Map of")  # an example
    page.get_by_role("link", name="All users").wait_for()
    page.get_by_label("User's id").fill("ada")
    page.get_by_label("Item", exact=True).select_option("")
    page.get_by_label("Item's id").fill("plain")
    page.get_by_role("button", name="Show").click()
    walked.there("Map of Plain")
    page.get_by_text("shown at the mean of all own texts").wait_for()
    walked.check()


def test_methods_are_tried_side_by_side(service):
    walked = service()
    page = walked.go(at("playground", user="ada", item=ITEM), "Playground")
    page.get_by_role("heading", name="What the user really wrote").wait_for()
    walked.check()
    page.get_by_role("button", name="Write", exact=True).click()
    page.get_by_text("tokens, ").nth(3).wait_for()
    panels = page.locator(".panel")
    expect(panels).to_have_count(4)
    assert all(TEXT in panel for panel in panels.all_inner_texts())
    rag = page.get_by_role("region", name="Own records (RAG)")
    assert {"312", "pages"} <= set(rag.locator("mark.real").all_inner_texts())
    assert "as far as I can tell" in " ".join(rag.locator("mark").all_inner_texts())
    dpl = page.get_by_role("region", name="DPL, now")
    dpl.get_by_text("The exact prompts (6)").click()
    expect(dpl).to_contain_text("Compare along these dimensions only")
    assert "312 pages. 365 entries." not in dpl.inner_text()  # the real text is kept from the LLM
    walked.check()


def test_a_method_that_cannot_be_tried_says_why(service):
    walked = service()
    page = walked.go(at("playground", user="nobody-yet", item=ITEM), "Playground")
    page.get_by_text("nothing is known of this user").first.wait_for()
    assert page.get_by_label("Own records (RAG)").is_disabled()
    walked.check(expected="404")  # there are no records to suggest items from


@pytest.mark.parametrize("user", [EVIL, *list(HOSTILE)[1:]])
def test_hostile_texts_stay_texts(service, user):
    """In every view: as an id, a title, an item, a record, a text of another person."""
    walked = service(width=390)
    walked.go(at("users", user))
    walked.page.get_by_role("heading", name="Profile").wait_for()
    walked.check()
    walked.go(at("map", user, EVIL), f"Map of {EVIL[:60]}"[:40])
    assert EVIL[:60] in walked.seen()
    walked.check()
    page = walked.go(at("playground", user=user, item=EVIL), "Playground")
    page.get_by_role("button", name="Write", exact=True).click()
    page.get_by_text("tokens, ").first.wait_for()
    walked.check()


def test_hostile_ids_stay_texts_in_lists(service):
    walked = service(width=390, scheme="dark")
    page = walked.go(at("users"), "Users")
    page.get_by_label("Part of the id").fill(EVIL[:20])
    expect(page.locator("tbody tr")).to_have_count(1)
    assert EVIL[:30] in walked.seen()
    walked.check()
    page = walked.go(at("users", "a megabyte"), "a megabyte")
    page.get_by_role("button", name="Show the whole record (1,000,000 characters)").first.click()
    assert page.locator(".prose.tall").first.evaluate("element => element.textContent.length") == 1_000_000
    walked.check()


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        (390, "dark"),
        *(pytest.param(*one, marks=pytest.mark.soak) for one in ((1280, "dark"), (390, "light"))),
    ],
)
def test_every_page_serves_every_screen(service, width, scheme):
    walked = service(width=width, scheme=scheme)
    for place in (at("users"), at("users", "ada"), at("map", "ada"), at("map", "ada", ITEM), at("playground")):
        walked.go(place)
        walked.check()


def test_the_keyboard_leads_everywhere(service):
    walked = service()
    page = walked.go(at("users"), "Users")
    page.get_by_role("link", name="Skip to the content").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("link", name="Playground").focus()
    page.keyboard.press("Enter")
    walked.there("Playground")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert page.locator("#places a[aria-current=page]").inner_text() == "Playground"


def test_a_page_that_is_not_there_says_so(service):
    walked = service()
    walked.go("#/nowhere", "There is no such page")
    walked.go(at("users", "nobody-yet"), "This cannot be shown")
    assert "no user" in walked.seen()
