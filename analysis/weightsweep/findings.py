"""Fills the blocks of FINDINGS.md: one block per archived sweep, with a line of text, a table and a figure."""

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from weightsweep import effects, outputs, results, table
from weightsweep.outputs import OutputError
from weightsweep.results import Row
from weightsweep.values import exact

if TYPE_CHECKING:
    from weightsweep.figures import Drawing

PAGE = Path(__file__).resolve().parents[1] / "FINDINGS.md"
_MARK = "<!-- finding {}:{} -->"
_BEGIN = re.compile(r"<!-- finding ([\w-]+):begin -->")
_EXTRA = re.compile(r"r2_(?!stderr)[\w.-]+(?<!_stderr)|weight_match(_error)?(_chance)?")  # columns that exist only in some sweeps
_TRAINING = (("optimizer", "{}"), ("learning_rate", "rate {}"), ("schedule", "{}"), ("batch", "batch {:,}"), ("eval_points", "eval_points {:,}"), ("precision", "{}"))


def fill(page: Path, archives: Path, drawings: Path | None) -> list[Path]:
    """Writes every block of the page from the archive of its name; with `drawings`, draws the figures there. Returns the paths written."""
    names = _BEGIN.findall(outputs.read_document(page))
    if not names:
        raise OutputError(f"{page}: has no block {_MARK.format('NAME', 'begin')} ... {_MARK.format('NAME', 'end')}; expected one per archive")
    found = {name: _finished(archives / f"{name}.h5") for name in names}
    drawn = {name: _drawing(runs, drawings) for name, runs in found.items() if drawings and runs is not None and runs.sizes["run"]}
    texts = {}
    for name, runs in found.items():
        picture = f"\n![{name}]({os.path.relpath(drawn[name].path, page.parent)})\n" if name in drawn else ""
        texts[_MARK.format(name, "begin"), _MARK.format(name, "end")] = _text(name, runs) + picture
    outputs.check(output for drawing in drawn.values() for output in drawing.outputs())
    if drawings:
        outputs.make_folder(drawings)
    pictures = [path for drawing in drawn.values() for path in drawing.save()]
    outputs.fill_blocks(page, texts)
    return [page, *pictures]


def _finished(path: Path) -> xr.Dataset | None:
    return results.done(results.open_runs(path)) if path.is_file() else None


def _text(name: str, runs: xr.Dataset | None) -> str:
    if runs is None:
        return f"Not in the archives yet: {name}.\n"
    return f"{answer(runs)}\n\n{table.markdown(*rows(runs))}" if runs.sizes["run"] else f"No run of {name} has finished.\n"


def answer(runs: xr.Dataset) -> str:
    """One line: number of runs, steps, training settings, and the settings with the highest and the lowest R²."""
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
    """The training settings that all runs share; the others are columns of the table."""
    return ", ".join(form.format(_plain(runs[name].values[0])) for name, form in _TRAINING if name in runs.variables and len(set(runs[name].values)) == 1)


def _plain(value: np.generic) -> object:
    return exact(value.item()) if isinstance(value, np.floating) else value


def rows(runs: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    """Head and cells of the table: one row per setting, averaged over seeds."""
    varied = _varied(runs)
    extra = [str(name) for name in runs.data_vars if _EXTRA.fullmatch(str(name)) and np.isfinite(runs[name].values).any()]
    head = [*varied, "seeds", "loss", "R² %", *(f"{name} %" if name.startswith("r2_") else name for name in extra)]
    cells = []
    for group in _groups(runs):
        each = [_mean(group, name, 100 if name.startswith("r2_") else 1) for name in extra]
        settings = [results.setting(group[0], name) or "-" for name in varied]
        cells.append([*settings, str(len(group)), f"{np.mean([row['loss_ema'] for row in group]):.4f}", _mean(group, "r2", 100), *each])
    return head, cells


def _varied(runs: xr.Dataset) -> list[str]:
    return [name for name in results.varied(runs) if name != "seed"] or ["unknowns", "equations"]


def _groups(runs: xr.Dataset) -> list[list[Row]]:
    """Groups of runs that differ only in their seed."""
    return list(results.groups(results.rows(runs), _varied(runs)).values())


def _label(runs: xr.Dataset, row: Row) -> str:
    return ", ".join(f"{name} {results.setting(row, name)}" for name in _varied(runs) if results.setting(row, name))


def _mean(group: list[Row], name: str, scale: float) -> str:
    """Mean over the group, with the minimum and maximum over seeds, or with the standard error of a single run."""
    values = scale * np.array([float(row[name]) for row in group])
    if not np.isfinite(values).any():
        return "-"
    if len(values) > 1:
        low, high = f"{values.min():.2f}", f"{values.max():.2f}"
        return f"{values.mean():.2f}" + ("" if low == high else f" ({low} to {high})")
    error = scale * float(group[0].get(f"{name}_stderr", math.nan))
    return f"{values[0]:.2f}" + ("" if math.isnan(error) else f" ± {error:.2f}")


def _drawing(runs: xr.Dataset, folder: Path) -> "Drawing":
    from weightsweep import figures  # deferred: importing matplotlib is slow

    called = figures.called_for(runs)
    by_values = sorted(effects.axes(runs), key=lambda name: -len(set(runs[name].values)))  # the axis with the most values
    first = "weights" if "objective" in results.varied(runs) else "loss" if set(runs["task"].values) == {"mlp-forward"} else "shift"
    name = next(name for name in (first, *by_values, "loss") if name in called)
    return figures.Drawing(name, [runs], folder, pdf=False)  # a Markdown page cannot show a PDF
