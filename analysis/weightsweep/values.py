"""Values of settings: exact text and sort order."""

import math
import re

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
