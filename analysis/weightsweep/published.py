"""Published results of the original experiment: R^2, final losses, and loss curves."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from weightsweep.results import Row

Cell = tuple[int, int]  # unknowns, equations

# Settings of the original experiment. A run that differs in one of them does not repeat a published training.
_ORIGINAL = {
    "optimizer": "adam",
    "batch": 1024,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "warmup_steps": 0,
    "eval_points": 1,
}
_ORIGINAL_DEEP_SETS = {"embed_dim": 128, "pooling": "mean", "encoder": "128,256", "decoder": "256,128"}


@dataclass
class Curve:
    step: list[int] = field(default_factory=list)
    loss_ema: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """One published training. `measure` is "r2" or "loss_ema", its value lies in [low, high]; `plot` and `series` name the curve."""

    task: str
    model: str
    unknowns: int | None  # None: not stated
    equations: int | None
    steps: int
    measure: str
    low: float
    high: float
    plot: str
    series: str

    @property
    def curve(self) -> Curve:
        return _curves()[self.plot, self.series]


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files("weightsweep") / "data" / name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


@cache
def _curves() -> dict[tuple[str, str], Curve]:
    curves: dict[tuple[str, str], Curve] = {}
    for row in _rows("published_curves.csv"):
        curve = curves.setdefault((row["experiment"], row["series"]), Curve())
        curve.step.append(int(row["step"]))
        curve.loss_ema.append(float(row["loss_ema"]))
    return curves


@cache
def cases() -> list[Case]:
    """Every training with a published value, in the order of publication."""
    found = []
    for row in _rows("published_loss.csv"):
        unknowns, equations = (int(row[name]) if row[name] else None for name in ("unknowns", "equations"))
        loss = float(row["loss"]), float(row["loss_to"])
        found.append(Case(row["experiment"], row["model"], unknowns, equations, int(row["steps"]), "loss_ema", *loss, row["curves"], row["series"]))
    for row in _rows("published_r2.csv"):
        plot, series = f"{row['model']}, {row['unknowns']} unknowns", f"{row['equations']} equations"
        r2 = float(row["r2"])
        found.append(Case(row["experiment"], row["model"], int(row["unknowns"]), int(row["equations"]), int(row["steps"]), "r2", r2, r2, plot, series))
    return found


def _of(task: str, model: str) -> dict[Cell, Case]:
    return {(case.unknowns, case.equations): case for case in cases() if (case.task, case.model, case.measure) == (task, model, "r2")}


@cache
def r2(task: str, model: str) -> dict[Cell, float]:
    """Published R^2 of a task and model, by cell."""
    return {cell: case.low for cell, case in _of(task, model).items()}


@cache
def loss_curves(task: str, model: str) -> dict[Cell, Curve]:
    """Published loss curves (moving average) of a task and model, by cell."""
    return {cell: case.curve for cell, case in _of(task, model).items()}


def repeats(case: Case, row: Row) -> bool:
    """True if the run has the settings of the published training."""
    wanted: dict[str, object] = {"task": case.task, "model": case.model, "steps": case.steps, **_ORIGINAL}
    if case.model == "deep-sets":
        wanted |= _ORIGINAL_DEEP_SETS
    if case.task == "mlp-inverse":
        wanted["generator_init"] = "lecun"
    for name, value in (("unknowns", case.unknowns), ("equations", case.equations)):
        if value is not None:
            wanted[name] = value
    return all(name not in row or row[name].item() == value for name, value in wanted.items())


def repeated(rows: list[Row]) -> list[Case]:
    """The published trainings that at least one of the runs repeats."""
    return [case for case in cases() if any(repeats(case, row) for row in rows)]
