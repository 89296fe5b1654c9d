"""Whom does it serve worse? Gains over Non-Perso by any attribute of the users: their age group, language, country.

Comparing users with each other may amplify bias, so the mean gain alone is no answer. What is known of the users comes
from a table of the experimenter's; the length of their history is always known. No user disappears from an attribute:
those without a value are a group of their own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from unlike.data.tables.casts import ids
from unlike.data.tables.fields import as_text
from unlike.data.tables.rows import read_rows
from unlike.errors import InputError
from unlike.evaluate.statistics.findings import GroupGain, UserGain
from unlike.evaluate.statistics.significance import MIN_USERS, Values, bootstrap_interval, holm

Attributes = Mapping[str, Mapping[str, str]]
"""By name of the attribute, by user id: the value as the table has it. Users without one are absent."""

USER = "user_id"
HISTORY = "history length"
NOT_KNOWN = "not known"
MOST_NUMBERS = 5
"""A numeric attribute with more distinct values than this is cut in two; others are groups as they are."""
_ROUNDING = 1e-12


def read_attributes(path: Path) -> Attributes:
    """Read what is known of the users: a line a user, a column an attribute; empty places are not known.

    Args:
        path: A table in any format with a column user_id, or a folder of them.

    Raises:
        InputError: It is missing or no such table, has no user_id, or has a user twice.
    """
    table = _table(path)
    twice = table.filter(table[USER].is_duplicated())[USER]
    if len(twice):
        raise InputError(f"{path.name} has user {twice[0]!r} more than once; one line a user is allowed; merge them")
    texts = table.with_columns(pl.all().exclude(USER).str.strip_chars().replace("", None))
    columns = (column for column in texts.iter_columns() if column.name != USER)
    return {column.name: _known(dict(zip(texts[USER], column, strict=True))) for column in columns}


def gains_by_attribute(gains: Sequence[UserGain], attributes: Attributes) -> list[GroupGain]:
    """Mean gain of each group of users, by attribute and variant, lowest gain first.

    Args:
        gains: Of every user with every variant.
        attributes: What is known of the users; those that gained nothing measurable do not count.
    """
    records = {gain.user_id: str(gain.history_records) for gain in gains}
    found: list[GroupGain] = []
    for attribute, values in {HISTORY: records, **attributes}.items():
        known = groups_of(attribute, {user: values[user] for user in records if user in values})
        for variant, metric in dict.fromkeys((gain.variant, gain.metric) for gain in gains):
            ours = [gain for gain in gains if (gain.variant, gain.metric) == (variant, metric)]
            names = np.array([known.get(gain.user_id, NOT_KNOWN) for gain in ours], dtype=object)
            values_of = np.array([gain.gain for gain in ours], dtype=np.float64)
            place = (variant, metric, attribute)
            made = [_group(place, name, values_of[names == name], values_of[names != name]) for name in set(names)]
            found += _marked(_corrected(sorted(made, key=lambda one: (one.gain, one.group))))
    return found


def groups_of(attribute: str, values: Mapping[str, str]) -> dict[str, str]:
    """The group of each user: the value itself, or the half where the values are many numbers.

    The cut is the median, or the highest value below it where nothing is above, so that no half is empty.

    Args:
        attribute: Its name, which the halves carry.
        values: By user id.
    """
    numbers = {user: number for user, value in values.items() if (number := _number(value)) is not None}
    distinct = sorted(set(numbers.values()))
    if len(numbers) < len(values) or len(distinct) <= MOST_NUMBERS:
        return dict(values)
    cut = min(median(numbers.values()), distinct[-2])
    return {user: f"{attribute} {'<=' if number <= cut else '>'} {cut:.12g}" for user, number in numbers.items()}


def welch(a: Values, b: Values) -> float | None:
    """Two-sided p of the t-test for two groups of unequal variance (Welch, 1947); None for fewer than 10 users in one.

    Groups without any spread differ for certain or not at all, as in the paired t-test.
    """
    if min(len(a), len(b)) < MIN_USERS:
        return None
    if max(np.ptp(a), np.ptp(b)) <= _ROUNDING:
        return 1.0 if abs(a.mean() - b.mean()) <= _ROUNDING else 0.0
    means = [(float(x.mean()), float(x.std(ddof=1)), len(x)) for x in (a, b)]
    result: Any = stats.ttest_ind_from_stats(*means[0], *means[1], equal_var=False)
    return float(result.pvalue)


def _table(path: Path) -> pl.DataFrame:
    """A table with all its columns as text, without empty lines; ids are those of a corpus."""
    rows = [row.values for row in read_rows(path)]
    names = dict.fromkeys(name for row in rows for name in row)
    if USER not in names:
        raise InputError(
            f"{path.name} has no column {USER}; it has {', '.join(names) or 'none'}; name that of the users so"
        )
    if HISTORY in names:
        raise InputError(
            f"{path.name} has a column {HISTORY!r}, which is counted from the corpus; give it another name"
        )
    columns = {name: [_text(row.get(name), name, path.name) for row in rows] for name in names}
    texts = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
    texts = texts.with_columns(ids(texts[USER])).filter(~pl.all_horizontal(pl.all().is_null()))
    if (texts[USER].fill_null("") == "").any():
        raise InputError(f"{path.name} has a line without {USER}; every line needs one; fill it in or take it out")
    return texts


def _text(value: Any, name: str, file: str) -> str | None:  # noqa: ANN401
    try:
        return as_text(value, "text")
    except (ValueError, TypeError) as error:
        raise InputError(f"column {name} of {file} holds {error}; texts and numbers are allowed") from error


def _known(values: Mapping[str, str | None]) -> dict[str, str]:
    return {user: value for user, value in values.items() if value is not None}


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _group(place: tuple[str, str, str], name: str, ours: Values, others: Values) -> GroupGain:
    """One group against all others.

    Args:
        place: Variant, metric and attribute.
        name: Of the group.
        ours: Gains of its users.
        others: Gains of all other users.
    """
    variant, metric, attribute = place
    gain = float(ours.mean())
    interval = bootstrap_interval(ours) if len(ours) > 1 else None
    return GroupGain(
        variant=variant,
        metric=metric,
        attribute=attribute,
        group=name,
        gain=gain,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        n_users=len(ours),
        difference=gain - float(others.mean()) if len(others) else None,
        p_welch=welch(ours, others),
    )


def _corrected(made: Sequence[GroupGain]) -> list[GroupGain]:
    """With Holm's correction over the groups. Of two groups both tests are the same one: a single question."""
    asked = {one.group: one.p_welch for one in made if one.p_welch is not None}
    corrected = holm(asked) if len(made) > 2 else asked
    return [replace(one, p_holm=corrected.get(one.group)) for one in made]


def _marked(made: Sequence[GroupGain]) -> list[GroupGain]:
    """With the lowest gain marked, among groups of two users or more: a single user is no group to speak of."""
    gains = [one.gain for one in made if one.n_users > 1]
    if not gains or max(gains) == min(gains):
        return list(made)
    return [replace(one, is_worst=one.n_users > 1 and one.gain == min(gains)) for one in made]
