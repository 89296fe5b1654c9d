"""The wheel in an empty environment, without extras: every command works, or names the extra that it needs in one line."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

import unlike

ROOT = Path(__file__).parents[1]
WORKS = {
    "help": ("--help",),
    "version": ("--version",),
    "demo": ("demo", "--llm", "scripted:echo", "--embedder", "hashing:256", "--out", "demo"),
}
HASHING = ("--embedder", "hashing:64")
NEEDS = {
    "train": (("train", "dep", "--corpus", "demo/corpus", *HASHING, "--llm", "transformers:x", "--out", "a"), "latent"),
    "adapter": (("adapter", "show", "a"), "latent"),
    "explain": (("latent", "explain", "demo/runs/dpl_t0.8_s0", "1"), "latent"),
    "experiment": (
        ("experiment", "dep-table1", "--corpus", "demo/corpus", "--embedder", "hashing:64", "--dry-run"),
        "latent",
    ),
    "inspect": (("inspect", "demo"), "service"),
    "ingest": (("ingest", "--sample", "--store", "memory"), "service"),
}
"""By command: its words, and the extra it names."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The command in an environment of its own."""
    folder = tmp_path_factory.mktemp("base")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(pip, check=True)
    (wheel,) = folder.glob("unlike-*.whl")
    assert wheel.name.split("-")[1] == unlike.__version__
    venv.create(folder / "env", with_pip=True)
    command = [folder / "env/bin/python", "-m", "pip", "install", "--quiet", "--no-compile", wheel]
    subprocess.run([*map(str, command), "--constraint", str(ROOT / "constraints.txt")], check=True)
    return folder


def run(folder, words):
    command = [str(folder / "env/bin/unlike"), *words]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


@pytest.mark.soak
def test_the_base_install(installed):
    for name, words in WORKS.items():
        done = run(installed, words)
        assert done.returncode == 0, (name, done.stderr)
    assert (installed / "demo/report.html").stat().st_size > 10_000
    for name, (words, extra) in NEEDS.items():
        done = run(installed, words)
        errors = [line for line in done.stderr.splitlines() if line.startswith("unlike: ")]
        assert (done.returncode, len(errors)) == (2, 1), (name, done.stderr)
        assert "Traceback" not in done.stderr
        assert errors[0].endswith(f'pip install ".[{extra}]"'), (name, errors)
