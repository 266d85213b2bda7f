"""The founding experiment's published figures: the table of R^2 and the loss curves."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

Cell = tuple[int, int]  # unknowns, equations


@dataclass
class Curve:
    step: list[int] = field(default_factory=list)
    loss_ema: list[float] = field(default_factory=list)


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files("weightsweep") / "data" / name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


@cache
def r2(task: str, model: str) -> dict[Cell, float]:
    """R^2 of each published cell of that task and model."""
    return {
        (int(row["unknowns"]), int(row["equations"])): float(row["r2"])
        for row in _rows("published_r2.csv")
        if row["experiment"] == task and row["model"] == model
    }


@cache
def loss_curves(task: str, model: str) -> dict[Cell, Curve]:
    """The smoothed loss of each published cell (deep-sets on mlp-inverse; the other experiments have no such cells)."""
    curves: dict[Cell, Curve] = {}
    if (task, model) != ("mlp-inverse", "deep-sets"):
        return curves
    for row in _rows("published_curves.csv"):
        if not row["experiment"].startswith("deep-sets, "):
            continue
        unknowns = int(row["experiment"].split()[1])
        equations = int(row["series"].split()[0])
        curve = curves.setdefault((unknowns, equations), Curve())
        curve.step.append(int(row["step"]))
        curve.loss_ema.append(float(row["loss_ema"]))
    return curves
