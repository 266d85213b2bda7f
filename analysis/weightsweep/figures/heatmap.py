"""Heat map of R^2 over two axes of the sweep."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from weightsweep import effects, results, statistics
from weightsweep.figures import style
from weightsweep.results import Row
from weightsweep.values import exact, order

PANELS = 6


def axes_of(runs: xr.Dataset) -> list[str]:
    """The axes of the sweep without the seed, in descending order of their number of values. The first two span the map."""
    return sorted(effects.axes(runs), key=lambda name: -len(set(runs[name].values)))


def heat_map(runs: xr.Dataset) -> Figure:
    """Mean R^2 of the finished runs over the seeds, one panel per combination of the other axes, or averaged over these axes if the panels would be
    too many. Colours are stretched towards 100 % and end at 0 %. A cell whose runs all diverged is labelled "diverged"."""
    names = axes_of(runs)[:2]
    if len(names) < 2:
        raise results.ResultsError(f"{runs.attrs['source']}: a heat map needs two settings that vary; here {'only ' + names[0] + ' varies' if names else 'none varies'}")
    rest = axes_of(runs)[2:]
    ended = effects.rows(runs, ("done", "diverged"))
    combinations = style.groups(ended, rest) if rest else [ended]
    if len(combinations) > PANELS:
        combinations, rest = [ended], []
    across, down = names
    columns, rows = (sorted({run[name].item() for run in effects.rows(runs, tuple(set(runs["status"].values)))}, key=order) for name in names)
    cells = [_cells(combination, names, columns, rows) for combination in combinations]
    figure, panels = style.panels(len(cells), height=max(2.0, 0.9 + 0.3 * len(rows)), across=1 if len(cells) == 1 or len(columns) > 8 else 2)
    if len(columns) > 5:
        figure.set_size_inches(style.PAGE, figure.get_figheight())
    known = np.concatenate([cell[np.isfinite(cell)] for cell in cells] or [np.zeros(0)])
    limits = tuple(_shade(np.array([max(known.min(), min(0.0, known.max())), known.max()]))) if len(known) else (0.0, 2.0)
    image: AxesImage | None = None
    for panel, combination, cell in zip(panels, combinations, cells):
        image = _map(panel, cell, columns, rows, limits)
        _name_cells(panel, cell, _diverged(combination, names, columns, rows), sum(limits) / 2)
        panel.set(xlabel=style.name_of(runs, across), ylabel=down.replace("_", " "))
        panel.set_title(style.label(combination[0], rest) if rest and combination else "mean R² (%) of each cell" + style.left_out(runs, "; "))
    if rest:
        figure.suptitle(style.left_out(runs))
    if image is not None:
        bar = figure.colorbar(image, ax=[panel for panel in panels if panel.get_visible()], label=style.R2_LABEL, extend="min" if len(known) and known.min() < 0 else "neither")
        ticks = [tick for tick in -np.log10(style.R2_STEPS) if limits[0] <= tick <= limits[1]]
        bar.ax.yaxis.set_major_locator(FixedLocator(ticks) if len(ticks) > 2 else MaxNLocator(3))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda shade, _: f"{100 * (1 - 10**-shade):.4g}"))
    return figure


def _cells(runs: list[Row], names: list[str], columns: list[object], rows: list[object]) -> np.ndarray:
    cells = np.full((len(rows), len(columns)), np.nan)
    for group in style.groups(runs, names):
        across, down = (group[0][name].item() for name in names)
        known = np.array([float(run["r2"]) for run in group])
        known = known[np.isfinite(known)]
        if len(known):
            cells[rows.index(down), columns.index(across)] = 100 * statistics.r2_of(statistics.score(known).mean())
    return cells


def _shade(cells: np.ndarray) -> np.ndarray:
    """The colour of R^2 in %: 0 for 0, 1 for 90, 2 for 99."""
    return -statistics.score(cells / 100)


def _diverged(runs: list[Row], names: list[str], columns: list[object], rows: list[object]) -> set[tuple[int, int]]:
    """(row, column) of the cells whose runs all diverged."""
    lost = [group[0] for group in style.groups(runs, names) if all(run["status"].item() == "diverged" for run in group)]
    return {(rows.index(run[names[1]].item()), columns.index(run[names[0]].item())) for run in lost}


def _map(axes: Axes, cells: np.ndarray, columns: list[object], rows: list[object], limits: tuple[float, float]) -> AxesImage:
    image = axes.imshow(_shade(cells), cmap=style.MAP, vmin=limits[0], vmax=limits[1], aspect="auto", origin="lower")
    axes.set_xticks(range(len(columns)), [style.short(exact(value)).replace(", ", "\n") for value in columns])
    axes.set_yticks(range(len(rows)), [style.short(exact(value)) for value in rows])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return image


def _name_cells(axes: Axes, cells: np.ndarray, diverged: set[tuple[int, int]], middle: float) -> None:
    """Writes R^2, or the reason why there is none, into each cell."""
    for (row, column), value in np.ndenumerate(cells):
        if np.isnan(value):
            text, colour = ("diverged", style.GREY) if (row, column) in diverged else ("–", "black")
        else:
            text = f"{value:.1f}" if value >= style.MIN_R2 else f"< −{-style.MIN_R2:g}"
            colour = "white" if _shade(np.array(value)) < middle else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
