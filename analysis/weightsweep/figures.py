"""Figures, one function each: an open sweep in, a matplotlib figure out. Readable in grey and by the colour-blind: every series has
its own dash and marker besides its colour."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from weightsweep import published, results

# Okabe and Ito's palette, darkest first, without the yellow that white paper swallows.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
Dash = str | tuple[int, tuple[int, ...]]
DASHES: list[Dash] = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
GREY = "0.55"
LEGEND_ROWS = 6  # more curves than that are drawn thin and named together

STYLE: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "pdf.fonttype": 42,
}


def _label(run: xr.Dataset, names: list[str]) -> str:
    """What tells a run from the others: `30 equations, muon`."""
    forms = {
        "unknowns": "{} unknowns",
        "equations": "{} equations",
        "embed_dim": "embedding {}",
        "pooling": "{}",
        "optimizer": "{}",
        "precision": "{}",
        "model": "{}",
        "seed": "seed {}",
    }
    return ", ".join(forms.get(name, name.replace("_", " ") + " {}").format(run[name].item()) for name in names)


def _panels(dataset: xr.Dataset, height: float = 3.8) -> tuple[Figure, dict[int, Axes]]:
    """One panel for each number of unknowns, side by side, three in a row."""
    unknowns = sorted({int(value) for value in dataset["unknowns"].values})
    columns = min(len(unknowns), 3)
    rows = -(-len(unknowns) // columns)
    width = 6.0 if columns == 1 else 4.3 * columns
    figure, grid = plt.subplots(rows, columns, figsize=(width, height * rows), squeeze=False, layout="constrained")
    for axes in grid.flat[len(unknowns) :]:
        axes.set_visible(False)
    return figure, dict(zip(unknowns, grid.flat))


def _runs(dataset: xr.Dataset) -> list[xr.Dataset]:
    return [dataset.isel(run=run) for run in range(dataset.sizes["run"])]


def _groups(runs: list[xr.Dataset], names: list[str]) -> list[list[xr.Dataset]]:
    """Runs that agree in these settings, in the order of their first; settings that are numbers ascend."""
    groups: dict[tuple[object, ...], list[xr.Dataset]] = {}
    for run in runs:
        groups.setdefault(tuple(run[name].item() for name in names), []).append(run)
    return [groups[key] for key in sorted(groups, key=lambda key: [(isinstance(part, str), part) for part in key])]


def loss_curves(dataset: xr.Dataset) -> Figure:
    """The smoothed training loss of every run against its step, the published curves in the background.

    The dash says how many equations, here and in the published curves; the colour says the rest, where anything else varies.
    """
    others = [name for name in results.axes(dataset) if name not in ("unknowns", "equations", "equation_ratio")]
    figure, panels = _panels(dataset)
    for unknowns, axes in panels.items():
        runs = [run for run in _runs(dataset) if int(run["unknowns"]) == unknowns and np.isfinite(run["curve_step"].values).any()]
        equations = sorted({int(run["equations"]) for run in runs})
        dashes = {count: DASHES[index % len(DASHES)] for index, count in enumerate(equations)}
        extra = _published_curves(axes, runs, unknowns, dashes)
        many = len(runs) > LEGEND_ROWS
        named: set[int] = set()
        kinds = [[run["run_id"].item() for run in group] for group in _groups(runs, others)]
        for index, run in enumerate(run for group in _groups(runs, [*others, "equations"]) for run in group):
            count = int(run["equations"])
            by_equations = many or not others
            kind = equations.index(count) if by_equations else [run["run_id"].item() in ids for ids in kinds].index(True)
            label = _label(run, ["equations", *others]) if not many else f"{count} equations" if count not in named else None
            named.add(count)
            axes.plot(
                run["curve_step"],
                run["curve_loss"],
                color=COLOURS[kind % len(COLOURS)],
                linestyle=dashes[count],
                marker="" if many or np.isfinite(run["curve_step"].values).sum() > 30 else MARKERS[index % len(MARKERS)],
                linewidth=0.8 if many else None,
                label=label if len(equations) <= LEGEND_ROWS else None,
                zorder=2,
            )
        title = f"{unknowns} unknowns" + (f", {len(runs)} runs" if many else "")
        axes.set(xscale="log", yscale="log", xlabel="training step", ylabel="training loss (moving average)", title=title)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
        axes.yaxis.set_minor_formatter(FuncFormatter(_sparse_minor))
        _legend(axes, extra)
    return figure


def _published_curves(axes: Axes, runs: list[xr.Dataset], unknowns: int, dashes: dict[int, Dash]) -> list[Line2D]:
    """Draws the published curves of the runs' cells and returns their line for the legend, if there are any."""
    drawn = []
    for task, model in {(run["task"].item(), run["model"].item()) for run in runs}:
        for (its_unknowns, equations), curve in published.loss_curves(task, model).items():
            if its_unknowns == unknowns and equations in dashes:
                drawn += axes.plot(curve.step, curve.loss_ema, color=GREY, linestyle=dashes[equations], linewidth=1.0, zorder=1)
    return [Line2D([], [], color=GREY, linewidth=1.0, label="published (same dashes)")] if drawn else []


