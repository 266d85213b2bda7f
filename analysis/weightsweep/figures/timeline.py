"""Timeline: which ranks trained which run, and when."""

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from weightsweep.figures import style


def segments(runs: xr.Dataset) -> np.ndarray:
    """Complete rows of the timeline: run, first rank, ranks, from step, to step, start and end in seconds."""
    names = ("run", "first_rank", "ranks", "from_step", "to_step", "start_seconds", "end_seconds")
    if "timeline_run" not in runs:
        return np.zeros((0, len(names)))
    rows = np.stack([runs[f"timeline_{name}"].values.astype(float) for name in names], axis=1)
    return rows[(rows[:, 0] >= 0) & (rows[:, 0] < runs.sizes["run"]) & (rows[:, 6] >= rows[:, 5])]


def rank_timeline(runs: xr.Dataset) -> Figure:
    """One bar per segment of a run; height: ranks; shade: cost of the run; number: index of the run in the file."""
    rows = segments(runs)
    ranks = int((rows[:, 1] + rows[:, 2]).max()) if len(rows) else 1
    end = float(rows[:, 6].max()) if len(rows) else 1.0
    figure, axes = plt.subplots(figsize=(style.PAGE, min(8.0, 1.5 + 0.28 * ranks)), layout="constrained")
    cost = runs["flops_per_step"].values * runs["steps"].values / 1e12
    norm = LogNorm(cost.min() * 0.7, max(cost.max(), cost.min() * 1.4))
    map_ = plt.get_cmap(style.MAP)
    for run, first, count, _, _, start, stop in rows:
        shade = norm(cost[int(run)])
        axes.add_patch(Rectangle((start, first - 0.5), stop - start, count, facecolor=map_(shade), edgecolor="white", linewidth=0.7))
        if stop - start > 0.012 * end * len(str(int(run))) and count > ranks / 40:
            axes.text((start + stop) / 2, first + (count - 1) / 2, f"{int(run)}", ha="center", va="center", fontsize=8, color="white" if shade < 0.5 else "black", clip_on=True)
    axes.set(xlim=(0, end), ylim=(ranks - 0.5, -0.5), xlabel="time (s, interruptions left out); numbers in the boxes: index of the run in the file", ylabel="rank")
    busy = float(((rows[:, 6] - rows[:, 5]) * rows[:, 2]).sum()) / (ranks * end) if end > 0 else 0.0
    count = len(set(rows[:, 0]))
    axes.set_title(f"{count} run{'' if count == 1 else 's'} on {ranks} rank{'s' if ranks > 1 else ''}: {100 * busy:.0f} % of the rank-time at work")
    axes.xaxis.set_major_formatter(FuncFormatter(style.number))
    axes.set_yticks(range(0, ranks, -(-ranks // 12)))
    axes.grid(False)
    if len(rows) and cost.max() > cost.min():
        bar = figure.colorbar(plt.cm.ScalarMappable(norm, map_), ax=axes, label="cost of the run (TFLOP)", pad=0.01)
        bar.ax.yaxis.set_major_locator(FixedLocator([cost.min(), cost.max()]))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.2g}" if value < 10 else f"{value:,.0f}"))
    if not len(rows):
        style.nothing(axes)
    return figure
