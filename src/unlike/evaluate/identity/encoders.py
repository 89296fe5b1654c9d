"""Which encoder identifies the user best? Several encoders on the same trials, in one table.

Each is measured by its own vectors, and by the difference to the mean of all peers and to the K representatives of DPL's
equation 4. A stranger's history in place of the user's is the control.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from unlike.data.corpus import Corpus
from unlike.data.corpus_facts import sizes_of
from unlike.embed.encoder import ConcatenatedEncoder, Encoder
from unlike.embed.open import parts_of
from unlike.errors import InputError
from unlike.evaluate.identity.fitted import FittedEncoders
from unlike.evaluate.identity.measure import Study
from unlike.evaluate.identity.plan import REPRESENTATIVES, RESULT, STRANGER, Planned
from unlike.evaluate.identity.separation import Contrast, Gain, Scores, VectorSpace, compared, contrast, gain, scores
from unlike.evaluate.identity.trials import IdentitySettings
from unlike.progress import OnProgress, no_progress


@dataclass(frozen=True, slots=True)
class EncoderFigures:
    """The figures of one encoder.

    Attributes:
        name: As it was given.
        dim: Dimension of its vectors.
        result: Own vector, centred, and difference to the mean of all peers.
        representatives: ``result`` with K representatives in place of all peers.
        stranger: ``result`` with a stranger's history; None for too few users.
        over_first: Gain of the difference over that of the first encoder; None for the first encoder.
    """

    name: str
    dim: int
    result: Contrast
    representatives: Contrast
    stranger: Contrast | None
    over_first: Gain | None


@dataclass(frozen=True, slots=True)
class EncodersReport:
    """The comparison on one corpus.

    Attributes:
        corpus: Its hash, and numbers of users, items and records.
        settings: What was measured.
        n_users: Users that count.
        n_fitted_users: Users in no trial, on whose texts encoders are fitted.
        n_texts: Texts that were encoded.
        encoders: In the order given.
    """

    corpus: Mapping[str, int | str]
    settings: IdentitySettings
    n_users: int
    n_fitted_users: int
    n_texts: int
    encoders: Sequence[EncoderFigures]


def compare_encoders(
    corpus: Corpus,
    names: Sequence[str],
    opening: Callable[[str], Encoder],
    settings: IdentitySettings | None = None,
    on_progress: OnProgress = no_progress,
) -> EncodersReport:
    """Measure how well each of some encoders distinguishes a user's next text from another user's.

    Args:
        corpus: Where the texts are; its cases do not matter.
        names: Encoders as ``open_encoder`` takes them, "ngrams:DIM" (character n-grams reduced by SVD) and "style" (the
            style embedding of the authorship measure), both fitted on users in no trial, or several joined by "+".
        opening: Opens an encoder that is not fitted; with a cache, each text is encoded once.
        settings: None for the defaults.
        on_progress: Called while texts are encoded and figures computed.

    Raises:
        InputError: A name is unknown or given twice, or the corpus has too few users.
        MissingPart: An encoder needs a part that is not installed.
    """
    if not names or len(set(names)) < len(names):
        raise InputError(f"encoders to compare are {', '.join(names) or 'none'}; give each once")
    settings = settings or IdentitySettings()
    study = Study(corpus, settings, on_progress, (RESULT, STRANGER, REPRESENTATIVES))
    fitted = FittedEncoders(corpus, study.texts, study.plan.trials, settings)
    rows = {row.name: row for row in study.rows}
    found: list[EncoderFigures] = []
    first: Scores | None = None
    for name, encoder in _opened(names, fitted, opening):
        space = study.encoded(encoder)
        figures, difference = _figures(name, study, rows, space, first)
        first = difference if first is None else first
        found.append(figures)
        on_progress("encoders measured", len(found), len(names), name)
    n_users = len(rows[RESULT].repeats[0])
    return EncodersReport(sizes_of(corpus), settings, n_users, len(fitted.users), study.n_texts, found)


def _opened(
    names: Sequence[str], fitted: FittedEncoders, opening: Callable[[str], Encoder]
) -> Iterator[tuple[str, Encoder]]:
    """Each encoder with its name, opened when it is its turn; a part that a later one shares is kept until then."""
    n_uses = Counter(part for name in names for part in parts_of(name))
    openings = {part: fitted.opening(part) or partial(opening, part) for part in n_uses}
    kept: dict[str, Encoder] = {}
    for name in names:
        parts = list[Encoder]()
        for part in parts_of(name):
            parts.append(kept.pop(part) if part in kept else openings[part]())
            n_uses[part] -= 1
            if n_uses[part]:
                kept[part] = parts[-1]
        yield name, parts[0] if len(parts) == 1 else ConcatenatedEncoder(parts)


def _figures(
    name: str, study: Study, rows: Mapping[str, Planned], space: VectorSpace, first: Scores | None
) -> tuple[EncoderFigures, Scores]:
    """The figures of an encoder, and the scores of its difference."""
    seed = study.settings.seed
    result = scores(*study.changed(rows[RESULT], space))
    difference = result[-1]
    return EncoderFigures(
        name=name,
        dim=space.vectors.shape[1],
        result=compared(result, seed),
        representatives=contrast(*study.changed(rows[REPRESENTATIVES], space), seed),
        stranger=study.measured(rows[STRANGER], space).found,
        over_first=None if first is None else gain(difference, first, seed),
    ), difference
