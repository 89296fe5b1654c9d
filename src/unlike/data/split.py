"""The temporal split (DPL, appendix A): a user's last records are targets, everything before them the profile.

The invariant: users are split whole, by (timestamp, record id), so every profile ends before its first target.
"""

from dataclasses import dataclass

import polars as pl

from unlike.settings import CurateSettings


@dataclass(frozen=True, slots=True)
class Split:
    """What the split made of the curated records.

    Attributes:
        records: The keys that stay: those of all users, as their texts may serve others.
        cases: The targets, with a column ``split``: train, validation or test.
    """

    records: pl.DataFrame
    cases: pl.DataFrame


def split(keys: pl.DataFrame, settings: CurateSettings) -> Split:
    """Choose the cases.

    Args:
        keys: row, id, user_id, item_id, timestamp of the curated records; ids are unique.
        settings: How many targets, and what a profile needs.
    """
    placed = _placed(keys, settings)
    profile = placed.filter(pl.col("split").is_null(), "gives")
    users, shared = _profile_rule(placed.filter("gives").select("user_id").unique(), profile, settings)
    chosen = placed.join(users, on="user_id", how="semi")
    records = keys
    if settings.drop_unshared:
        unshared = chosen.filter(pl.col("split").is_null()).join(shared, on="item_id", how="anti")
        records = keys.join(unshared, on="row", how="anti")
    return Split(records, chosen.filter(pl.col("split").is_not_null()).drop("gives"))


def _placed(keys: pl.DataFrame, settings: CurateSettings) -> pl.DataFrame:
    """Each record's ``split`` (null in the profile), and whether its user has enough records to give cases."""
    ordered = keys.sort("user_id", "timestamp", "id")
    written = pl.len().over("user_id").cast(pl.Int64)
    from_end = written - pl.int_range(pl.len()).over("user_id")
    held_out = settings.test_targets + settings.val_targets
    train = pl.lit(settings.train_targets, dtype=pl.Int64)
    if settings.shrink_train_to_profile is not None:
        train = (written - held_out - settings.shrink_train_to_profile).clip(0, settings.train_targets)
    name = (
        pl.when(from_end <= settings.test_targets).then(pl.lit("test"))
        .when(from_end <= held_out).then(pl.lit("validation"))
        .when(from_end <= held_out + train).then(pl.lit("train"))
    )  # fmt: skip
    return ordered.with_columns(split=name, gives=written >= held_out + train)


def _profile_rule(
    users: pl.DataFrame, profile: pl.DataFrame, settings: CurateSettings
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Drop users whose profile shares too few items with others until nothing changes.

    Returns:
        The users left, and the items that have enough reviewers among their profiles.
    """
    while True:
        # One record per user and item, so records of an item are its reviewers.
        shared = profile.filter(pl.len().over("item_id") >= settings.min_profile_reviewers)
        items = shared.select("item_id").unique()
        if settings.min_profile == 0:
            return users, items
        left = shared.group_by("user_id").len().filter(pl.col("len") >= settings.min_profile).select("user_id")
        if left.height == users.height:
            return users, items
        users, profile = left, profile.join(left, on="user_id", how="semi")


def count_without_peers(parts: Split) -> dict[str, int]:
    """The number of cases, and of those where no other user wrote about any item of the user's history.

    Returns:
        ``cases``; ``without_as_of``: no other user wrote before the case; ``without_paper``: none wrote at any time.
    """
    by_item = parts.records.sort("item_id", "timestamp", "id").with_columns(
        place=pl.int_range(pl.len()).over("item_id"),
        first=pl.col("timestamp").first().over("item_id"),
        second=pl.col("timestamp").slice(1, 1).first().over("item_id"),
    )
    # The earliest text of another user on each record's item; null where there is none.
    others = by_item.with_columns(earliest=pl.when(pl.col("place") == 0).then("second").otherwise("first"))
    before = others.sort("user_id", "timestamp", "id").with_columns(
        seen=pl.col("earliest").cum_min().forward_fill().shift(1).over("user_id")
    )
    cases = before.join(parts.cases.select("row"), on="row", how="semi")
    as_of, paper = cases.select(
        as_of=(pl.col("seen") < pl.col("timestamp")).fill_null(False).sum(), paper=pl.col("seen").count()
    ).row(0)
    return {"cases": cases.height, "without_as_of": cases.height - as_of, "without_paper": cases.height - paper}
