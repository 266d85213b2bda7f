"""Style and helpers of the figures. Each series has its own dash and marker besides its colour, so figures stay readable in grey and for
colour-blind readers."""

import textwrap
from collections.abc import Iterable
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
from matplotlib.transforms import offset_copy

from weightsweep import results
from weightsweep.results import Row
from weightsweep.values import is_list, order

# Okabe and Ito's palette, darkest first, without yellow, which has little contrast on white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
Dash = str | tuple[int, tuple[int, ...]]
DASHES: list[Dash] = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
GREY = "0.55"
MAP = "cividis"  # lightness increases monotonically
COLUMN, PAGE = 3.4, 7.0  # widths of figures in inches: of a column and of a page of a paper
LEGEND_ROWS = 5  # a longer legend is placed below its panel
MAX_SERIES = 16  # distinguishable series per panel
_REFERENCES = ("chance", "ideal", "affine", "quadratic", "least squares")  # legend entries with these prefixes, and published ones, come after the series
R2_STEPS = [digit * 10.0**power for power in range(-9, 1) for digit in (1, 2, 5) if digit * 10.0**power <= 1]  # 1 - R^2 of the labels of an axis
R2_LABEL = "R² (%)"
MIN_R2 = -100.0  # in %, lower end of the cells that a heat map writes out

STYLE: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 220,
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 2.4,
    "legend.labelspacing": 0.3,
    "legend.columnspacing": 1.2,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
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
    "generator_init": "init {}",
    "generator_hidden": "generator {}",
    "generator_activation": "{}",
    "network_hidden": "hidden {}",
}


def label(run: Row, names: list[str]) -> str:
    """Label of a run from the settings `names`, such as `30 equations, muon`; settings without a value are omitted."""
    told = [(name, short(results.setting(run, name))) for name in names]
    return ", ".join(_FORMS.get(name, name.replace("_", " ") + " {}").format(value) for name, value in told if value)


def short(text: str) -> str:
    """The text of a setting, with a list of equal numbers as `8 × 64`."""
    parts = text.split(",")
    return f"{len(parts)} × {parts[0]}" if len(parts) > 1 and is_list(text) and len(set(parts)) == 1 else text


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


def left_out(runs: xr.Dataset, before: str = "") -> str:
    """Part of a note: `before` and the number of diverged runs, which have no R^2; empty if there are none."""
    count = int((runs["status"].values == "diverged").sum())
    return f"{before}{count} diverged run{'' if count == 1 else 's'} left out" if count else ""


def others(runs: xr.Dataset, *drawn: str) -> list[str]:
    """The axes that distinguish the series of a figure: all but those in `drawn`, and the seed, which is averaged over."""
    restated = {"equations", "equation_ratio"} if {"equations", "equation_ratio"} & set(drawn) else set()
    return [name for name in results.axes(runs) if name not in {*drawn, *restated, "seed"}]


def legend(axes: Axes, extra: list[Line2D] | None = None, rows: int = LEGEND_ROWS) -> None:
    """Adds a legend inside the panel if it covers no line or marker, else below the panel; the figure keeps its width. Marks a panel without
    data. Call it after everything is drawn."""
    handles, labels = axes.get_legend_handles_labels()
    ours_first = sorted(range(len(handles)), key=lambda index: labels[index].startswith(_REFERENCES) or "published" in labels[index])
    handles = [*(handles[index] for index in ours_first), *(extra or [])]
    if len(handles) > 1:
        inside = axes.legend(handles=handles, loc="best")
        inside.set_in_layout(False)  # else a legend that is wider than the figure leaves no panel
        if len(handles) > rows or covers(inside, axes):
            _below(axes, handles, inside)
        else:  # stays where it was checked: "best" may be another corner at another resolution
            corner = axes.transAxes.inverted().transform(inside.get_window_extent().p0)
            axes.legend(handles=handles, loc="lower left", bbox_to_anchor=tuple(corner), borderaxespad=0)
    if not axes.lines and not axes.containers:
        nothing(axes)


