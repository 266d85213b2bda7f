"""Tables as text, Markdown, LaTeX and CSV, from a head and rows of cells."""

import csv
import io
import re

Head = list[str]
Cells = list[list[str]]
_NUMBER = r"-?[0-9][0-9.,]*"

_LATEX = {"\\": r"\textbackslash{}", **{character: f"\\{character}" for character in "&%$#_{}"}, "<": "$<$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
          "R²": "$R^2$", "R^2": "$R^2$", " x ": r" $\times$ "}  # fmt: skip


def _left(name: str, values: list[str]) -> bool:
    """True if the column is aligned left: text columns are, columns of numbers are not."""
    return name in ("run", "status") or not all(value[:1] in "-+0123456789" for value in values)


def _sides(head: Head, cells: Cells) -> list[bool]:
    return [_left(name, [row[column] for row in cells]) for column, name in enumerate(head)]


def text(head: Head, cells: Cells) -> str:
    columns = [[name, *(row[column] for row in cells)] for column, name in enumerate(head)]
    widths = [max(map(len, column)) for column in columns]
    left = _sides(head, cells)
    lines = []
    for row in [head, *cells]:
        padded = [cell.ljust(width) if to_left else cell.rjust(width) for cell, width, to_left in zip(row, widths, left, strict=True)]
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines) + "\n"


def markdown(head: Head, cells: Cells) -> str:
    rule = ["---" if to_left else "---:" for to_left in _sides(head, cells)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in [head, rule, *cells])


def latex(head: Head, cells: Cells) -> str:
    """A tabular for the package booktabs."""
    sides = "".join("l" if to_left else "r" for to_left in _sides(head, cells))
    lines = [" & ".join(map(latex_text, row)) + r" \\" for row in [head, *cells]]
    return "\n".join([rf"\begin{{tabular}}{{{sides}}}", r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"]) + "\n"


def latex_text(cell: str) -> str:
    """The cell in LaTeX. A negative number has a minus sign; a range is `1--2`, with a negative end `$-1$ to $2$`."""
    ends = cell.split(" to ")
    if len(ends) <= 2 and all(re.fullmatch(_NUMBER, end) for end in ends):
        return " to ".join(f"${end}$" for end in ends) if "-" in cell else "--".join(ends)
    for before in ("R²", "R^2", " x "):
        cell = cell.replace(before, f"\0{before}\0")
    parts = cell.split("\0")
    return "".join(_LATEX[part] if index % 2 else "".join(_LATEX.get(character, character) for character in part) for index, part in enumerate(parts))


def comma_separated(head: Head, cells: Cells) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *cells])
    return out.getvalue()
