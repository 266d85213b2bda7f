"""Style and helpers of the figures. Each series has its own dash and marker besides its colour, so figures stay readable in grey and for
colour-blind readers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from weightsweep import results
from weightsweep.results import Row
from weightsweep.values import order

# Okabe and Ito's palette, darkest first, without yellow, which has little contrast on white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
Dash = str | tuple[int, tuple[int, ...]]
DASHES: list[Dash] = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
GREY = "0.55"
MAP = "cividis"  # lightness increases monotonically
LEGEND_ROWS = 6  # a longer legend is placed beside its panel
MAX_SERIES = 16  # distinguishable series per panel
_REFERENCES = ("chance", "ideal")  # legend entries with these prefixes, and published ones, come after the series
R2_LABEL = "explained variance R² (%)"
MIN_R2 = -100.0  # in %, lower end of a linear axis

STYLE: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "pdf.fonttype": 42,
}

_FORMS = {
    "unknowns": "{} unknowns",
    "equations": "{} equations",
    "equation_ratio": "ratio {}",
    "embed_dim": "embedding {}",
    "pooling": "{}",
    "optimizer": "{}",
    "precision": "{}",
    "model": "{}",
    "task": "{}",
    "schedule": "{}",
}


def label(run: Row, names: list[str]) -> str:
    """Label of a run from the settings `names`, such as `30 equations, muon`; settings without a value are omitted."""
    told = [(name, results.setting(run, name)) for name in names]
    return ", ".join(_FORMS.get(name, name.replace("_", " ") + " {}").format(value) for name, value in told if value)


def name_of(runs: xr.Dataset, name: str) -> str:
    """Axis label of a setting: its long name, and its unit if it has one."""
    units = runs[name].attrs.get("units", "1")
    return str(runs[name].attrs.get("long_name", name)) + (f" ({units})" if units != "1" else "")


def series(index: int) -> dict[str, Any]:
    """Colour, marker and dash of series `index`; 49 combinations differ."""
    round_, place = divmod(index, len(COLOURS))
    return {"color": COLOURS[place], "marker": MARKERS[(place + round_) % len(MARKERS)], "linestyle": DASHES[(place + round_) % len(DASHES)]}


def groups(runs: Iterable[Row], names: list[str]) -> list[list[Row]]:
    """Groups of runs with equal values of the settings `names`, in ascending order of the values."""
    found = results.groups(runs, names)
    return [found[key] for key in sorted(found, key=lambda key: [order(part) for part in key])]


def series_of(runs: Iterable[Row], names: list[str]) -> tuple[list[str], list[list[Row]]]:
    """The settings that distinguish series, and one group of runs per series. Settings that would give more than MAX_SERIES series are left
    out and averaged over."""
    runs = list(runs)
    kept: list[str] = []
    for name in names:
        if len(groups(runs, [*kept, name])) <= MAX_SERIES:
            kept.append(name)
    return kept, groups(runs, kept) if runs else []


def averaged(runs: xr.Dataset, names: list[str], kept: list[str]) -> str:
    """Part of a title: the settings that a point is averaged over, and the number of diverged runs that are left out."""
    lost = [name.replace("_", " ") for name in names if name not in kept]
    if "seed" in results.axes(runs):
        lost.append("seed")
    return (f"mean ± standard deviation over {', '.join(lost)}" if lost else "± standard error") + left_out(runs, "; ")


def left_out(runs: xr.Dataset, before: str = "") -> str:
    """Part of a title: `before` and the number of diverged runs, which have no R^2; empty if there are none."""
    count = int((runs["status"].values == "diverged").sum())
    return f"{before}{count} diverged run{'' if count == 1 else 's'} left out" if count else ""


@dataclass(frozen=True)
class Spread:
    """Mean over the seeds of one case, and their standard deviation (for a single seed: its standard error)."""

    mean: float
    bar: float
    count: int


def spread(runs: list[Row], column: str = "r2", error: str | None = "r2_stderr", scale: float = 100) -> Spread:
    values = np.array([float(run[column]) for run in runs]) * scale
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return Spread(np.nan, np.nan, 0)
    if len(values) > 1:
        return Spread(float(values.mean()), float(values.std(ddof=1)), len(values))
    alone = error is not None and error in runs[0]
    return Spread(float(values[0]), float(runs[0][error]) * scale if alone else 0.0, 1)


def others(runs: xr.Dataset, *drawn: str) -> list[str]:
    """The axes that distinguish the series of a figure: all but those in `drawn`, and the seed, which is averaged over."""
    restated = {"equations", "equation_ratio"} if {"equations", "equation_ratio"} & set(drawn) else set()
    return [name for name in results.axes(runs) if name not in {*drawn, *restated, "seed"}]


def legend(axes: Axes, extra: list[Line2D] | None = None, rows: int = LEGEND_ROWS) -> None:
    """Adds a legend inside the panel if it covers no line or marker, else to the right of the panel. Marks a panel without data. Call it
    after everything is drawn."""
    handles, labels = axes.get_legend_handles_labels()
    ours_first = sorted(range(len(handles)), key=lambda index: labels[index].startswith(_REFERENCES) or "published" in labels[index])
    handles = [*(handles[index] for index in ours_first), *(extra or [])]
    if handles:
        inside = axes.legend(handles=handles, loc="best")
        if len(handles) > rows or len(axes.lines) > 60 or covers(inside, axes):
            width = inside.get_window_extent().width / axes.get_figure().dpi
            inside.remove()
            figure = axes.get_figure()
            figure.set_size_inches(figure.get_figwidth() + width, figure.get_figheight())
            axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    if not axes.lines and not axes.containers:
        nothing(axes)


def covers(legend_: Legend, axes: Axes) -> bool:
    """True if the legend overlaps a line, a marker or an error bar."""
    axes.get_figure().draw_without_rendering()
    box = legend_.get_window_extent()
    for line in axes.lines:
        path = line.get_transform().transform_path(line.get_path())
        drawn = line.get_linestyle() not in ("None", "none", " ", "") and len(path.vertices) > 1
        if path.intersects_bbox(box, filled=False) if drawn else box.count_contains(path.vertices):
            return True
    bars = [collection for collection in axes.collections if isinstance(collection, LineCollection)]
    return any(path.transformed(bar.get_transform()).intersects_bbox(box, filled=False) for bar in bars for path in bar.get_paths() if len(path.vertices))


def nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "no data yet", transform=axes.transAxes, ha="center", color=GREY)
    axes.tick_params(which="both", labelbottom=False, labelleft=False)


def panels(count: int, height: float = 3.8, width: float = 4.3) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels, at most three per row."""
    columns = 2 if count == 4 else max(1, min(count, 3))
    rows = max(1, -(-count // columns))
    figure, grid = plt.subplots(rows, columns, figsize=(6.0 if columns == 1 else width * columns, height * rows), squeeze=False, layout="constrained")
    for axes in grid.flat[max(count, 1) :]:
        axes.set_visible(False)
    return figure, list(grid.flat)


def r2_scale(axes: Axes) -> None:
    """Labels an axis of 1 - R^2 as R^2 in %, on a logarithmic scale of 1 - R^2: 90, 99 and 99.9 have equal distances."""
    axes.set_yscale("log")
    best, worst = sorted(axes.get_ylim())
    axes.set_ylim(min(worst, 1.0), best)
    ratio = min(worst, 1.0) / best
    digits = (1, 2, 5) if ratio > 8 else (1, 1.5, 2, 3, 4, 5, 7)
    steps = [digit * 10.0**power for power in range(-6, 1) for digit in digits]
    axes.yaxis.set_major_locator(FixedLocator([step for step in steps if step <= 1]) if ratio > 2 else MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda rest, _: f"{100 * (1 - rest):.6g}"))
    axes.set_ylabel(R2_LABEL)


def clip_r2(axes: Axes, axis: str = "y") -> None:
    """Ends an axis of R^2 in % at -100 if values lie below, and notes this in the label."""
    if getattr(axes, f"get_{axis}lim")()[0] < MIN_R2:
        getattr(axes, f"set_{axis}lim")(MIN_R2)
        getattr(axes, f"set_{axis}label")(f"{R2_LABEL}\n(values below {MIN_R2:g} % are cut off)".replace("-", "−"))


def number(value: float, _: int | None = None) -> str:
    """Text of a tick: 0.05, 2.5, 10,000."""
    return f"{value:,.10g}" if abs(value) >= 1 else f"{value:.10g}"


def log_scale(axis: Axis) -> None:
    """Logarithmic axis with plain numbers: ticks at 1, 2 and 5 of each decade, or at the decades only if there are many."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    low, high = sorted(axis.get_view_interval())
    few = high / max(low, high * 1e-12) < 70
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axis.set_major_formatter(FuncFormatter(number))
    axis.set_minor_formatter(NullFormatter())
