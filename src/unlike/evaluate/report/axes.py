"""Scales, ticks and axes of plots."""

import math
from dataclasses import dataclass

from markupsafe import Markup

from unlike.evaluate.report.svg import line, words


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places.

    Attributes:
        low: Lowest value.
        high: Highest value, above ``low``.
        start: Place of the lowest value.
        end: Place of the highest value.
        is_log: Whether equal steps are equal ratios; values are above 0 then.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, number: float) -> float:
        """The place of a value."""
        low, high, at = (math.log10(x) if self.is_log else x for x in (self.low, self.high, number))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Round values within the scale."""
        return log_ticks(self.low, self.high) if self.is_log else ticks(self.low, self.high)


def ticks(low: float, high: float, n: int = 5) -> list[float]:
    """About n round values (1, 2, 2.5 or 5 times a power of ten apart) from low to high."""
    rough = (high - low) / n
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from low to high; only the powers over more than two decades."""
    factors = (1,) if math.log10(high / low) > 2 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for power in powers for factor in factors if low <= (tick := factor * 10.0**power) <= high]


def room(numbers: list[float], with_zero: bool) -> tuple[float, float]:
    """Lowest and highest value of a scale for these numbers: with some air, and never empty."""
    low, high = min(numbers), max(numbers)
    if with_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        pad = abs(high) * 0.1 or 0.1
        return low - (0 if with_zero and low == 0 else pad), high + pad
    air = (high - low) * 0.06
    return (low - air if low < 0 or not with_zero else low), (high + air if high > 0 or not with_zero else high)


def tick_label(number: float) -> str:
    """A round value in as few characters as it takes."""
    if number >= 1000:
        return f"{number / 1000:g}k"
    return f"{number + 0.0:.6g}".replace("-", "−")


def bottom_axis(scale: Scale, top: float, bottom: float, at: list[float] | None = None) -> list[Markup]:
    """Ticks with values below, and a faint line up from each."""
    marks = scale.ticks if at is None else at
    grid = [line(scale(tick), top, scale(tick), bottom, "grid") for tick in marks]
    return [*grid, *(words(tick_label(tick), scale(tick), bottom + 15, "middle", "tick") for tick in marks)]


def left_axis(scale: Scale, left: float, right: float) -> list[Markup]:
    """Ticks with values on the left, and a faint line across from each."""
    grid = [line(left, scale(tick), right, scale(tick), "grid") for tick in scale.ticks]
    return [*grid, *(words(tick_label(tick), left - 6, scale(tick) + 4, "end", "tick") for tick in scale.ticks)]