def _below(axes: Axes, handles: list[Any], inside: Legend) -> None:
    """Moves the legend below the panel, in as many columns as the width has, and makes the figure taller by the legend."""
    figure = axes.get_figure()
    figure.draw_without_rendering()
    width, height = (length / figure.dpi for length in inside.get_window_extent().size)
    inside.remove()
    if width > figure.get_figwidth() - 0.1:
        figure.set_size_inches(PAGE, figure.get_figheight())
    panels_across = axes.get_subplotspec().get_gridspec().ncols if axes.get_subplotspec() else 1
    columns = max(1, min(len(handles), int((figure.get_figwidth() / panels_across - 0.1) / width)))
    under = (axes.get_window_extent().y0 - axes.xaxis.get_tightbbox(figure.canvas.get_renderer()).y0) / figure.dpi
    figure.set_size_inches(figure.get_figwidth(), figure.get_figheight() + height * -(-len(handles) // columns) / len(handles))
    where = offset_copy(axes.transAxes, fig=figure, y=-under - 0.05, units="inches")
    axes.legend(handles=handles, loc="upper right", bbox_to_anchor=(1.0, 0.0), bbox_transform=where, borderaxespad=0, ncol=columns)


def points(axes: Axes, at: Any, mean: Any, low: Any, high: Any, **looks: Any) -> None:
    """Markers with a line at 1 - R^2 and bars of the intervals, without bars if an interval is NaN. Bars end at the edge of the panel."""
    rest = unexplained(mean)
    bars = None if np.isnan(np.asarray(low, dtype=float)).any() else np.abs([rest - unexplained(high), unexplained(low) - rest])
    drawn = axes.errorbar(at, rest, bars, capsize=2, clip_on=False, zorder=3, **looks)
    for artist in (*drawn.lines[1], *drawn.lines[2]):
        artist.set_clip_on(True)


def fit_means(axes: Axes) -> None:
    """Ends the axis of 1 - R^2 near the means and the floors: wide intervals of few seeds are cut off. Call it before r2_scale."""
    drawn = [(line.get_marker() == "None", np.asarray(line.get_ydata(), dtype=float)) for line in axes.lines if line.get_marker() not in ("_", "|")]
    rest, floors = (np.concatenate([values[np.isfinite(values) & (values > 0)] for floor, values in drawn if floor is wanted] or [np.zeros(0)]) for wanted in (False, True))
    rest = np.append(rest, floors[floors > rest.min() / 10]) if len(rest) else floors  # an exact floor is no limit
    if len(rest):
        low, high = np.log10([rest.min(), rest.max()])
        margin = max(0.25 * (high - low), 0.05)
        axes.set_ylim(10 ** (low - margin), 10 ** (high + margin))


def note(axes: Axes, text: str) -> None:
    """The title of a panel: what its marks mean, wrapped to the width of the panel."""
    figure = axes.get_figure()
    panels_across = axes.get_subplotspec().get_gridspec().ncols if axes.get_subplotspec() else 1
    axes.set_title(textwrap.fill(text, int(16 * (figure.get_figwidth() / panels_across - 0.5))), loc="left")


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


def panels(count: int, height: float = 2.6, across: int = 2) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels: one as wide as a column, several as wide as a page with at most `across` per row."""
    columns = max(1, min(count, across))
    rows = max(1, -(-count // columns))
    figure, grid = plt.subplots(rows, columns, figsize=(COLUMN if columns == 1 else PAGE, height * rows), squeeze=False, layout="constrained")
    for axes in grid.flat[max(count, 1) :]:
        axes.set_visible(False)
    return figure, list(grid.flat)


def unexplained(r2: Any) -> np.ndarray:
    """1 - R^2 as it is drawn: R^2 below 0 at 0, and at most 1 - 1e-9."""
    return np.clip(1 - np.asarray(r2, dtype=float), 1e-9, 1)


def r2_scale(axes: Axes, axis: str = "y") -> None:
    """Labels an axis of 1 - R^2 as R^2 in %, on a logarithmic scale of 1 - R^2: 90, 99 and 99.9 have equal distances."""
    getattr(axes, f"set_{axis}scale")("log")
    best, worst = sorted(getattr(axes, f"get_{axis}lim")())
    getattr(axes, f"set_{axis}lim")(min(worst, 1.0), best)
    ratio = min(worst, 1.0) / best
    steps = R2_STEPS if ratio > 8 else [digit * 10.0**power for power in range(-9, 1) for digit in (1, 1.5, 2, 3, 4, 5, 7)]
    own: Axis = getattr(axes, f"{axis}axis")
    own.set_major_locator(FixedLocator([step for step in steps if step <= 1]) if ratio > 2 else MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    own.set_minor_locator(NullLocator())
    own.set_major_formatter(FuncFormatter(lambda rest, _: f"{100 * (1 - rest):.6g}"))
    own.set_label_text(R2_LABEL)


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
