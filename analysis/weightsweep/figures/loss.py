"""Loss against the step, the published curves in the background."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from weightsweep import published, results
from weightsweep.figures import style
from weightsweep.figures.style import COLOURS, DASHES, GREY, LEGEND_ROWS, MARKERS, Dash
from weightsweep.results import Row


def loss_curves(runs: xr.Dataset) -> Figure:
    """The smoothed training loss of every run against its step, a panel for each number of unknowns.

    The dash says how many equations, here and in the published curves; colour and marker say the rest, where anything else varies.
    Seeds share their line's looks.
    """
    others = style.others(runs, "unknowns", "equations")
    counts = sorted({int(value) for value in runs["unknowns"].values})
    figure, panels = style.panels(len(counts))
    started = [run for run in results.rows(runs) if np.isfinite(run["curve_step"]).any()]
    for unknowns, panel in zip(counts, panels):
        _panel(panel, [run for run in started if int(run["unknowns"]) == unknowns], unknowns, others)
    return figure


def _panel(axes: Axes, runs: list[Row], unknowns: int, others: list[str]) -> None:
    equations = sorted({int(run["equations"]) for run in runs})
    dashes = {count: DASHES[index % len(DASHES)] for index, count in enumerate(equations)}
    extra = _published(axes, runs, unknowns, dashes)
    kinds = style.groups(runs, others)
    by_equations = len(kinds) * len(equations) > 2 * LEGEND_ROWS  # too many to name: the equations alone
    series = style.groups(runs, ["equations"] if by_equations else [*others, "equations"])
    for index, group in enumerate(series):
        count = int(group[0]["equations"])
        kind = equations.index(count) if by_equations or not others else next(place for place, runs_ in enumerate(kinds) if any(run is group[0] for run in runs_))
        name = style.label(group[0], ["equations"] if by_equations else ["equations", *others])
        for place, run in enumerate(group):
            axes.plot(
                run["curve_step"],
                run["curve_loss"],
                color=COLOURS[kind % len(COLOURS)],
                linestyle=dashes[count],
                marker=MARKERS[kind % len(MARKERS)],
                markevery=(0.03 * index, 0.25),
                linewidth=1.6 if len(group) <= 3 else 0.8,
                label=(name + (f" ({len(group)} runs)" if len(group) > 1 else "")) if place == 0 else None,
                zorder=2,
            )
    axes.set(xlabel="training step", ylabel="training loss (moving average)", title=f"Training loss, {unknowns} unknowns")
    style.log_scale(axes.xaxis)
    style.log_scale(axes.yaxis)
    style.legend(axes, extra, rows=LEGEND_ROWS + 1)


def _published(axes: Axes, runs: list[Row], unknowns: int, dashes: dict[int, Dash]) -> list[Line2D]:
    """Draws the published curves of the runs' cells and returns their line for the legend, if there are any."""
    drawn = []
    for task, model in {(run["task"].item(), run["model"].item()) for run in runs}:
        for (its_unknowns, equations), curve in published.loss_curves(task, model).items():
            if its_unknowns == unknowns and equations in dashes:
                drawn += axes.plot(curve.step, curve.loss_ema, color=GREY, linestyle=dashes[equations], linewidth=1.0, zorder=1)
    return [Line2D([], [], color=GREY, linewidth=1.0, label="published (same dashes)")] if drawn else []