def _sparse_minor(value: float, _: object) -> str:
    digit = round(value / 10 ** np.floor(np.log10(value)))
    return f"{value:g}" if digit in (2, 5) else ""


def _legend(axes: Axes, extra: list[Line2D]) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles or extra:
        ours_first = sorted(range(len(handles)), key=lambda index: "published" in labels[index])
        axes.legend(handles=[*(handles[index] for index in ours_first), *extra], loc="best")
    if not axes.lines and not axes.containers:
        axes.text(0.5, 0.5, "no run has come this far", transform=axes.transAxes, ha="center", color=GREY)
        axes.tick_params(which="both", labelbottom=False, labelleft=False)


def r2_against_ratio(dataset: xr.Dataset) -> Figure:
    """R^2 against equations per unknown, a line for each number of unknowns; several seeds are averaged and their spread is the bar."""
    others = [name for name in results.axes(dataset) if name not in ("unknowns", "equations", "equation_ratio", "seed")]
    names = ["unknowns", *others]
    figure, axes = plt.subplots(figsize=(6.0, 4.0), layout="constrained")
    finished = [run for run in _runs(dataset) if run["status"].item() == "done"]
    for index, group in enumerate(_groups(finished, names)):
        cells = _groups(group, ["equations"])
        ratio = [float(cell[0]["equations"]) / float(cell[0]["unknowns"]) for cell in cells]
        r2 = [100 * np.array([float(run["r2"]) for run in cell]) for cell in cells]
        bar = [np.std(values, ddof=1) if len(values) > 1 else 100 * float(cell[0]["r2_stderr"]) for values, cell in zip(r2, cells)]
        axes.errorbar(
            ratio,
            [np.mean(values) for values in r2],
            bar,
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            linestyle=DASHES[index % len(DASHES)],
            capsize=2.5,
            label=_label(group[0], names),
            zorder=2,
        )
    _published_r2(axes, finished)
    axes.set(xlabel="equations per unknown", ylabel="explained variance R² (%)")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    axes.margins(x=0.06, y=0.12)
    _legend(axes, [])
    return figure


def _published_r2(axes: Axes, runs: list[xr.Dataset]) -> None:
    """Hollow grey marks: what was published for the cells of these runs, a shape for each number of unknowns."""
    known: dict[published.Cell, float] = {}
    for task, model in {(run["task"].item(), run["model"].item()) for run in runs}:
        known |= published.r2(task, model)
    mine = {(int(run["unknowns"]), int(run["equations"])) for run in runs}
    for index, unknowns in enumerate(sorted({cell[0] for cell in known.keys() & mine})):
        cells = sorted(cell for cell in known.keys() & mine if cell[0] == unknowns)
        axes.plot(
            [equations / unknowns for _, equations in cells],
            [100 * known[cell] for cell in cells],
            color=GREY,
            linestyle="none",
            marker=MARKERS[index % len(MARKERS)],
            markersize=9,
            markerfacecolor="none",
            markeredgewidth=1.4,
            label=f"{unknowns} unknowns, published",
            zorder=1,
        )


@dataclass(frozen=True)
class Kind:
    draw: Callable[[xr.Dataset], Figure]
    called_for: Callable[[xr.Dataset], bool]  # whether the sweep has what the figure shows


FIGURES: dict[str, Kind] = {
    "loss": Kind(loss_curves, lambda dataset: bool(np.isfinite(dataset["curve_loss"].values).any())),
    "r2": Kind(r2_against_ratio, lambda dataset: len(set(dataset["equations"].values[dataset["status"].values == "done"])) > 1),
}


def save(dataset: xr.Dataset, folder: Path, names: list[str] | None = None) -> list[Path]:
    """Draws the named figures, or those the sweep calls for, as FOLDER/<results>-<figure>.png and .pdf."""
    stem = Path(dataset.attrs["source"]).stem
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with plt.rc_context(STYLE):
        for name in names or [name for name, kind in FIGURES.items() if kind.called_for(dataset)]:
            figure = FIGURES[name].draw(dataset)
            for suffix in ("png", "pdf"):
                path = folder / f"{stem}-{name}.{suffix}"
                figure.savefig(path)
                written.append(path)
            plt.close(figure)
    return written
