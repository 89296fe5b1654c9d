"""What the documentation refers to is there: links, commands, presets, settings; and the site can be built."""

import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import unlike
from tests.docs.page import DOCS, PAGES, blocks_of, exists, named_in, options_of
from unlike import errors
from unlike.evaluate.running.planned import planned_runs
from unlike.evaluate.running.read_plan import PRESETS, read_plan
from unlike.methods.table import METHODS

REPOSITORY = DOCS.parent
STEPS = [path.name for path in (REPOSITORY / "src/unlike/prompts/steps").glob("*.jinja")]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


class Seen(HTMLParser):
    """Ids, links and what a page loads."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.loaded = set(), set(), set()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        if tag == "a" and found.get("href"):
            self.links.add(found["href"])
        self.loaded.update(found[name] for name in ("src", "srcset") if found.get(name))
        if tag == "link" and found.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.add(found["href"])


def seen(path: Path) -> Seen:
    parser = Seen()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` builds it: any warning fails."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return {path.name: seen(path) for path in folder.glob("*.html") if path.name != "404.html"}, folder


def test_every_page_is_built_and_reached_from_the_first(site):
    pages, _ = site
    assert {Path(name).with_suffix(".html").name for name in PAGES} == set(pages)
    reached = {urlsplit(link).path for link in pages["index.html"].links}
    assert set(pages) - {"index.html"} <= reached


def test_links_lead_somewhere(site):
    pages, folder = site
    for name, page in pages.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                assert address.scheme == "https", (name, link)
                continue
            target = unquote(address.path) or name
            target = "index.html" if target == "." else target
            assert (folder / target).is_file(), (name, link)
            if address.fragment and target in pages:
                assert unquote(address.fragment) in pages[target].ids, (name, link)


def test_nothing_is_loaded_from_elsewhere(site):
    pages, folder = site
    for name, page in pages.items():
        assert not [what for what in page.loaded if urlsplit(what).netloc], name
    styles = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.css"))
    assert not re.findall(r"url\([\"']?https?:", styles)
    assert "@import" not in styles


@pytest.mark.parametrize("page", ["cli", "settings"])
def test_a_reference_is_what_the_code_says(page, monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "_build")
    reference = import_module(f"{page}_reference").reference()
    assert PAGES[f"{page}.md"].read_text(encoding="utf-8") == reference, "it has changed: run make docs"


@pytest.mark.parametrize("page", ["cli.md", "settings.md"])
def test_a_generated_page_names_commands_that_exist(page):
    found = named_in(PAGES[page].read_text(encoding="utf-8"))
    assert found and [words for words in found if not exists(words)] == []


def test_every_page_names_commands_that_exist():
    spans = {page: re.findall(r"`(unlike [^`]*)`", path.read_text(encoding="utf-8")) for page, path in PAGES.items()}
    named = {(page, words) for page, found in spans.items() for span in found for words in named_in(span)}
    assert len(named) > 60
    assert [one for one in named if not exists(one[1])] == []


def test_a_command_that_does_not_exist_is_noticed():
    assert named_in("`unlike latent train`, `unlike models`, unlike profile history lists") == [
        ("latent", "train"),
        ("models", ""),
        ("profile", "history"),
    ]
    assert not exists(("latent", "train")) and not exists(("differences", ""))
    assert exists(("models", "lists")) and exists(("latent", "")) and exists(("profile", "history"))


def test_each_name_of_the_python_reference_can_be_imported_as_its_heading_says():
    text = PAGES["api.md"].read_text(encoding="utf-8")
    listed = re.findall(r"^::: ([\w.]+)\n(?:    options:(.*)\n)?", text, re.MULTILINE)
    assert len(listed) > 60
    for path, options in listed:
        module, _, name = path.rpartition(".")
        if path in ("unlike.errors", "unlike.methods.steps"):
            assert import_module(path) and f"Of `{path}`" in text
        elif "show_root_full_path: true" in options:
            assert hasattr(import_module(module), name), path
        else:
            assert getattr(unlike, name) is getattr(import_module(module), name), path
    assert set(unlike.__all__) - {"METHODS"} <= {path.rpartition(".")[2] for path, _ in listed} | set(dir(errors))


def test_the_experiment_that_needs_a_gpu_is_valid(folder):
    (block,) = [block for block in blocks_of(PAGES["dep.md"]) if block.title == "dep.toml"]
    (folder / "dep.toml").write_text(block.text)
    assert len(planned_runs(read_plan(folder / "dep.toml"))) == 15


def test_every_preset_is_named():
    named = set(re.findall(r"`([\w-]+)`", PAGES["reproduce.md"].read_text(encoding="utf-8")))
    assert {path.stem for path in PRESETS.glob("*.toml")} <= named


def test_every_method_and_every_template_is_listed():
    methods, templates = (PAGES[page].read_text(encoding="utf-8") for page in ("compare.md", "your-task.md"))
    assert [name for name in METHODS if f"`{name}`" not in methods] == []
    assert [name for name in STEPS if f"`{name}`" not in templates] == []


def test_the_readme_names_commands_that_exist():
    """Here every command line is checked with its options."""
    lines = re.findall(r"^    unlike ((?:.*\\\n)*.*)$", README, re.MULTILINE)
    assert len(lines) >= 10
    for line in lines:
        words = shlex.split(line.replace("\\\n", " "), comments=True)
        assert options_of(words), words
