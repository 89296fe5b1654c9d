"""A browser, a server for what is looked at, and a page that must neither complain nor ask anybody else."""

import contextlib
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn

from tests.inspector.lab import make_experiment, make_hostile_run, make_soft_experiment
from unlike.inspector.app import inspect_folder, views_of
from unlike.inspector.readers.workspace import Workspace
from unlike.serve.server import config

ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WAIT_MS = 60_000


@pytest.fixture(scope="package", autouse=True)
def own_cache(tmp_path_factory):
    """A cache for the vectors of these tests alone; others keep the machine's, with the models unpacked in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLIKE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="package")
def experiment(tmp_path_factory, own_cache) -> Path:
    return make_experiment(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="package")
def hostile_run(tmp_path_factory, own_cache) -> Path:
    return make_hostile_run(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="package")
def soft_experiment(tmp_path_factory, own_cache) -> tuple[Path, Path]:
    return make_soft_experiment(tmp_path_factory.mktemp("soft"))


@contextlib.contextmanager
def served(app):
    """The app on a free port of this machine; gives its address."""
    settings = config(app, "127.0.0.1", 0)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def open_inspector():
    """Serve a folder; gives the address."""
    with contextlib.ExitStack() as stack:

        def serve(where, key=None, **parts):
            inspected = Workspace(Path(where), **parts)
            return stack.enter_context(served(inspect_folder(inspected, views_of(inspected), key)))

        yield serve


@dataclass
class Walk:
    """A page with what went wrong on it."""

    page: object
    address: str
    wrong: list = field(default_factory=list)

    def go(self, hash_: str, heading: str | None = None):
        """Open a view and wait until it is there."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}/inspect/{hash_}")
        return self.there(heading)

    def there(self, heading: str | None = None):
        """Wait until a view is there; returns the page."""
        self.page.wait_for_selector("main:not([aria-busy]) h1")
        if heading is not None:
            self.page.get_by_role("heading", level=1, name=heading).wait_for()
        self.page.wait_for_selector("main:not([aria-busy])")
        return self.page

    def seen(self) -> str:
        """The words on the page."""
        return self.page.locator("main").inner_text()

    def check(self, expected: str | None = None):
        """Nothing failed but what is expected, nobody else was asked, no script of a text ran, nobody is kept out.

        The browser may tell of a failed request long after the page shows it, so what is expected is taken out here.
        """
        from axe_playwright_python.sync_playwright import Axe

        # To read the sheets of a shadow tree axe writes one of its own, which the policy of the pages forbids.
        options = {"preload": False, "resultTypes": ["violations"]}
        found = Axe().run(self.page, options=options).response["violations"]
        bad = [
            f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")
        ]
        assert not bad, bad
        wrong = [one for one in self.wrong if expected is None or expected not in one]
        assert not wrong, wrong
        assert self.page.evaluate("window.stolen") is None
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert self.page.evaluate(over) <= 0, "the page can be moved sideways"


@pytest.fixture(scope="module")
def browser():
    """A browser for a file of tests: it keeps an event loop running, which no other tests can bear beside theirs."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        at = os.environ.get("UNLIKE_CHROMIUM", "/usr/bin/chromium")
        if not Path(at).exists():
            pytest.skip(f"no browser at {at}; install chromium, or say where one is in UNLIKE_CHROMIUM")
        opened = playwright.chromium.launch(executable_path=at, args=ARGS)
        yield opened
        opened.close()


@pytest.fixture
def walk(browser):
    """Open a walk: walk(address, width, scheme)."""
    with contextlib.ExitStack() as stack:

        def start(address, width=1280, scheme="light") -> Walk:
            # Colours on their way from one to another are no colours to judge.
            how = {"color_scheme": scheme, "reduced_motion": "reduce"}
            page = browser.new_page(viewport={"width": width, "height": 900}, **how)
            stack.callback(page.close)
            page.set_default_timeout(WAIT_MS)
            walk = Walk(page, address)
            page.on("console", lambda m: walk.wrong.append(m.text) if m.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: walk.wrong.append(str(error)))
            page.on(
                "request",
                lambda r: None if r.url.startswith((address, "blob:", "about:")) else walk.wrong.append(r.url),
            )
            return walk

        yield start
