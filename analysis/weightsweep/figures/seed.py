"""The plots of the original experiment with our runs."""

from itertools import groupby

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from weightsweep import original, published
from weightsweep.figures import style
from weightsweep.results import Row


def side_by_side(archives: dict[str, list[Row]]) -> Figure:
    """One panel per published plot: published curves in grey, our runs with the same settings in colour (for mlp-forward only the runs
    whose ratio is closest to the published one). The dash denotes the series, the colour the series and the setting."""
    plots = [(name, list(cases)) for name, cases in groupby(published.cases(), key=lambda case: case.plot)]
    figure, panels = style.panels(len(plots), height=4.1, width=5.6)
    for panel, (name, cases) in zip(panels, plots):
        missing, drawn = [], []
        repeats = [original.nearest(case, archives) for case in cases]
        settings = [set(each.setting) for repeated in repeats for each in repeated]
        shared = set.intersection(*settings) if settings else set()
        for index, (case, repeated) in enumerate(zip(cases, repeats)):
            looks = style.series(index)
            panel.plot(case.curve.step, case.curve.loss_ema, color=style.GREY, linestyle=looks["linestyle"], linewidth=1.0, zorder=1)
            missing += [] if repeated else [case.series]
            for each in repeated:
                colour = style.series(len(drawn)) | {"linestyle": looks["linestyle"]}
                drawn.append(case.series)
                own = [part for part in each.setting if part not in shared]
                called = ", ".join([case.series, *own]) + (f" ({len(each.runs)} runs)" if len(each.runs) > 1 else "")
                for place, run in enumerate(each.runs):
                    label = None if place else called
                    panel.plot(run["curve_step"], run["curve_loss"], **colour, markevery=(0.05 * len(drawn), 0.25), linewidth=1.2, label=label, zorder=2)
        handles, _ = panel.get_legend_handles_labels()
        grey = Line2D([], [], color=style.GREY, linewidth=1.0, label="published (same dashes)")
        handles += [grey, *(Line2D([], [], linestyle="none", label=f"{series}: not computed yet") for series in missing)]
        if len(handles) <= style.LEGEND_ROWS:
            panel.legend(handles=handles, loc="best", fontsize=9)
        else:
            panel.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=8)
        panel.set(xlabel="training step", ylabel="training loss (moving average)", title=name)
        panel.set_xlim(left=max(100, min(min(case.curve.step) for case in cases)))
        style.log_scale(panel.xaxis)
        style.log_scale(panel.yaxis)
    return figure


def r2(archives: dict[str, list[Row]]) -> Figure:
    """Published and our R^2, one row per case: mean over seeds, with minimum and maximum."""
    cases = [case for case in published.cases() if case.measure == "r2"]
    figure, (axes,) = style.panels(1, height=4.2)
    named: set[str] = set()
    for place, case in enumerate(cases):
        axes.plot([100 * case.low], [place], color=style.GREY, marker="|", markersize=18, markeredgewidth=2.5, linestyle="none", label=None if place else "published")
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
    axes.set_yticks(range(len(cases)), [f"{case.unknowns} unknowns, {case.series}" + ("\n(not computed yet)" if lost else "") for case, lost in zip(cases, missing)])
    axes.invert_yaxis()
    axes.set(xlabel=style.R2_LABEL, title="R², published and ours")
    axes.margins(x=0.08, y=0.08)
    figure.set_size_inches(8.0, 4.2)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    return figure
