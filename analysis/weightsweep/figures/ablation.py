"""R^2 against one setting: embedding, pooling, activation of the generators."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from weightsweep import results
from weightsweep.figures import style
from weightsweep.results import Row
from weightsweep.values import order


def embedding(runs: xr.Dataset) -> Figure:
    """R^2 against the width of the embedding."""
    return _ablation(runs, "embed_dim", "Explained variance against the width of the embedding")


def pooling(runs: xr.Dataset) -> Figure:
    """R^2 per pooling; each combination of heads and queries of attention is a pooling of its own."""
    return _ablation(runs, "pooling", "Explained variance of each pooling", ("heads", "queries"))


def activation(runs: xr.Dataset) -> Figure:
    """R^2 per activation of the generators."""
    return _ablation(runs, "generator_activation", "Explained variance of generators of each activation")


def _ablation(runs: xr.Dataset, name: str, title: str, parts: tuple[str, ...] = ()) -> Figure:
    """Mean over seeds with the standard deviation as bar, on a scale stretched towards 100 %; one series per combination of the other axes.
    `parts`: settings that are appended to the label of a text setting."""
    parts = tuple(part for part in parts if part in results.varied(runs))
    names = style.others(runs, name, *parts)
    if "equations" in names and "unknowns" not in names and len(set(runs["unknowns"].values)) > 1:
        names.insert(0, "unknowns")
    kept, groups = style.series_of(results.rows(results.done(runs)), names)
    values = sorted({_value(run, name, parts) for run in results.rows(runs)}, key=order)
    numbers = not isinstance(values[0], str)
    figure, axes = plt.subplots(figsize=(6.0, 4.0), layout="constrained")
    for index, group in enumerate(groups):
        cells = style.groups(group, [name, *parts])
        spreads = [style.spread(cell) for cell in cells]
        at = [_value(cell[0], name, parts) for cell in cells]
        if not numbers:
            at = [values.index(value) + 0.6 * ((index + 0.5) / len(groups) - 0.5) for value in at]
        looks = style.series(index) | ({} if numbers else {"linestyle": "none"})
        label = style.label(group[0], kept) or "R²"
        rest = np.clip([1 - each.mean / 100 for each in spreads], None, 1)  # R² below 0 is drawn at 0
        bars = np.array([each.bar / 100 for each in spreads])
        axes.errorbar(at, rest, [np.minimum(bars, 0.9 * rest), np.minimum(bars, 1 - rest)], **looks, capsize=2.5, clip_on=False, label=label)
        for where, each in zip(at, spreads):
            if each.mean < 0:
                axes.annotate(f"{each.mean:,.0f} %", (where, 1), xytext=(7, 3), textcoords="offset points", fontsize=9)
    if numbers:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(values))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(style.number))
    else:
        axes.set_xticks(range(len(values)), values)
        axes.set_xlim(-0.5, len(values) - 0.5)
        for edge in np.arange(0.5, len(values) - 1):
            axes.axvline(edge, color="0.8", linewidth=0.8)
        axes.grid(False, axis="x")
    axes.set_xlabel(style.name_of(runs, name))
    style.r2_scale(axes)
    axes.set_title(f"{title}\n{style.averaged(runs, names, kept)}")
    if len(groups) > 1 or not groups:
        style.legend(axes)
    return figure


def _value(run: Row, name: str, parts: tuple[str, ...]) -> Any:
    told = [f"{part} {results.setting(run, part)}" for part in parts if results.setting(run, part)]
    return "\n".join([run[name].item(), *told]) if told else run[name].item()
