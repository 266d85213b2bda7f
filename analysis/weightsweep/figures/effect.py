"""R^2 against one axis of the sweep, whatever the axis."""

import itertools
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from weightsweep import effects, published, results
from weightsweep.cases import is_case_setting
from weightsweep.effects import Line
from weightsweep.figures import style
from weightsweep.values import exact, geometric, order

MAX_LINES = 6
_CELL = ("unknowns", "equations", "equation_ratio")  # axes against which there are published values
_NEAR = 0.12  # distance of tick labels as a share of the axis, below which labels are left out


def effect(runs: xr.Dataset, axis: str, lines: list[str] | None = None, with_published: bool = False) -> Figure:
    """R^2 against `axis`, on a scale stretched towards 100 %: mean over the seeds with its 95 % interval.

    One line per combination of the settings `lines`: by default the settings of the case, then other axes as long as there are at most
    MAX_LINES lines. The rest of the axes are averaged, over combinations that have every value of the axis. Thin lines: floors, which need no
    training. Hollow markers: published values, if a run repeats the published training, or with `with_published`.
    """
    chosen = _lines(runs, axis) if lines is None else lines
    found = effects.lines(runs, axis, chosen)
    figure, (axes,) = style.panels(1)
    values = sorted({value for line in found for value in line.values}, key=order)
    numbers = bool(values) and not isinstance(values[0], str)
    along, told = _followers(runs, axis, chosen)
    for index, line in enumerate(found):
        at = np.array(line.values, dtype=float) if numbers else np.array([values.index(value) for value in line.values]) + 0.5 * ((index + 0.5) / len(found) - 0.5)
        looks = style.series(index) | ({} if numbers else {"linestyle": "none"})
        label = style.label(line.fixed, told if len(found) > 1 else chosen) or "R²"
        style.points(axes, at, line.r2, line.low, line.high, label=label, **looks)
    floors = _floors(axes, runs, axis, chosen, numbers, values)
    known = _published(axes, runs, (axis, chosen), found, with_published) if axis in _CELL else []
    if numbers:
        _numeric(axes, values)
    elif values:
        _categories(axes, [style.short(value) or "none" for value in values])
    axes.set_xlabel(style.name_of(runs, axis))
    style.fit_means(axes)
    _end_before_failures(axes, found)
    style.r2_scale(axes)
    _mark_below(axes, found)
    best, worst = sorted(axes.get_ylim())
    handles = [handle for handle, rest in floors if ((rest >= best) & (rest <= worst)).any()] + known
    style.note(axes, _told(runs, axis, chosen, found) + (f"; {' and '.join(along)} change along the axis" if along else ""))
    style.legend(axes, handles)
    return figure


def _lines(runs: xr.Dataset, axis: str) -> list[str]:
    """The settings of the case that differ, then other axes while there are at most MAX_LINES lines."""
    rows = effects.rows(runs)
    names = [name for name in effects.axes(runs) if name != axis]
    kept: list[str] = []
    for name in sorted(names, key=lambda name: (not is_case_setting(name) and name != "equation_ratio", len(set(runs[name].values)))):
        if len(results.groups(rows, [*kept, name])) <= MAX_LINES:
            kept.append(name)
    return kept


def _followers(runs: xr.Dataset, axis: str, chosen: list[str]) -> tuple[list[str], list[str]]:
    """Settings that follow from an axis: those that change along `axis`, and those that tell lines apart, together with `chosen`."""
    others = [name for name in results.varied(runs) if name not in (*effects.axes(runs), "seed", "equations", "heads", "queries")]
    constant = [name for name in others if all(len({row[name].item() for row in group}) == 1 for group in results.groups(results.rows(runs), chosen).values())]
    return [name for name in others if name not in constant], [*chosen, *constant]


def _told(runs: xr.Dataset, axis: str, chosen: list[str], found: list[Line]) -> str:
    seeds = {line.seeds for line in found}
    count = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else str(max(seeds, default=0))
    told = "one seed, no interval" if seeds == {1} else f"mean over {count} seeds, 95 % interval" if seeds else ""
    rest = [name.replace("_", " ") for name in effects.axes(runs) if name not in (axis, *chosen)]
    if rest:
        told += f"; averaged over pairs in {', '.join(rest)}"
        lost = sum(line.left_out for line in found)
        told += f" ({lost} incomplete combination{'' if lost == 1 else 's'} left out)" if lost else ""
    return told + style.left_out(runs, "; ")


def _floors(axes: Axes, runs: xr.Dataset, axis: str, chosen: list[str], numbers: bool, values: list[Any]) -> list[tuple[Line2D, np.ndarray]]:
    """Thin grey lines of the floors, one per line of the figure where they differ. Returns the entries of the legend, each with its values of 1 - R^2."""
    handles = []
    for (column, name), dash in zip(effects.FLOORS.items(), (":", "--", "-.")):
        if column not in runs or not np.isfinite(runs[column].values).any():
            continue
        drawn = set()
        for line in effects.lines(runs, axis, chosen, column):
            at = np.array(line.values, dtype=float) if numbers else np.array([values.index(value) for value in line.values if value in values], dtype=float)
            rest = style.unexplained(line.r2[: len(at)])
            if tuple(rest.round(6)) not in drawn and len(at):
                if len(set(rest.round(9))) == 1 or not numbers:
                    axes.axhline(rest.mean(), color=style.GREY, linestyle=dash, linewidth=0.9, zorder=1)
                else:
                    axes.plot(at, rest, color=style.GREY, linestyle=dash, linewidth=0.9, zorder=1)
                drawn.add(tuple(rest.round(6)))
        handles += [(Line2D([], [], color=style.GREY, linestyle=dash, linewidth=0.9, label=name), np.concatenate([*drawn]))] if drawn else []
    return handles


