"""Table of the runs of a sweep: axes, results, and the published R² of the same case."""

import math
import re

import xarray as xr

from weightsweep import published, results
from weightsweep.outputs import Block
from weightsweep.values import exact

BLOCK: Block = ("<!-- quick-table:begin -->", "<!-- quick-table:end -->")


def rows(dataset: xr.Dataset, brief: bool = False) -> tuple[list[str], list[list[str]]]:
    """Head and cells, one row per run in the order of the file. `brief` omits the run ids, and the status if every run is done."""
    varied = [name for name in results.axes(dataset) if name not in ("unknowns", "equations")]
    shown = ["unknowns", "equations", *varied]
    head = ["run", *shown, "steps", "R² %", "published", "difference", "seconds", "status"]
    cells = [_row(run, shown) for run in results.rows(dataset)]
    if brief:
        omitted = {"run"} | ({"status"} if all(row[-1] == "done" for row in cells) else set())
        keep = [column for column, name in enumerate(head) if name not in omitted]
        head, cells = [head[column] for column in keep], [[row[column] for column in keep] for row in cells]
    return head, cells


def _row(run: results.Row, shown: list[str]) -> list[str]:
    done, steps = int(run["steps_done"]), int(run["steps"])
    r2, error = float(run["r2"]), float(run["r2_stderr"])
    cell = (int(run["unknowns"]), int(run["equations"]))
    known = published.r2(run["task"].item(), run["model"].item()).get(cell, math.nan)
    measured = _number(100 * r2, ".2f") + ("" if math.isnan(error) else f" ± {100 * error:.2f}")
    return [
        run["run_id"].item(),
        *(exact(run[name].item()) for name in shown),
        f"{steps:,}" if done == steps else f"{done:,} of {steps:,}",
        measured,
        _number(100 * known, ".1f"),
        _number(100 * (r2 - known) if done == steps else math.nan, "+.2f"),
        _number(float(run["wall_seconds"]), ",.0f"),
        run["status"].item() + (f": {message}" if (message := _one_line(run["message"].item())) else ""),
    ]


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _left(name: str, values: list[str]) -> bool:
    """True if the column is aligned left: text columns are, columns of numbers are not."""
    return name in ("run", "status") or not all(value[:1] in "-+0123456789" for value in values)


def as_text(dataset: xr.Dataset) -> str:
    head, cells = rows(dataset)
    note = "R²: explained variance on held-out generators ± standard error. Published: after 30,000 steps of Adam.\n"
    return text(head, cells) + (note if any(row[head.index("published")] != "-" for row in cells) else "")


def text(head: list[str], cells: list[list[str]]) -> str:
    columns = [[name, *(row[column] for row in cells)] for column, name in enumerate(head)]
    widths = [max(map(len, column)) for column in columns]
    left = [_left(column[0], column[1:]) for column in columns]
    lines = []
    for row in [head, *cells]:
        padded = [cell.ljust(width) if to_left else cell.rjust(width) for cell, width, to_left in zip(row, widths, left, strict=True)]
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines) + "\n"


def as_markdown(dataset: xr.Dataset) -> str:
    return markdown(*rows(dataset, brief=True))


def markdown(head: list[str], cells: list[list[str]]) -> str:
    left = [_left(name, [row[column] for row in cells]) for column, name in enumerate(head)]
    rule = ["---" if to_left else "---:" for to_left in left]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in [head, rule, *cells])
