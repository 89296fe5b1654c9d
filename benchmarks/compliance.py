"""Compliance of an LLM with the prompts of every method: the share of replies that do what was asked.

    python -m benchmarks.compliance FOLDER...                                    # of experiments that were run
    python -m benchmarks.compliance --llm openvino:NAME --cases 5 --out FOLDER   # runs one on the sample first

Replies are judged as they came, before anything is cleaned (where ``--rewrites`` asks again, those that were kept); see
``unlike.writing.faults``.
"""

import argparse
from pathlib import Path

import unlike
from benchmarks.replies import Checked, compliance_of, shares
from unlike.data.corpus import Corpus
from unlike.evaluate.running.run_method import JOURNAL, read_run
from unlike.prompts.task import open_task
from unlike.sync import wait_for

METHODS = ("non_perso", "rag", "int_sum", "llm_trsr", "cicl", "persona_db", "dpl", "dpl_verified", "drp")
REACH = {"difference": 0.90, "summary": 0.90, "text": 0.95}


def main() -> None:
    """Print a table of steps and methods."""
    parser = argparse.ArgumentParser(description="The share of replies that do what was asked.")
    parser.add_argument("folders", nargs="*", type=Path, help="experiment folders")
    parser.add_argument("--llm", help="run all methods on the sample with it first")
    parser.add_argument("--cases", type=int, default=5)
    parser.add_argument("--rewrites", type=int, default=0, help="setting of the methods")
    parser.add_argument("--out", type=Path, default=Path("compliance"))
    asked = parser.parse_args()
    folders = asked.folders or [run_sample(asked.llm, asked.cases, asked.rewrites, asked.out)]
    checked = [one for folder in folders for one in checked_in(folder)]
    print(table(checked))


def run_sample(llm: str, n_cases: int, rewrites: int, out: Path) -> Path:
    """Run all methods on the first cases of the sample, in the layout of turns."""
    corpus = unlike.sample_corpus(out / "corpus")
    settings = unlike.MethodSettings(n_records=2, n_peers=3, max_tokens=320, layout="turns", rewrites=rewrites)
    kit = unlike.open_kit(corpus, llm, "minilm", settings, journal=out / JOURNAL, concurrency=8)
    for method in METHODS:
        facts = {"corpus": str((out / "corpus").resolve())}
        wait_for(unlike.arun(corpus, method, kit, out / "runs" / method, limit=n_cases, facts=facts))
    return out


def checked_in(folder: Path) -> list[Checked]:
    """All replies behind the runs of an experiment folder."""
    found: list[Checked] = []
    for run in sorted(path.parent for path in (folder / "runs").glob("*/run.json")):
        facts = read_run(run)[1]
        corpus = Corpus.open(Path(str(facts["corpus"])))
        found += compliance_of(run, folder / JOURNAL, corpus, open_task(str(facts["task"])))
    return found


def table(checked: list[Checked]) -> str:
    """Steps and methods with their shares and faults, as Markdown."""
    lines = ["| step | method | replies | as asked | faults |", "|---|---|---:|---:|---|"]
    for (step, method), (share, n, faults) in sorted(shares(checked).items()):
        named = ", ".join(f"{fault} {count}" for fault, count in faults.most_common())
        lines.append(f"| {step} | {method} | {n} | {share:.0%} | {named} |")
    for step, reach in REACH.items():
        of_step = [one for one in checked if one.step == step]
        if of_step:
            share = sum(not one.faults for one in of_step) / len(of_step)
            lines.append(f"| **{step}** | all | {len(of_step)} | **{share:.0%}** (asked: {reach:.0%}) | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
