"""Gains over Non-Perso by attributes of the users, such as age group, language or country: which users gain less?

Comparing users with each other may amplify bias, which a mean over all users hides. Attributes come from a table that the
experimenter gives; the length of the history is always known. Users without a value of an attribute are a group of their own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from unlike.data.tables.casts import ids
from unlike.data.tables.fields import as_text
from unlike.data.tables.rows import read_rows
from unlike.errors import InputError
from unlike.evaluate.statistics.findings import GroupGain, UserGain
from unlike.evaluate.statistics.significance import MIN_USERS, Values, holm, interval_ends

Attributes = Mapping[str, Mapping[str, str]]
"""By name of the attribute, by user id: the value as the table has it. Users without one are absent."""

USER = "user_id"
HISTORY = "history length"
NOT_KNOWN = "not known"
MAX_NUMBERS = 5
"""A numeric attribute with more distinct values is split into two halves; otherwise each value is a group."""
_ROUNDING = 1e-12


def read_attributes(path: Path) -> Attributes:
    """Read the attributes of users: a line per user, a column per attribute; empty cells are not known.

    Args:
        path: A table in any format with a column user_id, or a folder of them.

    Raises:
        InputError: It is missing or no such table, has no user_id, or has a user twice.
    """
    table = _table(path)
    twice = table.filter(table[USER].is_duplicated())[USER]
    if len(twice):
        raise InputError(f"{path.name} has user {twice[0]!r} more than once; one line per user is allowed; merge them")
    texts = table.with_columns(pl.all().exclude(USER).str.strip_chars().replace("", None))
    columns = (column for column in texts.iter_columns() if column.name != USER)
    return {
        column.name: {user: value for user, value in zip(texts[USER], column, strict=True) if value is not None}
        for column in columns
    }


def gains_by_attribute(gains: Sequence[UserGain], attributes: Attributes) -> list[GroupGain]:
    """Mean gain of each group of users, by attribute and variant, lowest gain first.

    The length of the history is an attribute too, unless all users have the same.

    Args:
        gains: Gains of every user with every variant.
        attributes: Attributes of the users; users without a gain do not count.
    """
    records = {gain.user_id: str(gain.history_records) for gain in gains}
    by_history = {HISTORY: records} if len(set(records.values())) > 1 else {}
    found: list[GroupGain] = []
    for attribute, values in {**by_history, **attributes}.items():
        known = groups_of(attribute, {user: values[user] for user in records if user in values})
        for variant, metric in dict.fromkeys((gain.variant, gain.metric) for gain in gains):
            ours = [gain for gain in gains if (gain.variant, gain.metric) == (variant, metric)]
            names = np.array([known.get(gain.user_id, NOT_KNOWN) for gain in ours], dtype=object)
            values_of = np.array([gain.gain for gain in ours], dtype=np.float64)
            key = (variant, metric, attribute)
            made = [_group(key, name, values_of[names == name], values_of[names != name]) for name in set(names)]
            found += _marked(_corrected(sorted(made, key=lambda one: (one.gain, one.group))))
    return found


def groups_of(attribute: str, values: Mapping[str, str]) -> dict[str, str]:
    """The group of each user: the value itself, or the half where the values are many numbers.

    They are split at the median, or just below the highest value where that is the median, so that no half is empty.

    Args:
        attribute: Its name, which the halves carry.
        values: By user id.
    """
    numbers = {user: number for user, value in values.items() if (number := _number(value)) is not None}
    distinct = sorted(set(numbers.values()))
    if len(numbers) < len(values) or len(distinct) <= MAX_NUMBERS:
        return dict(values)
    cut = min(median(numbers.values()), distinct[-2])
    return {user: f"{attribute} {'<=' if number <= cut else '>'} {cut:.12g}" for user, number in numbers.items()}


def welch(a: Values, b: Values) -> float | None:
    """Two-sided p of the t-test for two groups of unequal variance (Welch, 1947); None where a group has fewer than 10 users.

    Between groups without variance p is 0 or 1, as in the paired t-test.
    """
    if min(len(a), len(b)) < MIN_USERS:
        return None
    if max(np.ptp(a), np.ptp(b)) <= _ROUNDING:
        return 1.0 if abs(a.mean() - b.mean()) <= _ROUNDING else 0.0
    from scipy import stats

    means = [(float(x.mean()), float(x.std(ddof=1)), len(x)) for x in (a, b)]
    result: Any = stats.ttest_ind_from_stats(*means[0], *means[1], equal_var=False)
    return float(result.pvalue)


def _table(path: Path) -> pl.DataFrame:
    """A table with all its columns as text, without empty lines; ids are those of a corpus."""
    rows = [row.values for row in read_rows(path)]
    names = dict.fromkeys(name for row in rows for name in row)
    if USER not in names:
        raise InputError(
            f"{path.name} has no column {USER}; it has {', '.join(names) or 'none'}; rename the column of the users"
        )
    if HISTORY in names:
        raise InputError(
            f"{path.name} has a column {HISTORY!r}, which is counted from the corpus; give it another name"
        )
    columns = {name: [_text(row.get(name), name, path.name) for row in rows] for name in names}
    texts = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
    texts = texts.with_columns(ids(texts[USER])).filter(~pl.all_horizontal(pl.all().is_null()))
    if (texts[USER].fill_null("") == "").any():
        raise InputError(f"{path.name} has a line without {USER}; every line needs one; add it or remove the line")
    return texts


def _text(value: Any, name: str, file: str) -> str | None:  # noqa: ANN401
    try:
        return as_text(value, "text")
    except (ValueError, TypeError) as error:
        raise InputError(f"column {name} of {file} holds {error}; texts and numbers are allowed") from error


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _group(key: tuple[str, str, str], name: str, ours: Values, others: Values) -> GroupGain:
    """One group against all others.

    Args:
        key: Variant, metric and attribute.
        name: Name of the group.
        ours: Gains of its users.
        others: Gains of all other users.
    """
    variant, metric, attribute = key
    gain = float(ours.mean())
    low, high = interval_ends(ours)
    return GroupGain(
        variant=variant,
        metric=metric,
        attribute=attribute,
        group=name,
        gain=gain,
        low=low,
        high=high,
        n_users=len(ours),
        difference=gain - float(others.mean()) if len(others) else None,
        p_welch=welch(ours, others),
    )


def _corrected(made: Sequence[GroupGain]) -> list[GroupGain]:
    """The groups with Holm's correction. The tests of two groups against each other are one test, which needs none."""
    asked = {one.group: one.p_welch for one in made}
    corrected = holm(asked) if len(made) > 2 else asked
    return [replace(one, p_holm=corrected.get(one.group)) for one in made]


def _marked(made: Sequence[GroupGain]) -> list[GroupGain]:
    """The groups with the lowest gain marked; groups of a single user are not considered."""
    gains = [one.gain for one in made if one.n_users > 1]
    if not gains or max(gains) == min(gains):
        return list(made)
    return [replace(one, is_worst=one.n_users > 1 and one.gain == min(gains)) for one in made]
