"""Gains of DEP in words.toml's runs, for users in training and for those left out of it.

    python results/digital_music/unseen.py words corpus

Gains are differences of the mean log-probability per token of the real texts.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from scipy import stats

from unlike.data.corpus import Corpus
from unlike.latent.training_data import is_left_out

LEFT_OUT = 0.5
"""As in words.toml."""


def main(experiment: Path, corpus: Path) -> None:
    """Print the gains of DEP."""
    user_of = {case.id: case.user_id for case in Corpus.open(corpus).cases("test")}
    values = {run.name.rpartition("_t")[0]: loglik(run) for run in sorted((experiment / "runs").iterdir())}
    dep = values.pop("dep")
    for less, theirs in values.items():
        for group, wanted in (("in training", False), ("left out", True)):
            cases = [case for case in dep.keys() & theirs if is_left_out(user_of[case], LEFT_OUT) == wanted]
            gains = [dep[case] - theirs[case] for case in cases]
            test = stats.ttest_1samp(gains, 0)
            low, high = test.confidence_interval()
            gain = f"{fmean(gains):+.4f} ({low:.4f} to {high:.4f}), t {test.statistic:.1f}"
            print(f"dep less {less}, {len(cases)} users {group}: {gain}")


def loglik(run: Path) -> Mapping[str, float]:
    """What was measured in a run, by case."""
    rows = map(json.loads, (run / "likelihood.jsonl").read_text(encoding="utf-8").splitlines())
    return {row["case_id"]: row["loglik"] for row in rows if row["loglik"] is not None}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
