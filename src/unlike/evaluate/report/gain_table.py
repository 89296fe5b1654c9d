"""Who gains and who loses: users grouped by history and uniqueness, for display; nothing is tested here."""

from collections.abc import Iterable, Mapping

from unlike.evaluate.report.layout import Entry, Group, Row, Table
from unlike.evaluate.report.metric_tables import labels, scales
from unlike.evaluate.report.wording import signed
from unlike.evaluate.statistics.findings import Findings, UserGain

Range = tuple[float, float]
"""Lowest and highest value of a group, both within."""


def gain_table(findings: Findings) -> Table | None:
    """Mean gain over Non-Perso of each variant and metric, by thirds of the users; None without gains."""
    if not findings.gains:
        return None
    histories = thirds({gain.user_id: gain.history_records for gain in findings.gains})
    uniqueness = thirds({gain.user_id: gain.uniqueness for gain in findings.gains})
    columns = (
        *("Variant", "Metric", "gain", "lose"),
        *(f"History {_words(third)} records" for third in histories),
        *(f"Uniqueness {_words(third)}" for third in uniqueness),
    )
    rows = [_row(findings, place, gains, histories, uniqueness) for place, gains in by_variant(findings.gains).items()]
    caption = "Mean gain over Non-Perso for thirds of the users, by length of history and by uniqueness."
    return Table("gains", caption, columns, (Group(tuple(rows)),), n_words=2)


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


def _row(
    findings: Findings,
    place: tuple[str, str],
    gains: list[UserGain],
    histories: list[Range],
    uniqueness: list[Range],
) -> Row:
    variant, metric = place
    scale = scales(findings).get(metric, 1.0)
    by_history = [_mean([g.gain for g in gains if low <= g.history_records <= high], scale) for low, high in histories]
    by_uniqueness = [_mean([g.gain for g in gains if low <= g.uniqueness <= high], scale) for low, high in uniqueness]
    return (
        Entry(variant),
        Entry(labels(findings).get(metric, metric)),
        Entry(f"{sum(gain.gain > 0 for gain in gains)} of {len(gains)}"),
        Entry(str(sum(gain.gain < 0 for gain in gains))),
        *by_history,
        *by_uniqueness,
    )


def _mean(gains: list[float], scale: float | str) -> Entry:
    return Entry(signed(sum(gains) / len(gains), scale), small=f"n = {len(gains)}") if gains else Entry("–")


def _words(third: Range) -> str:
    low, high = (f"{end:.3g}" for end in third)
    return low if low == high else f"{low} to {high}"
