"""What the archived sweeps found: a page of questions, under each its answer as a line, a table and a figure."""

import math
import os
import re
from pathlib import Path

import numpy as np
import xarray as xr

from weightsweep import results, table
from weightsweep.results import ResultsError, Row

PAGE = Path(__file__).resolve().parents[1] / "FINDINGS.md"
_MARK = "<!-- finding {}:{} -->"
_BEGIN = re.compile(r"<!-- finding ([\w-]+):begin -->")
_FURTHER = re.compile(r"r2_(?!stderr)[\w.-]+(?<!_stderr)|weight_match(_error)?(_chance)?")  # columns that only some sweeps fill
_FIGURES = ("shift", "embedding", "pooling", "activation", "optimizer", "r2", "weights", "loss")  # the first that a sweep calls for
_TRAINING = (("optimizer", "{}"), ("learning_rate", "rate {:g}"), ("schedule", "{}"), ("batch", "batch {:,}"), ("eval_points", "eval_points {:,}"), ("precision", "{}"))


def fill(page: Path, archives: Path, drawings: Path | None) -> list[Path]:
    """Writes every block of the page from the archive of its name; with `drawings`, draws the figures there. Returns what was written."""
    written = []
    names = _BEGIN.findall(page.read_text(encoding="utf-8"))
    if not names:
        raise ResultsError(f"{page}: has no block {_MARK.format('NAME', 'begin')} ... {_MARK.format('NAME', 'end')}")
    for name in names:
        path = archives / f"{name}.h5"
        runs = results.done(results.open_runs(path)) if path.is_file() else None
        if runs is None:
            text = f"Not in the archives yet: {name}.\n"
        elif not runs.sizes["run"]:
            text = f"No run of {name} has finished.\n"
        else:
            text = f"{answer(runs)}\n\n{table.markdown(*rows(runs))}"
            if drawings:
                written.append(_draw(runs, drawings))
                text += f"\n![{name}]({os.path.relpath(written[-1], page.parent)})\n"
        table.fill_block(page, text, (_MARK.format(name, "begin"), _MARK.format(name, "end")))
    return [page, *written]


def answer(runs: xr.Dataset) -> str:
    """How they were trained, and the best and the worst of the settings, in one line."""
    groups = _groups(runs)
    means = [float(np.mean([row["r2"] for row in group])) for group in groups]
    best, worst = int(np.argmax(means)), int(np.argmin(means))
    steps = sorted({int(row["steps_done"]) for group in groups for row in group})
    number = runs.sizes["run"]
    trained = f"{number} {'run' if number == 1 else 'runs'} of {' and '.join(f'{count:,}' for count in steps)} steps ({_training(runs)})."
    if best == worst:
        return f"{trained} R² {100 * means[best]:.2f} %."
    ends = [f"R² {100 * means[at]:.2f} % with {_label(runs, groups[at][0])}" for at in (best, worst)]
    return f"{trained} Best: {ends[0]}; worst: {ends[1]}."


def _training(runs: xr.Dataset) -> str:
    """What all runs share of it; the rest is in the table."""
    return ", ".join(form.format(runs[name].values[0]) for name, form in _TRAINING if name in runs.variables and len(set(runs[name].values)) == 1)


def rows(runs: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    """Head and cells: a row for each setting, its seeds together."""
    varied = _varied(runs)
    further = [str(name) for name in runs.data_vars if _FURTHER.fullmatch(str(name)) and np.isfinite(runs[name].values).any()]
    head = [*varied, "seeds", "loss", "R² %", *(f"{name} %" if name.startswith("r2_") else name for name in further)]
    cells = []
    for group in _groups(runs):
        each = [_mean(group, name, 100 if name.startswith("r2_") else 1) for name in further]
        settings = [results.setting(group[0], name) or "-" for name in varied]
        cells.append([*settings, str(len(group)), f"{np.mean([row['loss_ema'] for row in group]):.4f}", _mean(group, "r2", 100), *each])
    return head, cells


def _varied(runs: xr.Dataset) -> list[str]:
    return [name for name in results.varied(runs) if name != "seed"] or ["unknowns", "equations"]


def _groups(runs: xr.Dataset) -> list[list[Row]]:
    """Runs that differ in their seed alone."""
    return list(results.groups(results.rows(runs), _varied(runs)).values())


def _label(runs: xr.Dataset, row: Row) -> str:
    return ", ".join(f"{name} {results.setting(row, name)}" for name in _varied(runs) if results.setting(row, name))


def _mean(group: list[Row], name: str, scale: float) -> str:
    """Their mean; the spread over seeds, or a single run's standard error."""
    values = scale * np.array([float(row[name]) for row in group])
    if not np.isfinite(values).any():
        return "-"
    if len(values) > 1:
        low, high = f"{values.min():.2f}", f"{values.max():.2f}"
        return f"{values.mean():.2f}" + ("" if low == high else f" ({low} to {high})")
    error = scale * float(group[0].get(f"{name}_stderr", math.nan))
    return f"{values[0]:.2f}" + ("" if math.isnan(error) else f" ± {error:.2f}")


def _draw(runs: xr.Dataset, folder: Path) -> Path:
    from weightsweep import figures  # matplotlib takes its time

    called = figures.called_for(runs)
    first = "weights" if "objective" in results.varied(runs) else "loss" if runs.sizes["run"] == 1 else None  # one run: its curve
    wanted = (first, *_FIGURES)
    name = next(name for name in wanted if name in called)
    picture, document = figures.save([runs], folder, [name])
    document.unlink()  # a page shows pictures
    return picture
