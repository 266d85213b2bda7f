"""Heat map of R^2 over two axes of the sweep."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from weightsweep import results
from weightsweep.figures import style
from weightsweep.results import Row
from weightsweep.values import exact, order

PANELS = 6


def axes_of(runs: xr.Dataset) -> list[str]:
    """The axes of the sweep without the seed, in descending order of their number of values. The first two span the map."""
    names = [name for name in results.grid_axes(runs) if name != "seed"]
    return sorted(names, key=lambda name: -len(set(runs[name].values)))


def heat_map(runs: xr.Dataset) -> Figure:
    """Mean R^2 of the finished runs, one panel per combination of the other axes, or averaged over these axes if the panels would be too
    many. The colour scale ends at 0 %. A cell whose runs all diverged is labelled "diverged"."""
    names = axes_of(runs)[:2]
    if len(names) < 2:
        raise results.ResultsError(f"{runs.attrs['source']}: a heat map needs two settings that vary; here {'only ' + names[0] + ' varies' if names else 'none varies'}")
    rest = axes_of(runs)[2:]
    ended = [run for run in results.rows(runs) if run["status"].item() in ("done", "diverged")]
    combinations = style.groups(ended, rest) if rest else [ended]
    if len(combinations) > PANELS:
        combinations, rest = [ended], []
    across, down = names
    columns, rows = (sorted(set(np.asarray(runs[name].values).tolist()), key=order) for name in names)
    cells = [_cells(combination, names, columns, rows) for combination in combinations]
    width = max(3.2, 1.0 + 0.75 * len(columns))
    figure, panels = style.panels(len(cells), height=max(2.6, 1.2 + 0.45 * len(rows)), width=width)
    known = np.concatenate([cell[np.isfinite(cell)] for cell in cells] or [np.zeros(0)])
    limits = (max(known.min(), min(0.0, known.max())), known.max()) if len(known) else (0, 100)
    image: AxesImage | None = None
    for panel, combination, cell in zip(panels, combinations, cells):
        image = _map(panel, cell, columns, rows, limits)
        _name_cells(panel, cell, _diverged(combination, names, columns, rows), sum(limits) / 2)
        panel.set(xlabel=style.name_of(runs, across), ylabel=style.name_of(runs, down))
        panel.set_title(style.label(combination[0], rest) if rest and combination else "Mean R² (%) of the runs in each cell" + style.left_out(runs, "\n"))
    if rest:
        figure.suptitle(style.left_out(runs))
    if image is not None:
        figure.colorbar(image, ax=[panel for panel in panels if panel.get_visible()], label=style.R2_LABEL, extend="min" if len(known) and known.min() < limits[0] else "neither")
    return figure


def _cells(runs: list[Row], names: list[str], columns: list[object], rows: list[object]) -> np.ndarray:
    cells = np.full((len(rows), len(columns)), np.nan)
    for group in style.groups(runs, names):
        across, down = (group[0][name].item() for name in names)
        cells[rows.index(down), columns.index(across)] = style.spread(group).mean
    return cells


def _diverged(runs: list[Row], names: list[str], columns: list[object], rows: list[object]) -> set[tuple[int, int]]:
    """(row, column) of the cells whose runs all diverged."""
    lost = [group[0] for group in style.groups(runs, names) if all(run["status"].item() == "diverged" for run in group)]
    return {(rows.index(run[names[1]].item()), columns.index(run[names[0]].item())) for run in lost}


def _map(axes: Axes, cells: np.ndarray, columns: list[object], rows: list[object], limits: tuple[float, float]) -> AxesImage:
    image = axes.imshow(cells, cmap=style.MAP, vmin=limits[0], vmax=limits[1], aspect="auto", origin="lower")
    axes.set_xticks(range(len(columns)), [exact(value) for value in columns])
    axes.set_yticks(range(len(rows)), [exact(value) for value in rows])
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
            colour = "white" if value < middle else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9 if text == "diverged" else None)
