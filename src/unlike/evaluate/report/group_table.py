"""Whom it serves worse: gains by attributes of the users, the lowest first and named as such in words."""

from collections.abc import Iterable

from unlike.evaluate.report.layout import Entry, Group, Row, Table, entries
from unlike.evaluate.report.metric_tables import labels, scales
from unlike.evaluate.report.wording import amount, interval, p_value, shorten, signed
from unlike.evaluate.statistics.findings import Findings, GroupGain

MOST_GROUPS = 12
"""Groups shown of one attribute, variant and metric; an attribute with a value a user would fill the report."""
_LONGEST_NAME = 48
_RELIABLE = 0.05


def group_table(findings: Findings) -> Table | None:
    """The groups of each attribute, variant by variant, lowest gain first; None without gains."""
    shown = list(_lowest(findings.group_gains))
    if not shown:
        return None
    attributes = dict.fromkeys(one.attribute for one in shown)
    rows = {name: tuple(_row(findings, one) for one in shown if one.attribute == name) for name in attributes}
    rest = len(findings.group_gains) - len(shown)
    columns = (
        "Variant",
        "Metric",
        "Users",
        "Gain",
        "95 % interval",
        "n",
        "Against all others",
        "p (Welch)",
        "p (Holm)",
    )
    return Table(
        "groups",
        "Mean gain over Non-Perso by what is known of the users, lowest first. Holm's correction is over the groups of "
        "an attribute.",
        columns,
        tuple(Group(of_attribute, shorten(name, _LONGEST_NAME)) for name, of_attribute in rows.items()),
        n_words=3,
        remarks=(f"{amount(rest)} groups with higher gains are left out.",) if rest else (),
    )


def _lowest(gains: Iterable[GroupGain]) -> Iterable[GroupGain]:
    """The groups in their order, without those beyond the first so many of their place."""
    seen: dict[tuple[str, str, str], int] = {}
    for one in gains:
        place = (one.attribute, one.variant, one.metric)
        seen[place] = seen.get(place, 0) + 1
        if seen[place] <= MOST_GROUPS or one.is_worst:
            yield one


def _row(findings: Findings, one: GroupGain) -> Row:
    scale, metric = scales(findings).get(one.metric, 1.0), labels(findings).get(one.metric, one.metric)
    difference = "–" if one.difference is None else signed(one.difference, scale)
    return (
        *entries(one.variant, metric),
        Entry(shorten(one.group, _LONGEST_NAME), small=_verdict(one)),
        *entries(signed(one.gain, scale), interval(one.low, one.high, scale), amount(one.n_users)),
        *entries(difference, p_value(one.p_welch), p_value(one.p_holm)),
    )


def _verdict(one: GroupGain) -> str:
    """What the lowest gain of an attribute means; a difference that may be chance is called so."""
    if not one.is_worst:
        return ""
    return "served worst" if one.p_holm is not None and one.p_holm < _RELIABLE else "lowest gain, may be chance"
