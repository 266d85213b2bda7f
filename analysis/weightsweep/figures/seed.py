"""The plots of the original experiment with our runs."""

from itertools import groupby

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from weightsweep import original, published
from weightsweep.figures import style
from weightsweep.results import Row


def side_by_side(archives: dict[str, list[Row]]) -> Figure:
    """One panel per published plot: our runs with the settings of a published curve as lines, the published curve dotted in the colour of its first
    repetition (for mlp-forward only the runs whose ratio is closest to the published one)."""
    plots = [(name, list(cases)) for name, cases in groupby(published.cases(), key=lambda case: case.plot)]
    figure, panels = style.panels(len(plots), height=2.7)
    for panel, (name, cases) in zip(panels, plots):
        missing, drawn = [], []
        repeats = [original.nearest(case, archives) for case in cases]
        settings = [set(each.setting) for repeated in repeats for each in repeated]
        shared = set.intersection(*settings) if settings else set()
        for case, repeated in zip(cases, repeats):
            colour = style.series(len(drawn))["color"]
            panel.plot(case.curve.step, case.curve.loss_ema, color=colour if repeated else style.GREY, linestyle=":", linewidth=0.9, zorder=1)
            missing += [] if repeated else [case.series]
            for each in repeated:
                looks = style.series(len(drawn)) | {"marker": None, "linestyle": "-" if each is repeated[0] else "--"}
                drawn.append(case.series)
                own = [part for part in each.setting if part not in shared]
                called = ", ".join([case.series, *own]) + (f" ({len(each.runs)} runs)" if len(each.runs) > 1 else "")
                for place, run in enumerate(each.runs):
                    panel.plot(run["curve_step"], run["curve_loss"], **looks, label=None if place else called, zorder=2)
        grey = Line2D([], [], color=style.GREY, linewidth=0.9, linestyle=":", label="published (dotted, same colour)")
        absent = [Line2D([], [], linestyle="none", label=f"{series}: not computed yet") for series in missing]
        panel.set(xlabel="training step", ylabel="training loss (moving average)", title=name)
        panel.set_xlim(left=max(100, min(min(case.curve.step) for case in cases)))
        style.log_scale(panel.xaxis)
        style.log_scale(panel.yaxis)
        style.legend(panel, [grey, *absent], rows=style.LEGEND_ROWS - 1)
    return figure


def r2(archives: dict[str, list[Row]]) -> Figure:
    """Published and our R^2, one row per case: mean over seeds, with bars from the lowest to the highest seed."""
    cases = [case for case in published.cases() if case.measure == "r2"]
    figure, (axes,) = style.panels(1, height=2.8)
    named: set[str] = set()
    for place, case in enumerate(cases):
        axes.plot([100 * case.low], [place], color=style.GREY, marker="|", markersize=14, markeredgewidth=2, linestyle="none", label=None if place else "published")
        for each in original.ours(case, archives):
            precision, *_ = each.setting
            index = ["fp32", "bf16"].index(precision)
            values = 100 * each.values
            looks = style.series(index) | {"linestyle": "none"}
            label = None if precision in named else f"ours, {precision}"
            named.add(precision)
            at = place + 0.16 * (1 - 2 * index)
            axes.errorbar([values.mean()], [at], xerr=np.array([[values.mean() - values.min()], [values.max() - values.mean()]]), **looks, capsize=3, label=label)
    missing = [not original.ours(case, archives) for case in cases]
    axes.set_yticks(range(len(cases)), [f"{case.unknowns} / {case.equations}" + ("\n(not computed yet)" if lost else "") for case, lost in zip(cases, missing)])
    axes.invert_yaxis()
    axes.set(xlabel=style.R2_LABEL, ylabel="unknowns / equations", title="mean; bars: lowest to highest seed")
    axes.margins(x=0.08, y=0.08)
    style.legend(axes)
    return figure
