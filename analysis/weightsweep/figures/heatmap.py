"""R^2 over two axes of the sweep."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from weightsweep import results
from weightsweep.figures import style
from weightsweep.results import Row

PANELS = 6


def axes_of(runs: xr.Dataset) -> list[str]:
    """The axes of the sweep without the seed, those with the most values first: two of them span the map."""
    names = [name for name in results.grid_axes(runs) if name != "seed"]
    return sorted(names, key=lambda name: -len(set(runs[name].values)))


def heat_map(runs: xr.Dataset) -> Figure:
    """Mean R^2 of the finished runs; a panel for each combination of the other axes, or their mean where that would be too many."""
    names = axes_of(runs)[:2]
    if len(names) < 2:
        raise results.ResultsError(f"{runs.attrs['source']}: a heat map wants two settings that vary; here {names[0] + ' alone varies' if names else 'none varies'}")
    rest = axes_of(runs)[2:]
    finished = results.rows(results.done(runs))
    combinations = style.groups(finished, rest) if rest else [finished]
    if len(combinations) > PANELS:
        combinations, rest = [finished], []
    across, down = names
    columns, rows = (sorted(set(runs[name].values)) for name in names)
    cells = [_cells(combination, names, columns, rows) for combination in combinations]
    width = max(3.2, 1.0 + 0.75 * len(columns))
    figure, panels = style.panels(len(cells), height=max(2.6, 1.2 + 0.45 * len(rows)), width=width)
    known = np.concatenate([cell[np.isfinite(cell)] for cell in cells] or [np.zeros(0)])
    limits = (known.min(), known.max()) if len(known) else (0, 100)
    image: AxesImage | None = None
    for panel, combination, cell in zip(panels, combinations, cells):
        image = _map(panel, cell, columns, rows, limits)
        panel.set(xlabel=style.name_of(runs, across), ylabel=style.name_of(runs, down))
        panel.set_title(style.label(combination[0], rest) if rest and combination else "Mean R² (%) of the runs in each cell")
    if image is not None:
        figure.colorbar(image, ax=[panel for panel in panels if panel.get_visible()], label=style.R2_LABEL)
    return figure


def _cells(runs: list[Row], names: list[str], columns: list[object], rows: list[object]) -> np.ndarray:
    cells = np.full((len(rows), len(columns)), np.nan)
    for group in style.groups(runs, names):
        across, down = (group[0][name].item() for name in names)
        cells[rows.index(down), columns.index(across)] = style.spread(group).mean
    return cells


def _map(axes: Axes, cells: np.ndarray, columns: list[object], rows: list[object], limits: tuple[float, float]) -> AxesImage:
    image = axes.imshow(cells, cmap=style.MAP, vmin=limits[0], vmax=limits[1], aspect="auto", origin="lower")
    axes.set_xticks(range(len(columns)), [results.shown(value) for value in columns])
    axes.set_yticks(range(len(rows)), [results.shown(value) for value in rows])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    middle = sum(limits) / 2
    for (row, column), value in np.ndenumerate(cells):
        shown = f"{value:.1f}" if np.isfinite(value) else "–"
        axes.text(column, row, shown, ha="center", va="center", color="white" if value < middle else "black")
    return image
