"""Compares the published results of the original experiment with the archives of finished sweeps."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from weightsweep import published, results, table
from weightsweep.outputs import Block
from weightsweep.published import Case
from weightsweep.results import Row

ARCHIVES = Path(__file__).resolve().parents[1] / "published"
BLOCK: Block = ("<!-- seed-table:begin -->", "<!-- seed-table:end -->")

@dataclass(frozen=True)
class Ours:
    """The finished runs of one published case in one setting."""

    case: Case
    setting: tuple[str, ...]  # precision; for mlp-forward also the unpublished settings: generator_init and the widths of the predictor
    runs: list[Row]
    archives: list[str]

    @property
    def values(self) -> np.ndarray:
        return np.array([float(run[self.case.measure]) for run in self.runs])


def read(folder: Path) -> dict[str, list[Row]]:
    """The finished runs of every archive in the folder, by the archive's name."""
    found = {}
    for path in sorted(folder.glob("*.h5")):
        found[path.stem] = results.rows(results.done(results.open_runs(path)))
    return found


def ours(case: Case, archives: dict[str, list[Row]]) -> list[Ours]:
    """Our repetitions of a published case, one element per setting. The list is empty if no archive repeats the case. A run that occurs
    in several archives, or as res-linear of another depth (res-linear ignores the depth), counts once, from the archive with the most runs."""
    by_setting: dict[tuple[str, ...], list[tuple[str, Row]]] = {}
    seen = set()
    for name, rows in sorted(archives.items(), key=lambda item: -len(item[1])):
        for row in rows:
            if not published.repeats(case, row):
                continue
            setting = _setting(case, row)
            if (setting, int(row["seed"])) not in seen:
                seen.add((setting, int(row["seed"])))
                by_setting.setdefault(setting, []).append((name, row))
    return [Ours(case, setting, [row for _, row in found], sorted({name for name, _ in found})) for setting, found in sorted(by_setting.items())]


def _setting(case: Case, row: Row) -> tuple[str, ...]:
    setting = [str(row["precision"].item())]
    if case.task == "mlp-forward" and "generator_init" in row:
        setting.append(f"init {row['generator_init'].item()}")
    if case.task == "mlp-forward" and "network_hidden" in row:
        widths = str(row["network_hidden"].item()).split(",")
        setting.append(f"width {widths[0]}" if case.model == "res-linear" else f"{len(widths)} layers of {widths[0]}")
    return tuple(setting)


def rows(archives: dict[str, list[Row]]) -> tuple[list[str], list[list[str]]]:
    """Head and cells of the table: one row per published value and setting, in the published order. A case without an archive has a row, too."""
    head = ["task", "model", "unknowns", "equations", "steps", "measure", "published", "ours (lowest to highest seed)", "difference", "seeds", "setting", "archive"]
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
            cells.append([*left, "no archive", "-", "0", "-", "-"])
    return head, cells


@dataclass(frozen=True)
class Pair:
    """Two losses that were published in one plot, and our runs of both with one setting."""

    first: Ours
    second: Ours

    @property
    def ratio(self) -> float:
        return float(self.second.values.mean() / self.first.values.mean())

    @property
    def init(self) -> str:
        return str(self.first.runs[0].get("generator_init"))

    @property
    def published(self) -> float:
        first, second = self.first.case, self.second.case
        return (second.low + second.high) / (first.low + first.high)


def pairs(archives: dict[str, list[Row]]) -> list[Pair]:
    """For each two losses that were published in one plot: every two of our trainings that differ only in the model."""
    losses = [case for case in published.cases() if case.measure == "loss_ema"]
    found = []
    for _, (first, second) in groupby(losses, key=lambda case: case.plot):
        found += [Pair(one, other) for one in ours(first, archives) for other in ours(second, archives) if _differ_in_model_only(one.runs[0], other.runs[0])]
    return found


def nearest(case: Case, archives: dict[str, list[Row]]) -> list[Ours]:
    """Our repetitions of a case. If the case was published for its ratio to another case: per generator_init, only the repetition whose
    ratio is closest to the published ratio."""
    mine = [pair for pair in pairs(archives) if case.task == "mlp-forward" and case.plot == pair.first.case.plot]
    if not mine:
        return ours(case, archives)
    groups = [[pair for pair in mine if pair.init == init] for init in sorted({pair.init for pair in mine})]
    best = [min(group, key=lambda pair: abs(np.log(pair.ratio / pair.published))) for group in groups]
    return [each for pair in best for each in (pair.first, pair.second) if each.case == case]


def ratios(archives: dict[str, list[Row]]) -> tuple[list[str], list[list[str]]]:
    """Head and cells of the table of loss ratios. Ratios of losses that were published in one plot are comparable; the losses are not."""
    head = ["losses", "published", "ours", "setting"]
    cells = []
    for pair in pairs(archives):
        first, second = pair.first, pair.second
        setting = ", ".join(first.setting) + (f" and {second.setting[-1]}" if second.setting[-1:] != first.setting[-1:] else "")
        losses = f"{second.case.series} / {first.case.series}, {first.case.task}, {first.case.steps:,} steps"
        cells.append([losses, f"{pair.published:.2f}", f"{pair.ratio:.2f}", setting])
    return head, cells


def _differ_in_model_only(one: Row, other: Row) -> bool:
    """True if the runs differ at most in their model. res-linear uses only the first width, so only that is compared."""
    if "network_hidden" in one:
        widths = [str(row["network_hidden"].item()).split(",") for row in (one, other)]
        first = "res-linear" in (one["model"].item(), other["model"].item())
        if widths[0][: 1 if first else None] != widths[1][: 1 if first else None]:
            return False
    return all(one[name].item() == other[name].item() for name in ("precision", "generator_init") if name in one)


def as_markdown(archives: dict[str, list[Row]]) -> str:
    """The repeated cases as a table, and a line with the other cases below it."""
    head, cells = rows(archives)
    missing = [f"{row[0]} {row[1]}" + (f" {row[2]}/{row[3]}" if row[3] != "-" else f" {row[4]} steps") for row in cells if row[9] == "0"]
    there = [row for row in cells if row[9] != "0"]
    named = f"\nNot in the archives yet (unknowns/equations): {', '.join(missing)}.\n" if missing else ""
    compared = ratios(archives)
    pairs = f"\n{table.markdown(*compared)}" if compared[1] else ""
    return (table.markdown(head, there) if there else "") + pairs + named


def as_text(archives: dict[str, list[Row]]) -> str:
    return table.text(*rows(archives)) + "\n" + table.text(*ratios(archives))
