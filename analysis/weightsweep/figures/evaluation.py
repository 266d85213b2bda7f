"""Scores of held-out generators other than R^2: similarity of the weights, and R^2 under other conditions."""

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from weightsweep import results
from weightsweep.figures import style

_NOT_A_SHIFT = ("r2_stderr", "r2_least_squares", "r2_affine_fit", "r2_quadratic_fit", "r2_direct_fit", "r2_refine")


def has_weight_match(runs: xr.Dataset) -> bool:
    return "weight_match" in runs and bool(np.isfinite(runs["weight_match"].values).any())


def shifts(runs: xr.Dataset) -> list[str]:
    """Columns of R^2 under conditions other than those of the training."""
    names = [str(name) for name in runs if str(name).startswith("r2_") and not str(name).startswith(_NOT_A_SHIFT) and not str(name).endswith("_stderr")]
    return [name for name in names if np.isfinite(runs[name].values).any()]


def weight_match(runs: xr.Dataset) -> Figure:
    """Similarity of predicted and true weights, up to the symmetries of a generator, against R^2 of the outputs."""
    names = style.others(runs)
    figure, axes = plt.subplots(figsize=(6.0, 4.2), layout="constrained")
    finished = [run for run in results.rows(results.done(runs)) if np.isfinite(run.get("weight_match", np.nan))]  # weight_match is defined only for some generators
    kept, groups = style.series_of(finished, names)
    for index, group in enumerate(groups):
        looks = style.series(index) | {"linestyle": "none"}
        x, y = style.spread(group), style.spread(group, "weight_match", None, 1)
        label = style.label(group[0], kept) or "runs"
        axes.errorbar([x.mean], [y.mean], [y.bar], [x.bar], **looks, markersize=7, capsize=2.5, label=label)
    _chance(runs, axes)
    axes.set(xlabel=style.R2_LABEL, ylabel="cosine of predicted and true weights", title=f"Are the predicted weights the true ones?\n{style.averaged(runs, names, kept)}")
    axes.margins(0.1)
    style.clip_r2(axes, "x")
    style.legend(axes)
    return figure


def _chance(runs: xr.Dataset, axes: plt.Axes) -> None:
    """Lines at the similarity of unrelated generators, one per number of unknowns."""
    if "weight_match_chance" not in runs:
        return
    levels = {int(count): float(level) for count, level in zip(runs["unknowns"].values, runs["weight_match_chance"].values) if np.isfinite(level)}
    for index, (count, level) in enumerate(sorted(levels.items())):
        name = "chance" + (f", {count} unknowns" if len(levels) > 1 else "")
        axes.axhline(level, color=style.GREY, linestyle=style.DASHES[(index + 1) % len(style.DASHES)], label=name)


def distribution_shift(runs: xr.Dataset) -> Figure:
    """R^2 under the conditions of the training and under the others of `evaluation`, averaged over seeds."""
    columns = ["r2", *shifts(runs)]
    names = style.others(runs)
    kept, groups = style.series_of(results.rows(results.done(runs)), names)
    figure, axes = plt.subplots(figsize=(max(6.0, 1.6 + 1.1 * len(columns)), 4.2), layout="constrained")
    for index, group in enumerate(groups):
        at = np.arange(len(columns)) + 0.6 * ((index + 0.5) / len(groups) - 0.5)
        spreads = [style.spread(group, column, "r2_stderr" if column == "r2" else f"{column}_stderr") for column in columns]
        looks = style.series(index) | {"linestyle": "none"}
        label = style.label(group[0], kept) or "R²"
        axes.errorbar(at, [each.mean for each in spreads], [each.bar for each in spreads], **looks, capsize=2.5, label=label)
    axes.set_xticks(range(len(columns)), ["as trained", *(column.removeprefix("r2_").replace("_", "\n") for column in columns[1:])])
    for edge in np.arange(0.5, len(columns) - 1):
        axes.axvline(edge, color="0.8", linewidth=0.8)
    axes.grid(False, axis="x")
    axes.set(xlabel="conditions of the evaluation", ylabel=style.R2_LABEL, title=f"Explained variance under other conditions\n{style.averaged(runs, names, kept)}")
    style.clip_r2(axes)
    if len(groups) > 1 or not groups:
        style.legend(axes)
    return figure
