"""Values of settings: exact text and sort order."""

import math
import re
from collections.abc import Iterable

_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_LIST = re.compile(rf"({_NUMBER}(,{_NUMBER})*)?")


def exact(value: object) -> str:
    """The shortest text that reads back as the same value: 3 for 3.0, 0.00123456789, 1e-05."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def is_list(text: str) -> bool:
    """True for the text of a list of numbers: "128,256", "8", and "" for the empty list."""
    return _LIST.fullmatch(text) is not None


def order(value: object) -> tuple[object, ...]:
    """Sort key: numbers, then lists of numbers element by element (8, 16, 64,8, 128), then text. NaN comes after the other numbers."""
    if not isinstance(value, str):
        number = float(value)  # type: ignore[arg-type]
        return (0, math.isnan(number), 0.0 if math.isnan(number) else number)
    if is_list(value):
        return (1, [float(part) for part in value.split(",") if part])
    return (2, value)


def geometric(values: Iterable[float]) -> bool:
    """True if the distinct values are positive and grow geometrically: the largest is at least eight times the smallest, and the ratios of
    neighbours vary less than their differences."""
    known = sorted({float(value) for value in values if math.isfinite(value)})
    if len(known) < 2 or known[0] <= 0 or known[-1] < 8 * known[0]:
        return False
    pairs = list(zip(known, known[1:]))
    differences, ratios = [high - low for low, high in pairs], [math.log(high / low) for low, high in pairs]
    return max(ratios) / min(ratios) < max(differences) / min(differences) or len(known) == 2
