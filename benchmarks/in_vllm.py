"""Work in the environment of vLLM for processors, which wants libraries of its own; ``make bench`` makes it.

    python -m benchmarks.in_vllm MODULE [--quick]

is how it is called there: it prints the rows of ``MODULE.measured(quick)`` as the last line, in JSON.
"""

import importlib
import json
import os
import subprocess
import sys
from dataclasses import asdict

from benchmarks.results import REPOSITORY, has_avx2
from benchmarks.row import Row

PYTHON = REPOSITORY / ".venv-vllm" / "bin" / "python"
KVCACHE_GB = 2


def in_vllm(module: str, quick: bool) -> list[Row]:
    """The rows of a module that measures vLLM, or one without a figure."""
    why_not = _why_not()
    if why_not:
        return [Row(module, "", None, why_not=f"not measured here: {why_not}")]
    asked = [str(PYTHON), "-m", "benchmarks.in_vllm", module, *(["--quick"] if quick else [])]
    room = {"VLLM_CPU_KVCACHE_SPACE": str(KVCACHE_GB), "VLLM_LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(asked, cwd=REPOSITORY, env=os.environ | room, check=True, stdout=subprocess.PIPE, text=True)
    return [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def _why_not() -> str:
    if not has_avx2():
        return "vLLM for processors wants AVX2"
    return "" if PYTHON.is_file() else "no vLLM; `make test-vllm` installs it"


def main() -> None:
    """In vLLM's environment."""
    measured = importlib.import_module(f"benchmarks.{sys.argv[1]}").measured
    rows = measured("--quick" in sys.argv[2:])
    print("\n" + json.dumps([asdict(row) for row in rows]))


if __name__ == "__main__":
    main()
