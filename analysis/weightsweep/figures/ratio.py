"""R^2 against equations per unknown."""

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from weightsweep import published, results
from weightsweep.figures import style
from weightsweep.results import Row


def r2_against_ratio(runs: xr.Dataset) -> Figure:
    """R^2 against equations per unknown, one line per number of unknowns: mean over seeds with the standard deviation as bar. Published
    values have hollow markers. The dotted line is the R^2 of least squares, where that is the exact answer."""
    names = ["unknowns", *style.others(runs, "unknowns", "equations")]
    figure, axes = plt.subplots(figsize=(6.0, 4.0), layout="constrained")
    finished = results.rows(results.done(runs))
    kept, groups = style.series_of(finished, names)
    for index, group in enumerate(groups):
        cells = style.groups(group, ["equations"])
        spreads = [style.spread(cell) for cell in cells]
        axes.errorbar(
            [int(cell[0]["equations"]) / int(cell[0]["unknowns"]) for cell in cells],
            [each.mean for each in spreads],
            [each.bar for each in spreads],
            **style.series(index),
            capsize=2.5,
            label=style.label(group[0], kept),
            zorder=2,
        )
    _published(axes, finished)
    _exact(axes, finished)
    axes.set(xlabel="equations per unknown", ylabel=style.R2_LABEL, title=f"Explained variance against equations per unknown\n{style.averaged(runs, names, kept)}")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    axes.margins(x=0.06, y=0.12)
    style.clip_r2(axes)
    style.legend(axes)
    return figure


def _published(axes: Axes, runs: list[Row]) -> None:
    """Hollow grey markers of the published values of these cells, one shape per number of unknowns."""
    known: dict[published.Cell, float] = {}
    for task, model in {(run["task"].item(), run["model"].item()) for run in runs}:
        known |= published.r2(task, model)
    mine = {(int(run["unknowns"]), int(run["equations"])) for run in runs}
    for index, unknowns in enumerate(sorted({cell[0] for cell in known.keys() & mine})):
        cells = sorted(cell for cell in known.keys() & mine if cell[0] == unknowns)
        axes.plot(
            [equations / unknowns for _, equations in cells],
            [100 * known[cell] for cell in cells],
            color=style.GREY,
            linestyle="none",
            marker=style.MARKERS[index % len(style.MARKERS)],
            markersize=9,
            markerfacecolor="none",
            markeredgewidth=1.4,
            label=f"{unknowns} unknowns, published",
            zorder=1,
        )


def _exact(axes: Axes, runs: list[Row]) -> None:
    """Dotted grey line of the R^2 of least squares on the same held-out sets."""
    known = [run for run in runs if np.isfinite(run.get("r2_least_squares", np.nan))]
    for group in style.groups(known, ["unknowns"]):
        cells = style.groups(group, ["equations"])
        axes.plot(
            [int(cell[0]["equations"]) / int(cell[0]["unknowns"]) for cell in cells],
            [100 * float(np.mean([run["r2_least_squares"] for run in cell])) for cell in cells],
            color=style.GREY,
            linestyle=":",
            label=f"{int(group[0]['unknowns'])} unknowns, least squares",
            zorder=1,
        )
