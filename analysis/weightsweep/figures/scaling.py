"""Strong and weak scaling: one sweep, or a sweep proportional to the ranks, on several numbers of ranks."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from weightsweep.figures import style, timeline


@dataclass(frozen=True)
class Point:
    """Ranks, seconds and FLOP of one results file."""

    ranks: int
    seconds: float
    flops: float

    @property
    def rate(self) -> float:  # FLOP/s
        return self.flops / self.seconds


def point(runs: xr.Dataset) -> Point | None:
    """Ranks and seconds from the timeline, or None if the file has no timeline or no run has started."""
    rows = timeline.segments(runs)
    if not len(rows):
        return None
    seconds = float(rows[:, 6].max() - rows[:, 5].min())
    flops = float((runs["flops_per_step"].values * runs["steps_done"].values).sum())
    return Point(int((rows[:, 1] + rows[:, 2]).max()), seconds, flops) if seconds > 0 and flops > 0 else None


def families(points: list[Point]) -> tuple[list[Point], list[Point]]:
    """Strong scaling: files with equal work. Weak scaling: files with equal work per rank. Both in ascending order of ranks."""

    def largest(key: list[float]) -> list[Point]:
        alike = [[other for other, its in zip(points, key) if abs(its / mine - 1) < 0.02] for mine in key]
        return sorted(max(alike, key=lambda group: len({each.ranks for each in group}), default=[]), key=lambda each: each.ranks)

    strong, weak = largest([each.flops for each in points]), largest([each.flops / each.ranks for each in points])
    several = [len({each.ranks for each in group}) > 1 for group in (strong, weak)]
    return strong if several[0] or not several[1] else [], weak if several[1] else []


def scaling(files: list[xr.Dataset]) -> Figure:
    """Speedup relative to the smallest number of ranks, with the ideal line, and efficiency."""
    points = [each for each in map(point, files) if each is not None]
    strong, weak = families(points)
    figure, (speed, efficiency) = plt.subplots(1, 2, figsize=(style.PAGE, 2.8), layout="constrained")
    ranks = sorted({each.ranks for each in [*strong, *weak]})
    for index, (family, name) in enumerate([(strong, "strong: the same sweep"), (weak, "weak: the work grows with the ranks")]):
        if not family:
            continue
        at = [each.ranks for each in family]
        gain = np.array([each.rate for each in family]) / family[0].rate
        speed.plot(at, gain * at[0], **style.series(index), label=name)
        efficiency.plot(at, 100 * gain * at[0] / at, **style.series(index), label=name)
    if ranks:
        speed.plot(ranks, ranks, color=style.GREY, linewidth=1, linestyle=":", label="ideal", zorder=1)
        efficiency.axhline(100, color=style.GREY, linewidth=1, linestyle=":", zorder=1)
    speed.set(xscale="log", yscale="log", xlabel="ranks", ylabel="FLOP rate over that of one rank", title="Speed-up")
    efficiency.set(xscale="log", xlabel="ranks", ylabel="parallel efficiency (%)", title="Efficiency", ylim=(0, 110))
    _powers(speed, ranks)
    _powers(efficiency, ranks)
    speed.yaxis.set_major_locator(FixedLocator(ranks))
    speed.yaxis.set_minor_locator(NullLocator())
    speed.yaxis.set_major_formatter(FuncFormatter(style.number))
    style.legend(speed)
    if not ranks:
        style.nothing(efficiency)
    return figure


def _powers(axes: Axes, ranks: list[int]) -> None:
    axes.xaxis.set_major_locator(FixedLocator(ranks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(style.number))
