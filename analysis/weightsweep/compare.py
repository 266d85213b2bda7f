"""The founding experiment, side by side: each published figure and curve beside ours, from the archives of finished sweeps."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from weightsweep import published, results, table
from weightsweep.published import Case
from weightsweep.results import Row

ARCHIVES = Path(__file__).resolve().parents[1] / "published"
BLOCK = ("<!-- seed-table:begin -->", "<!-- seed-table:end -->")

# How the founding experiment trained; a run that differs in one of these is another experiment.
_SEEDS_OWN = {
    "optimizer": "adam",
    "batch": 1024,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "warmup_steps": 0,
    "eval_points": 1,
}
_SEEDS_OWN_SETS = {"embed_dim": 128, "pooling": "mean", "encoder": "128,256", "decoder": "256,128"}


@dataclass(frozen=True)
class Ours:
    """The finished runs of one published case in one setting."""

    case: Case
    setting: tuple[str, ...]  # the precision; of the forward task what is not published, too: the generators' weights, the predictor's widths
    runs: list[Row]
    archives: list[str]

    @property
    def values(self) -> np.ndarray:
        return np.array([float(run[self.case.measure]) for run in self.runs])


def read(folder: Path) -> dict[str, list[Row]]:
    """The finished runs of every archive, by its name."""
    found = {}
    for path in sorted(folder.glob("*.h5")):
        found[path.stem] = results.rows(results.done(results.open_runs(path)))
    return found


def ours(case: Case, archives: dict[str, list[Row]]) -> list[Ours]:
    """Our repetitions of a published case, a row for each setting; empty where there is none. A run that several archives have counts
    once, of the one with the most runs."""
    by_setting: dict[tuple[str, ...], list[tuple[str, Row]]] = {}
    seen = set()
    for name, rows in sorted(archives.items(), key=lambda item: -len(item[1])):
        for row in rows:
            if _repeats(case, row) and row["run_id"].item() not in seen:
                seen.add(row["run_id"].item())
                by_setting.setdefault(_setting(case, row), []).append((name, row))
    return [Ours(case, setting, [row for _, row in pairs], sorted({name for name, _ in pairs})) for setting, pairs in sorted(by_setting.items())]


def _setting(case: Case, row: Row) -> tuple[str, ...]:
    setting = [str(row["precision"].item())]
    if case.task == "mlp-forward" and "generator_init" in row:
        setting.append(f"init {row['generator_init'].item()}")
    if case.task == "mlp-forward" and "network_hidden" in row:
        widths = str(row["network_hidden"].item()).split(",")
        setting.append(f"width {widths[0]}" if case.model == "res-linear" else f"{len(widths)} layers of {widths[0]}")
    return tuple(setting)


def _repeats(case: Case, row: Row) -> bool:
    wanted: dict[str, object] = {"task": case.task, "model": case.model, "steps": case.steps, **_SEEDS_OWN}
    if case.model == "deep-sets":
        wanted |= _SEEDS_OWN_SETS
    if case.task == "mlp-inverse":
        wanted["generator_init"] = "lecun"
    for name, value in (("unknowns", case.unknowns), ("equations", case.equations)):
        if value is not None:
            wanted[name] = value
    return all(name not in row or row[name].item() == value for name, value in wanted.items())


def rows(archives: dict[str, list[Row]]) -> tuple[list[str], list[list[str]]]:
    """Head and cells of the table: every published figure, in its order, and what is missing by its name."""
    head = ["task", "model", "unknowns", "equations", "steps", "measure", "published", "ours", "difference", "runs", "setting", "archive"]
    cells = []
    for case in published.cases():
        percent = case.measure == "r2"
        form, scale = (".1f", 100.0) if percent else (".3f", 1.0)
        known = format(scale * case.low, form) + (f" to {scale * case.high:{form}}" if case.high > case.low else "")
        left = [case.task, case.model, *("-" if value is None else str(value) for value in (case.unknowns, case.equations)), f"{case.steps:,}", "R² %" if percent else "loss", known]
        for each in ours(case, archives):
            values = scale * each.values
            digits = ".2f" if percent else ".4f"
            mean = format(values.mean(), digits) + (f" ({values.min():{digits}} to {values.max():{digits}})" if len(values) > 1 else "")
            middle = scale * (case.low + case.high) / 2
            cells.append([*left, mean, format(values.mean() - middle, f"+{digits}"), str(len(values)), ", ".join(each.setting), ", ".join(each.archives)])
        if not ours(case, archives):
            cells.append([*left, "no archive has it yet", "-", "0", "-", "-"])
    return head, cells


def ratios(archives: dict[str, list[Row]]) -> tuple[list[str], list[list[str]]]:
    """Head and cells of the losses that were published in pairs: their ratio carries over where their scale does not. A row for each two
    trainings of ours that differ in nothing else."""
    head = ["losses", "published", "ours", "setting"]
    cells = []
    losses = [case for case in published.cases() if case.measure == "loss_ema"]
    for _, pair in groupby(losses, key=lambda case: case.plot):
        first, second = pair
        known = (second.low + second.high) / (first.low + first.high)
        for below in ours(first, archives):
            for above in ours(second, archives):
                if _sweep_settings(below.runs[0]) == _sweep_settings(above.runs[0]):
                    setting = ", ".join(below.setting) + (f" and {above.setting[-1]}" if above.setting[-1:] != below.setting[-1:] else "")
                    ratio = above.values.mean() / below.values.mean()
                    cells.append([f"{second.series} / {first.series}, {first.task}, {first.steps:,} steps", f"{known:.2f}", f"{ratio:.2f}", setting])
    return head, cells


def _sweep_settings(row: Row) -> tuple[object, ...]:
    return tuple(row[name].item() for name in ("precision", "generator_init", "network_hidden") if name in row)


def as_markdown(archives: dict[str, list[Row]]) -> str:
    """The cases that were repeated as a table, the others named below it."""
    head, cells = rows(archives)
    missing = [f"{row[0]} {row[1]}" + (f" {row[2]}/{row[3]}" if row[3] != "-" else f" {row[4]} steps") for row in cells if row[9] == "0"]
    there = [row for row in cells if row[9] != "0"]
    named = f"\nNot in the archives yet (unknowns/equations): {', '.join(missing)}.\n" if missing else ""
    compared = ratios(archives)
    pairs = f"\n{table.markdown(*compared)}" if compared[1] else ""
    return (table.markdown(head, there) if there else "") + pairs + named


def as_text(archives: dict[str, list[Row]]) -> str:
    return table.text(*rows(archives)) + "\n" + table.text(*ratios(archives))
