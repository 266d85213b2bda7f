"""R^2 against steps and against seconds."""

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from weightsweep import results
from weightsweep.figures import style

TRAINING = ("optimizer", "learning_rate", "schedule", "batch", "precision", "eval_points", "warmup_steps")


def varied(runs: xr.Dataset) -> list[str]:
    """The training settings that differ between runs, the optimizer first."""
    return sorted((name for name in results.axes(runs) if name in TRAINING), key=TRAINING.index)


def r2_by_optimizer(runs: xr.Dataset) -> Figure:
    """Held-out R^2 of every run during the training, coloured by the training settings, on a scale stretched towards 100 %."""
    figure, panels = plt.subplots(1, 2, figsize=(9.5, 4.0), sharey=True, layout="constrained")
    names, groups = style.series_of((run for run in results.rows(runs) if np.isfinite(run["curve_r2"]).any()), varied(runs) or ["optimizer"])
    for axes, column, label in zip(panels, ("curve_step", "curve_seconds"), ("training step", "seconds since the run's first step")):
        for index, group in enumerate(groups):
            looks = style.series(index)
            for place, run in enumerate(group):
                points = np.isfinite(run["curve_r2"])
                axes.plot(
                    run[column][points],
                    np.clip(1 - run["curve_r2"][points], 1e-6, 1),
                    **looks,
                    markevery=(0.03 * index, 0.2),
                    markersize=5,
                    linewidth=1.6 if len(group) <= 3 else 0.8,
                    alpha=1.0 if len(group) <= 6 else 0.6,
                    label=style.label(run, names) + (f" ({len(group)} runs)" if len(group) > 1 else "") if place == 0 else None,
                )
        axes.set(xlabel=label, title="R² against steps" if column == "curve_step" else "R² against time")
        style.log_scale(axes.xaxis)
        style.r2_scale(axes)
    if any((run["curve_r2"] < 0).any() for group in groups for run in group):
        panels[0].set_ylabel(f"{style.R2_LABEL}\n(values below 0 stand at 0)")
    panels[1].set_ylabel("")
    style.legend(panels[1])
    return figure
