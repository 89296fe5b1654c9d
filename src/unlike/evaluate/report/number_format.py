"""How numbers are written in reports, the same in tables, figures and sentences."""

import math

NOT_AVAILABLE = "not available"
_MINUS = "−"


def finite(number: float | None) -> float | None:
    """The number, or None where it is missing, infinite or not a number."""
    return number if number is not None and math.isfinite(number) else None


def value(number: float | None, scale: float | str = 1.0) -> str:
    """A value of a metric: four decimals up to 1, two up to higher values, four significant digits for units.

    Args:
        number: The value.
        scale: The highest value the metric may have, or its unit.
    """
    if number is None or math.isnan(number):
        return NOT_AVAILABLE
    if math.isinf(number):
        return "∞" if number > 0 else f"{_MINUS}∞"
    if isinstance(scale, str):
        decimals = min(9, max(0, 3 - math.floor(math.log10(abs(number))))) if number else 0
    else:
        decimals = 4 if scale <= 1 else 2
    return f"{number:.{decimals}f}".replace("-", _MINUS)


def signed(number: float | None, scale: float | str = 1.0) -> str:
    """A difference, with its sign."""
    shown = value(number, scale)
    return f"+{shown}" if shown[0].isdigit() or shown == "∞" else shown


def interval(low: float | None, high: float | None, scale: float | str = 1.0) -> str:
    """An interval of differences in brackets; a dash where there is none."""
    if finite(low) is None or finite(high) is None:
        return "–"
    return f"[{signed(low, scale)}, {signed(high, scale)}]"


def p_value(p: float | None) -> str:
    """A p-value with three decimals, or "< 0.001", since no test of so few cases is more exact."""
    if finite(p) is None or p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def amount(number: float, decimals: int = 0) -> str:
    """A count or a quantity, with separators between thousands."""
    return f"{number:,.{decimals}f}".replace("-", _MINUS)