def _published(axes: Axes, runs: xr.Dataset, names: tuple[str, list[str]], found: list[Line], wanted: bool) -> list[Line2D]:
    """Hollow markers of the published values of the cells in the figure, against the axis and for the lines that `names` has."""
    axis, chosen = names
    rows = effects.rows(runs)
    repeated = {(case.unknowns, case.equations) for case in published.repeated(rows)}
    drawn = False
    for index, line in enumerate(found):
        known = published.r2(line.fixed["task"].item(), line.fixed["model"].item())
        mine = [row for row in rows if all(row[name].item() == line.fixed[name].item() for name in chosen)]
        for value, cell in sorted({(row[axis].item(), (int(row["unknowns"]), int(row["equations"]))) for row in mine}):
            if cell in known and (wanted or cell in repeated):
                looks = style.series(index) | {"linestyle": "none", "markersize": 8, "markerfacecolor": "none", "markeredgewidth": 0.9}
                axes.plot([value], [1 - known[cell]], **looks, clip_on=False, zorder=2)
                drawn = True
    return [Line2D([], [], color=style.GREY, marker="o", markersize=8, markerfacecolor="none", linestyle="none", label="published")] if drawn else []


def _numeric(axes: Axes, values: list[float]) -> None:
    if geometric(values):
        axes.set_xscale("log")
    at = np.log(values) if geometric(values) else np.array(values, dtype=float)
    labelled = []
    for value, place in zip(values, at):  # as many as have room
        if not labelled or place - labelled[-1][1] > _NEAR * (at[-1] - at[0]):
            labelled.append((value, place))
    axes.xaxis.set_major_locator(FixedLocator([value for value, _ in labelled]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: exact(float(f"{value:.10g}"))))
    axes.margins(x=0.06)


def _categories(axes: Axes, names: list[str]) -> None:
    figure, longest = axes.get_figure(), max(len(part) for name in names for part in name.split(", "))
    if longest * len(names) > 48:
        figure.set_size_inches(style.PAGE, figure.get_figheight())
    axes.set_xticks(range(len(names)), [name.replace(", ", "\n") for name in names])
    axes.set_xlim(-0.5, len(names) - 0.5)
    if longest * len(names) > 110:
        axes.tick_params(axis="x", labelrotation=25)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    axes.xaxis.set_minor_locator(FixedLocator(np.arange(0.5, len(names) - 1)))
    axes.tick_params(axis="x", which="minor", length=0)
    axes.grid(False, axis="x")
    axes.grid(True, axis="x", which="minor", color="0.85", linewidth=0.6)  # between the values


def _end_before_failures(axes: Axes, found: list[Line]) -> None:
    """Ends the axis above the few values that are so low that they would take most of it."""
    scores = np.sort(np.concatenate([-np.log10(style.unexplained(line.r2)) for line in found] or [np.zeros(0)]))[::-1]
    for worst in range(max(2, len(scores) - max(1, len(scores) // 4)), len(scores)):
        kept = scores[:worst]
        if kept[-1] - scores[worst] > max(0.45 * (scores[0] - scores[-1]), 0.3):
            edge, best = (10 ** -(end + sign * max(0.25 * (kept[0] - kept[-1]), 0.06)) for end, sign in ((kept[-1], -1), (kept[0], 1)))
            axes.set_ylim(best, edge)
            return


def _mark_below(axes: Axes, found: list[Line]) -> None:
    """Writes the values below the axis, R^2 below 0 among them, at its lower edge, above each other where they would overlap: "↓ −5.8 %"."""
    edge, (left, right) = max(axes.get_ylim()), axes.transData.transform([(x, 0.5) for x in axes.get_xlim()])[:, 0]
    drawn: list[tuple[int, float, float]] = []  # row, middle and width of the texts, in shares of the width
    for container, line in zip(axes.containers, found):
        container.lines[0].set_clip_on(edge < 1)
        for x, r2 in zip(container.lines[0].get_xdata(), line.r2):
            if 1 - r2 > edge * (1 + 1e-9):
                share = (axes.transData.transform((x, edge))[0] - left) / (right - left)
                text = f"↓ {100 * r2:,.{0 if abs(r2) >= 1 else 1}f} %".replace("-", "−")
                wide = 5.0 * len(text) * axes.get_figure().dpi / 72 / (right - left)
                middle = min(max(share, wide / 2), 1 - wide / 2)
                row = next(row for row in itertools.count() if all(row != other or abs(middle - at) > (wide + width) / 2 for other, at, width in drawn))
                drawn.append((row, middle, wide))
                looks = {"color": container.lines[0].get_color(), "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.3}, "zorder": 4}
                axes.annotate(text, (middle, 0), xycoords="axes fraction", xytext=(0, 5 + 9 * row), textcoords="offset points", ha="center", va="bottom", **looks)
