"""Heat map of R^2 over two axes of the sweep."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from weightsweep import effects, results, statistics
from weightsweep.cases import is_case_setting
from weightsweep.figures import style
from weightsweep.results import Row
from weightsweep.values import exact, order

PANELS = 6


def axes_of(runs: xr.Dataset) -> list[str]:
    """The axes of the sweep without the seed, in descending order of their number of values. The first two span the map."""
    return sorted(effects.axes(runs), key=lambda name: -len(set(runs[name].values)))


def heat_map(runs: xr.Dataset) -> Figure:
    """Mean R^2 of the finished runs over the seeds, one panel per combination of the other axes, or averaged over these axes if the panels would be
    too many. Colours are stretched towards 100 % and end at 0 %. A frame marks the best cell of each case that has all its runs; a cell that lacks
    some says so: "1 of 2". A cell whose runs all diverged is labelled "diverged"."""
    names = axes_of(runs)[:2]
    if len(names) < 2:
        raise results.ResultsError(f"{runs.attrs['source']}: a heat map needs two settings that vary; here {'only ' + names[0] + ' varies' if names else 'none varies'}")
    rest = axes_of(runs)[2:]
    ended = effects.rows(runs, ("done", "diverged"))
    combinations = style.groups(ended, rest) if rest else [ended]
    averaged = []
    if len(combinations) > PANELS:
        combinations, rest, averaged = [ended], [], rest
    across, down = names
    columns, rows = (sorted({run[name].item() for run in effects.rows(runs, tuple(set(runs["status"].values)))}, key=order) for name in names)
    cells = [_cells(combination, names, columns, rows) for combination in combinations]
    figure, panels = style.panels(len(cells), height=max(2.0, 0.9 + 0.3 * len(rows)), across=1 if len(cells) == 1 or len(columns) > 8 else 2)
    if len(columns) > 5:
        figure.set_size_inches(style.PAGE, figure.get_figheight())
    known = np.concatenate([cell.mean[np.isfinite(cell.mean)] for cell in cells] or [np.zeros(0)])
    lowest = known.min(initial=0) if known.max(initial=-1) < 0 else max(known.min(), 0.0)
    limits = tuple(_shade(np.array([lowest, known.max()]))) if len(known) else (0.0, 2.0)
    image: AxesImage | None = None
    of = [_case(combination) for combination in combinations]
    full = {case: max(int(cell.runs.max()) for each, cell in zip(of, cells) if each == case) for case in of}
    for panel, combination, cell, case in zip(panels, combinations, cells, of):
        image = _map(panel, cell.mean, columns, rows, limits)
        _name_cells(panel, cell, full[case], sum(limits) / 2)
        panel.set(xlabel=style.name_of(runs, across), ylabel=down.replace("_", " "))
        panel.set_title(style.label(combination[0], rest) if rest and combination else "")
    comparable = not any(map(_of_case, [*names, *averaged]))  # else cells are of several cases
    framed = sum(_frame(case, of, panels, cells, full[case]) for case in full) if comparable else 0
    told = f"R² (%), mean over {', '.join(name.replace('_', ' ') for name in [*averaged, 'seeds'])}"
    told += ("; frame: best of each case" if framed > 1 else "; frame: best" if framed else "") + style.left_out(runs, "; ")
    if rest:
        figure.suptitle(told, fontsize=style.STYLE["font.size"], x=0.01, ha="left")
    else:
        style.note(panels[0], told)
    if image is not None:
        bar = figure.colorbar(image, ax=[panel for panel in panels if panel.get_visible()], label=style.R2_LABEL, extend="min" if len(known) and known.min() < lowest else "neither")
        ticks = [tick for tick in -np.log10(style.R2_STEPS) if limits[0] <= tick <= limits[1]]
        bar.ax.yaxis.set_major_locator(FixedLocator(ticks) if len(ticks) > 2 else MaxNLocator(3))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda shade, _: f"{100 * (1 - 10**-shade):.3g}"))
    return figure


@dataclass(frozen=True)
class _Cells:
    """The cells of a panel, [rows, columns]."""

    mean: np.ndarray  # R^2 in %; NaN without a finished run
    runs: np.ndarray  # number of finished runs
    diverged: np.ndarray  # number of diverged runs


def _cells(runs: list[Row], names: list[str], columns: list[object], rows: list[object]) -> _Cells:
    found = _Cells(np.full((len(rows), len(columns)), np.nan), *(np.zeros((len(rows), len(columns)), dtype=int) for _ in range(2)))
    for group in style.groups(runs, names):
        across, down = (group[0][name].item() for name in names)
        place = rows.index(down), columns.index(across)
        known = np.array([float(run["r2"]) for run in group])
        known = known[np.isfinite(known)]
        found.runs[place], found.diverged[place] = len(known), sum(run["status"].item() == "diverged" for run in group)
        if len(known):
            found.mean[place] = 100 * statistics.r2_of(statistics.score(known).mean())
    return found


def _of_case(name: str) -> bool:
    return is_case_setting(name) or name == "equation_ratio"


def _case(combination: list[Row]) -> tuple[str, ...]:
    """Values of the settings of the case of a panel."""
    return tuple(exact(value.item()) for name, value in sorted(combination[0].items()) if _of_case(name)) if combination else ()


def _frame(case: tuple[str, ...], of: list[tuple[str, ...]], panels: list[Axes], cells: list[_Cells], full: int) -> bool:
    """Draws a frame around the best cell of the panels of a case, among those that have all their runs. False if no cell has."""
    whole = {place: np.where(cell.runs == full, cell.mean, -np.inf) for place, (each, cell) in enumerate(zip(of, cells)) if each == case and full}
    if not whole:
        return False
    place = max(whole, key=lambda each: whole[each].max())
    row, column = np.unravel_index(int(whole[place].argmax()), whole[place].shape)
    panels[place].add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, fill=False, edgecolor=style.COLOURS[1], linewidth=1.8))
    return True


def _shade(cells: np.ndarray) -> np.ndarray:
    """The colour of R^2 in %: 0 for 0, 1 for 90, 2 for 99."""
    return -statistics.score(cells / 100)


def _map(axes: Axes, cells: np.ndarray, columns: list[object], rows: list[object], limits: tuple[float, float]) -> AxesImage:
    image = axes.imshow(_shade(cells), cmap=style.MAP, vmin=limits[0], vmax=limits[1], aspect="auto", origin="lower")
    axes.set_xticks(range(len(columns)), [(style.short(exact(value)) or "none").replace(", ", "\n") for value in columns])
    axes.set_yticks(range(len(rows)), [style.short(exact(value)) or "none" for value in rows])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return image


def _name_cells(axes: Axes, cells: _Cells, full: int, middle: float) -> None:
    """Writes R^2, or the reason why there is none, into each cell; and how many runs of `full` it is the mean of, if it lacks some."""
    for (row, column), value in np.ndenumerate(cells.mean):
        if np.isnan(value):
            text, colour = ("diverged", style.GREY) if cells.diverged[row, column] else ("–", "black")
        else:
            text = f"{value:.1f}" if value >= style.MIN_R2 else f"< −{-style.MIN_R2:g}"
            text += f"\n{cells.runs[row, column]} of {full}" if cells.runs[row, column] < full else ""
            colour = "white" if _shade(np.array(value)) < middle else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7, linespacing=0.95)
