"""Who gains over Non-Perso and who loses: by uniqueness, by history, by what is known of the users."""

from collections.abc import Iterable, Mapping

from unlike.evaluate.report.number_format import amount, interval, p_value, signed
from unlike.evaluate.report.report_tables import LEVEL, metric_of, table_of
from unlike.evaluate.report.shown_text import shorten
from unlike.evaluate.report.table_format import Group, Row, Table, TableCell, entries
from unlike.evaluate.statistics.findings import Findings, GroupGain, UserGain

MAX_GROUPS = 12
"""Groups shown of one attribute, variant and metric; an attribute with a value per user would fill the report."""
_MAX_NAME_CHARS = 48

Range = tuple[float, float]
"""Lowest and highest value of a group, both included."""


def halves_table(findings: Findings) -> Table | None:
    """The gain of unique and of other users."""
    rows: list[Row] = []
    for half in findings.halves:
        metric, scale = metric_of(findings, half.metric)
        gain = (signed(half.gain, scale), interval(half.low, half.high, scale))
        rows.append(entries(half.variant, metric, half.half, *gain, str(half.n_users)))
    columns = ("Variant", "Metric", "Users", "Gain", "95 % interval", "n")
    caption = "Gain over Non-Perso by uniqueness: how far a user's mean text is from the mean of all users."
    return table_of("halves", caption, columns, rows, n_words=3)


def gain_table(findings: Findings) -> Table | None:
    """Mean gain over Non-Perso of each variant and metric, by thirds of the users; None without gains."""
    histories = thirds({gain.user_id: gain.history_records for gain in findings.gains})
    uniqueness = thirds({gain.user_id: gain.uniqueness for gain in findings.gains})
    rows: list[Row] = []
    for (variant, name), gains in by_variant(findings.gains).items():
        metric, scale = metric_of(findings, name)
        counts = (f"{sum(gain.gain > 0 for gain in gains)} of {len(gains)}", str(sum(gain.gain < 0 for gain in gains)))
        by_history = [
            _mean([g.gain for g in gains if low <= g.history_records <= high], scale) for low, high in histories
        ]
        by_uniqueness = [
            _mean([g.gain for g in gains if low <= g.uniqueness <= high], scale) for low, high in uniqueness
        ]
        rows.append((*entries(variant, metric, *counts), *by_history, *by_uniqueness))
    columns = (
        *("Variant", "Metric", "gain", "lose"),
        *(f"History {_range(third)} records" for third in histories),
        *(f"Uniqueness {_range(third)}" for third in uniqueness),
    )
    caption = "Mean gain over Non-Perso for thirds of the users, by length of history and by uniqueness."
    return table_of("gains", caption, columns, rows, n_words=2)


def by_variant(gains: Iterable[UserGain]) -> dict[tuple[str, str], list[UserGain]]:
    """The gains by (variant, metric), in the order they came."""
    groups: dict[tuple[str, str], list[UserGain]] = {}
    for gain in gains:
        groups.setdefault((gain.variant, gain.metric), []).append(gain)
    return groups


def thirds(values: Mapping[str, float]) -> list[Range]:
    """Ranges that hold about a third of the values each; equal values stay together, so there may be fewer.

    Args:
        values: By user.
    """
    ordered = sorted(values.values())
    cuts = sorted({ordered[-(-len(ordered) * third // 3) - 1] for third in (1, 2, 3)}) if ordered else []
    ranges: list[Range] = []
    for cut in cuts:
        ranges.append((min(v for v in ordered if not ranges or v > ranges[-1][1]), cut))
    return ranges


def _mean(gains: list[float], scale: float | str) -> TableCell:
    return TableCell(signed(sum(gains) / len(gains), scale), small=f"n = {len(gains)}") if gains else TableCell("–")


def _range(third: Range) -> str:
    low, high = (f"{end:.3g}" for end in third)
    return low if low == high else f"{low} to {high}"


def group_table(findings: Findings) -> Table | None:
    """Gains by attributes of the users, variant by variant, lowest first; None without gains."""
    shown = list(_lowest(findings.group_gains))
    if not shown:
        return None
    attributes = dict.fromkeys(one.attribute for one in shown)
    rows = {name: tuple(_group(findings, one) for one in shown if one.attribute == name) for name in attributes}
    rest = len(findings.group_gains) - len(shown)
    columns = ("Variant", "Metric", "Users", "Gain", "95 % interval", "n")
    return Table(
        "groups",
        "Mean gain over Non-Perso by what is known of the users, lowest first. Holm's correction is over the groups of "
        "an attribute.",
        (*columns, "Against all others", "p (Welch)", "p (Holm)"),
        tuple(Group(of_attribute, shorten(name, _MAX_NAME_CHARS)) for name, of_attribute in rows.items()),
        n_words=3,
        remarks=(f"{amount(rest)} groups with higher gains are left out.",) if rest else (),
    )


def _lowest(gains: Iterable[GroupGain]) -> Iterable[GroupGain]:
    """The groups, at most ``MAX_GROUPS`` of each attribute, variant and metric, and all that are worst."""
    seen: dict[tuple[str, str, str], int] = {}
    for one in gains:
        key = (one.attribute, one.variant, one.metric)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= MAX_GROUPS or one.is_worst:
            yield one


def _group(findings: Findings, one: GroupGain) -> Row:
    metric, scale = metric_of(findings, one.metric)
    is_sure = one.p_holm is not None and one.p_holm < LEVEL
    verdict = "" if not one.is_worst else "served worst" if is_sure else "lowest gain, may be chance"
    difference = "–" if one.difference is None else signed(one.difference, scale)
    return (
        *entries(one.variant, metric),
        TableCell(shorten(one.group, _MAX_NAME_CHARS), small=verdict),
        *entries(signed(one.gain, scale), interval(one.low, one.high, scale), amount(one.n_users)),
        *entries(difference, p_value(one.p_welch), p_value(one.p_holm)),
    )
