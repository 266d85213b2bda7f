"""R^2 of one forward pass beside fits, against the number of pairs."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from weightsweep import effects, one_pass, results, statistics
from weightsweep.figures import style
from weightsweep.results import Row


def fits(runs: xr.Dataset) -> Figure:
    """R^2 under the noise of the training against equations per unknown: a row of panels per number of unknowns, a panel per noise on y. Lines: one
    forward pass with its 95 % interval over the seeds, refinement from it with the most iterations, and the fit of a network to each set alone.
    Grey lines: regressions; those below 0 leave the panel."""
    if not one_pass.called_for(runs):
        figure, (axes,) = style.panels(1)
        style.nothing(axes)
        return figure
    found = results.groups([run for cell in one_pass.cells(runs) for run in cell], ["unknowns", "training_noise"])
    named = one_pass.methods(runs)
    refined = [name for name in named if name.startswith("r2_refine_")][-1:]
    figure, panels = style.panels(len(found), height=2.2, across=len({noise for _, noise in found}))
    for axes, ((unknowns, noise), group) in zip(panels, found.items()):
        cells = list(results.groups(group, ["equation_ratio"]).values())
        at = [float(cell[0]["equation_ratio"]) for cell in cells]
        for index, method in enumerate([one_pass.PASS, *refined, "r2_direct_fit"]):
            mean, low, high = _scores(cells, method)
            if method != one_pass.PASS:
                low, high = np.full((2, len(mean)), np.nan)
            style.points(axes, at, mean, low, high, label=named[method], **style.series(index))
        for (method, label), dash in zip(effects.FLOORS.items(), (":", "--")):
            axes.plot(at, 1 - _scores(cells, method)[0], color=style.GREY, linestyle=dash, linewidth=0.9, zorder=1, label=label)
        axes.set_xlabel("equations per unknown")
        style.fit_means(axes)
        style.r2_scale(axes)
        axes.set_title(f"{unknowns} unknowns, noise {noise}")
        if axes is not panels[0]:
            axes.set_ylabel("")
    handles, labels = panels[0].get_legend_handles_labels()  # matplotlib puts lines without bars first
    figure.legend(handles[2:] + handles[:2], labels[2:] + labels[:2], loc="lower center", ncols=5)
    under = 0.25 / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, under, 1, 1 - under))
    return figure


def _scores(cells: list[list[Row]], method: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, low, high = zip(*(statistics.mean_interval(one_pass.r2(cell, method)) for cell in cells))
    return np.array(mean), np.array(low), np.array(high)
