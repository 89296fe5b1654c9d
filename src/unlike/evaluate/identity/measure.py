"""Does the difference from others identify the user? A measure that needs only vectors of the texts.

A user's next text is set against another user's text on the same item. Each is compared with the mean over earlier texts of
the user, once by its own vector and once by its difference from what others wrote on the item (DEP, equation 4). The result
is the share of users whose own text is nearer. Controls test for reasons other than the user.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unlike.data.corpus import Corpus
from unlike.data.corpus_facts import sizes_of
from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.evaluate.identity import controls
from unlike.evaluate.identity.plan import IdentityPlan, K, Planned, Section, needed
from unlike.evaluate.identity.separation import Contrast, Floats, VectorSpace, against_strangers, contrast
from unlike.evaluate.identity.trials import IdentitySettings, Texts, Trial
from unlike.evaluate.statistics.significance import MIN_USERS
from unlike.progress import OnProgress, no_progress

TEXTS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Measured:
    """All measures on one set of trials.

    Attributes:
        name: What was changed, or the value of a setting.
        n_users: Users that count.
        n_records: Mean number of earlier records.
        n_peers: Mean number of peers of such a record.
        found: The figures; None for too few users.
    """

    name: str
    n_users: int
    n_records: float
    n_peers: float
    found: Contrast | None


@dataclass(frozen=True, slots=True)
class IdentityReport:
    """The result for one corpus and encoder.

    Attributes:
        corpus: Its hash, and numbers of users, items and records.
        embedder: Name of the encoder.
        settings: What was measured.
        n_repeated: Texts left out because they repeat earlier ones.
        left_out: Users that do not count, by reason.
        n_items: Different items of the trials.
        n_foil_authors: Different authors of foils.
        main: The result.
        controls: One for each control.
        over_records: One for each N, the number of earlier records.
        over_peers: One for each K, the number of peers.
        representatives: The representatives of DPL's equation 4, as many random peers, and all peers.
    """

    corpus: Mapping[str, int | str]
    embedder: str
    settings: IdentitySettings
    n_repeated: int
    left_out: Mapping[str, int]
    n_items: int
    n_foil_authors: int
    main: Measured
    controls: Sequence[Measured]
    over_records: Sequence[Measured]
    over_peers: Sequence[Measured]
    representatives: Sequence[Measured]


def identity(
    corpus: Corpus,
    encoder: Encoder,
    settings: IdentitySettings | None = None,
    on_progress: OnProgress = no_progress,
) -> IdentityReport:
    """Measure how well a user's next text is distinguished from another user's, with the vectors of an encoder.

    Args:
        corpus: Where the texts are; its cases do not matter.
        encoder: Turns texts into vectors; with a cache, each text is encoded once.
        settings: None for the defaults.
        on_progress: Called while texts are encoded and figures computed.

    Raises:
        InputError: The corpus has too few users for the measure, or a setting is not allowed.
    """
    study = Study(corpus, settings or IdentitySettings(), on_progress)
    return study.report(study.encoded(encoder), encoder.name)


def identity_of_vectors(
    corpus: Corpus,
    vectors: Floats,
    embedder: str,
    settings: IdentitySettings | None = None,
    on_progress: OnProgress = no_progress,
) -> IdentityReport:
    """``identity`` with given vectors.

    Args:
        corpus: Where the texts are; its cases do not matter.
        vectors: (n_records, dim), in the order of ``corpus.records()``; of any length.
        embedder: Name of the vectors in the report.
        settings: None for the defaults.
        on_progress: Called while figures are computed.

    Raises:
        InputError: The vectors do not fit the corpus, the corpus has too few users, or a setting is not allowed.
    """
    n_records = len(corpus.records())
    if vectors.ndim != 2 or len(vectors) != n_records or not np.isfinite(vectors).all():
        raise InputError(
            f"vectors of shape {vectors.shape} for {n_records:,} records; give one row of finite numbers per record"
        )
    study = Study(corpus, settings or IdentitySettings(), on_progress)
    return study.report(study.space(np.asarray(vectors, np.float32)), embedder)


class Study:
    """A corpus, its plan, and what is measured by it.

    Args:
        corpus: Where the texts are.
        settings: What is measured.
        on_progress: Called while texts are encoded and figures computed.
        names: Names of the rows that are measured; empty for all.

    Attributes:
        settings: What is measured.
        texts: The records.
        plan: All trials.
        rows: The rows that are measured.
        n_texts: Number of texts that these need.
    """

    def __init__(
        self, corpus: Corpus, settings: IdentitySettings, on_progress: OnProgress, names: Collection[str] = ()
    ) -> None:
        self._corpus = corpus
        self.settings = settings
        self._on_progress = on_progress
        self.texts = Texts(corpus.records(), settings)
        self.plan = IdentityPlan(self.texts, settings)
        self.rows = [row for row in self.plan.rows if not names or row.name in names]
        self._needed = needed(self.rows)
        self.n_texts = len(self._needed)

    def encoded(self, encoder: Encoder) -> VectorSpace:
        """Encode the texts that the rows need; the vectors of all other records are zero."""
        found: list[Floats] = []
        for start in range(0, len(self._needed), TEXTS_AT_ONCE):
            numbers = self._needed[start : start + TEXTS_AT_ONCE]
            found.append(encoder.encode([self.texts.read(number) for number in numbers]))
            self._on_progress("texts encoded", start + len(numbers), len(self._needed), "")
        vectors = np.zeros((len(self.texts.records), found[0].shape[1]), np.float32)
        vectors[self._needed] = np.concatenate(found)
        return self.space(vectors)

    def space(self, vectors: Floats) -> VectorSpace:
        """The vectors, (n_records, dim), with the mean of those that are needed."""
        return VectorSpace(vectors, vectors[self._needed].mean(axis=0))

    def report(self, space: VectorSpace, embedder: str) -> IdentityReport:
        """All figures."""
        texts, plan = self.texts, self.plan
        rows: dict[Section, list[Measured]] = {}
        for n_done, planned in enumerate(self.rows):
            rows.setdefault(planned.section, []).append(self.measured(planned, space))
            self._on_progress("measured", n_done + 1, len(self.rows), "")
        return IdentityReport(
            corpus=sizes_of(self._corpus),
            embedder=embedder,
            settings=self.settings,
            n_repeated=len(texts.repeated),
            left_out=plan.left_out,
            n_items=len({texts.records[trial.own].item_id for trial in plan.trials[0]}),
            n_foil_authors=len({texts.author(trial.foil) for trials in plan.trials for trial in trials}),
            main=rows["main"][0],
            controls=rows["controls"],
            over_records=rows["over_records"],
            over_peers=rows["over_peers"],
            representatives=rows["representatives"],
        )

    def measured(self, row: Planned, space: VectorSpace) -> Measured:
        """The figures of a row."""
        space, repeats = self.changed(row, space)
        n_users = len(repeats[0])
        history = [one for trials in repeats for trial in trials for one in trial.history]
        measure = against_strangers if row.how == "against" else contrast
        return Measured(
            name=row.name,
            n_users=n_users,
            n_records=len(history) / max(1, n_users * len(repeats)),
            n_peers=sum(len(one.peers) for one in history) / max(1, len(history)),
            found=measure(space, repeats, self.settings.seed) if n_users >= MIN_USERS else None,
        )

    def changed(self, row: Planned, space: VectorSpace) -> tuple[VectorSpace, Sequence[Sequence[Trial]]]:
        """The vectors and trials of a row."""
        if row.how == "regressed":
            changed = controls.without_rating_length_and_date(space.vectors, self._needed, self.texts)
            return VectorSpace(changed, space.centre), row.repeats
        if row.how == "representatives":
            chosen = controls.Representatives(self.texts, space.vectors, self._needed, K, self.settings.seed)
            return space, [list(map(chosen.of, trials)) for trials in row.repeats]
        return space, row.repeats
