"""Training loss against the step, with the published curves in the background."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from weightsweep import published, results
from weightsweep.figures import style
from weightsweep.figures.style import DASHES, GREY, LEGEND_ROWS, Dash
from weightsweep.results import Row


MAX_PANELS = 4
MAX_NAMES = 2 * LEGEND_ROWS  # labelled lines per panel


def loss_curves(runs: xr.Dataset) -> Figure:
    """Training loss (moving average) of every run against the step, one panel per number of unknowns. A further setting gets panels of
    its own if a panel would have more than MAX_NAMES lines.

    The dash of a line denotes the number of equations, also in the published curves; colour and marker denote the other settings that
    vary. Seeds share one style.
    """
    started = [run for run in results.rows(runs) if np.isfinite(run["curve_step"]).any()]
    split, others = _split(runs, started)
    parts = style.groups(results.rows(runs), split)
    figure, panels = style.panels(len(parts))
    for part, panel in zip(parts, panels):
        mine = [run for run in started if all(run[name].item() == part[0][name].item() for name in split)]
        _panel(panel, mine, int(part[0]["unknowns"]), style.label(part[0], split), others)
    return figure


def _split(runs: xr.Dataset, started: list[Row]) -> tuple[list[str], list[str]]:
    """The settings whose values have separate panels, and those whose values share a panel."""
    split, others = ["unknowns"], style.others(runs, "unknowns", "equations")
    while others and max((len(style.groups(part, [*others, "equations"])) for part in style.groups(started, split)), default=0) > MAX_NAMES:
        fewest = min(others, key=lambda name: (len(style.groups(started, [*split, name])), name == "model"))  # models stay in one panel if possible
        if len(style.groups(started, [*split, fewest])) > MAX_PANELS:
            break
        split.append(fewest)
        others.remove(fewest)
    return split, others


def _panel(axes: Axes, runs: list[Row], unknowns: int, title: str, others: list[str]) -> None:
    equations = sorted({int(run["equations"]) for run in runs})
    dashes = {count: DASHES[index % len(DASHES)] for index, count in enumerate(equations)}
    extra = _published(axes, runs, unknowns, dashes)
    kinds = style.groups(runs, others)
    by_equations = len(kinds) * len(equations) > MAX_NAMES  # then only the equations are labelled
    named = others if others and len(equations) == 1 else ["equations", *others]
    series = style.groups(runs, ["equations"] if by_equations else [*others, "equations"])
    for index, group in enumerate(series):
        count = int(group[0]["equations"])
        kind = equations.index(count) if by_equations or not others else next(place for place, runs_ in enumerate(kinds) if any(run is group[0] for run in runs_))
        name = style.label(group[0], ["equations"] if by_equations else named)
        for place, run in enumerate(group):
            axes.plot(
                run["curve_step"],
                run["curve_loss"],
                **style.series(kind) | {"linestyle": dashes[count]},
                markevery=(0.03 * index, 0.25),
                linewidth=1.6 if len(group) <= 3 else 0.8,
                label=(name + (f" ({len(group)} runs)" if len(group) > 1 else "")) if place == 0 else None,
                zorder=2,
            )
    axes.set(xlabel="training step", ylabel="training loss (moving average)", title=f"Training loss, {title}")
    style.log_scale(axes.xaxis)
    style.log_scale(axes.yaxis)
    _clip(axes, runs)
    style.legend(axes, extra, rows=LEGEND_ROWS + 1)


def _published(axes: Axes, runs: list[Row], unknowns: int, dashes: dict[int, Dash]) -> list[Line2D]:
    """Draws the published curves of the runs' cells. Returns the legend entry, or an empty list if no curve was published."""
    drawn = []
    for task, model in {(run["task"].item(), run["model"].item()) for run in runs}:
        for (its_unknowns, equations), curve in published.loss_curves(task, model).items():
            if its_unknowns == unknowns and equations in dashes:
                drawn += axes.plot(curve.step, curve.loss_ema, color=GREY, linestyle=dashes[equations], linewidth=1.0, zorder=1)
    return [Line2D([], [], color=GREY, linewidth=1.0, label="published (same dashes)")] if drawn else []


def _clip(axes: Axes, runs: list[Row]) -> None:
    """Ends the axis at ten times the largest loss of the runs that did not diverge, if a diverged run exceeds it, and notes this in the title."""
    def largest(run: Row) -> float:
        return float(np.max(run["curve_loss"], initial=0, where=np.isfinite(run["curve_loss"])))

    kept = [largest(run) for run in runs if run["status"].item() != "diverged"]
    beyond = [run for run in runs if kept and largest(run) > 10 * max(kept)]
    if beyond and max(kept) > 0:
        axes.set_ylim(top=10 * max(kept))
        style.log_scale(axes.yaxis)
        axes.set_title(f"{axes.get_title()}\n{len(beyond)} diverged run{'' if len(beyond) == 1 else 's'} cut off at the top")
