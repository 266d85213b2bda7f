"""Scores of held-out generators other than R^2: similarity of the weights, and R^2 under other conditions."""

import re

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from weightsweep import effects, results, statistics
from weightsweep.cases import Setting, cases
from weightsweep.figures import style
from weightsweep.results import Row

_FITS = re.compile(r"r2_(stderr|least_squares|affine_fit|quadratic_fit|direct_fit|refine_\d+).*|r2_.*_stderr")  # columns that are no shift of the model
_KINDS = {"set_size": "pairs per set", "noise": "noise on y (standard deviations)", "": "inputs"}  # panels of the shifts


def has_weight_match(runs: xr.Dataset) -> bool:
    return "weight_match" in runs and bool(np.isfinite(runs["weight_match"].values).any())


def shifts(runs: xr.Dataset) -> list[str]:
    """Columns of R^2 under conditions other than those of the training."""
    names = [str(name) for name in runs if str(name).startswith("r2_") and not _FITS.fullmatch(str(name))]
    return [name for name in names if np.isfinite(runs[name].values).any()]


def weight_match(runs: xr.Dataset) -> Figure:
    """Similarity of predicted and true weights, up to the symmetries of a generator, against R^2 of the outputs: one marker per setting, the mean
    over its seeds, with bars from the lowest to the highest seed. Of more than MAX_SERIES settings: the best of each case, and the
    others as grey dots."""
    kept = style.others(runs)
    figure, (axes,) = style.panels(1)
    found = cases(runs)
    many = sum(len(case.settings) for case in found) > style.MAX_SERIES
    settings = [setting for case in found for setting in (case.settings[:1] if many else case.settings)]
    groups = _matched(settings)
    rest = _matched([setting for case in found for setting in case.settings[1:]]) if many else []
    for index, group in enumerate(groups):
        looks = style.series(index) | {"linestyle": "none"}
        x, y = style.unexplained([run["r2"] for run in group]), np.array([float(run["weight_match"]) for run in group])
        at = 10 ** float(np.mean(np.log10(x)))
        across, up = (np.abs([[middle - each.min()], [each.max() - middle]]) if len(group) > 1 else None for middle, each in ((at, x), (y.mean(), y)))
        axes.errorbar([at], [y.mean()], up, across, **looks | {"markersize": 7, "markerfacecolor": "none", "markeredgewidth": 1.2}, capsize=2, clip_on=False, label=style.label(group[0], kept) or "runs", zorder=3)
    grey = {"color": style.GREY, "marker": ".", "linestyle": "none"}
    axes.plot([10 ** np.mean(np.log10(style.unexplained([run["r2"] for run in group]))) for group in rest], [np.mean([run["weight_match"] for run in group]) for group in rest], **grey, zorder=1)
    chance = [*([Line2D([], [], **grey, label="other settings")] if rest else []), *_chance(runs, axes)]
    axes.set_ylabel("cosine to the true weights")
    axes.margins(0.1)
    style.r2_scale(axes, "x")
    several = any(len(group) > 1 for group in groups)
    of = f"best setting {'of each case' if len(found) > 1 else f'of {len(found[0].settings)}'}: " if many else ""
    style.note(axes, of + ("mean over seeds, bars: lowest to highest seed" if several else "one seed") + style.left_out(runs, "; "))
    style.legend(axes, chance)
    return figure


def _matched(settings: list[Setting]) -> list[list[Row]]:
    """The finished runs of each setting that have a weight_match, which is defined only for some generators."""
    found = [[run for run in setting.runs if run["status"].item() == "done" and np.isfinite(run.get("weight_match", np.nan))] for setting in settings]
    return [group for group in found if group]


def _chance(runs: xr.Dataset, axes: Axes) -> list[Line2D]:
    """Lines at the similarity of unrelated generators, one per number of unknowns. Returns their entries of the legend."""
    if "weight_match_chance" not in runs:
        return []
    levels = {int(count): float(level) for count, level in zip(runs["unknowns"].values, runs["weight_match_chance"].values) if np.isfinite(level)}
    entries = []
    for index, (count, level) in enumerate(sorted(levels.items())):
        looks = {"color": style.GREY, "linestyle": style.DASHES[(index + 1) % len(style.DASHES)], "linewidth": 0.9}
        axes.axhline(level, **looks, zorder=1)
        entries.append(Line2D([], [], **looks, label="unrelated generators" + (f", {count} unknowns" if len(levels) > 1 else "")))
    return entries


def distribution_shift(runs: xr.Dataset) -> Figure:
    """R^2 under the conditions of the training and under the others of `evaluation`: a panel for other inputs, for sizes of the sets and for noise.
    Mean over the seeds with its 95 % interval. Grey lines: regressions and fits under the same conditions; those below 0 leave the panel."""
    columns = {kind: [name for name in shifts(runs) if _kind(name) == kind] for kind in _KINDS}
    kinds = [kind for kind in ("", "set_size", "noise") if columns[kind]]
    kept, groups = style.series_of(results.rows(results.done(runs)), style.others(runs))
    figure, panels = style.panels(len(kinds), across=3)
    for axes, kind in zip(panels, kinds):
        names = sorted(columns[kind], key=_value) if kind else columns[kind]
        names = _with_trained_size(names, runs) if kind == "set_size" else ["r2", *names]
        for index, group in enumerate(groups):
            score = [statistics.mean_interval(np.array([float(run[name]) for run in group])) for name in names]
            at = np.arange(len(names)) + 0.3 * ((index + 0.5) / len(groups) - 0.5)
            mean, low, high = (np.array(each) for each in zip(*score))
            looks = style.series(index) | ({} if kind else {"linestyle": "none"})
            style.points(axes, at, mean, low, high, label=style.label(group[0], kept) or "R²", **looks)
        entries = _floors(axes, [run for group in groups for run in group], names) if kind else []
        of_training = {"": "as\ntrained", "noise": "0", "set_size": str(runs["equations"].values[0])}[kind]
        axes.set_xticks(range(len(names)), [of_training if name == "r2" else _text(name, kind) for name in names])
        axes.margins(x=0.08)
        axes.grid(bool(kind), axis="x")
        axes.set_xlabel(_KINDS[kind])
        style.fit_means(axes)
        style.r2_scale(axes)
        if axes is panels[0]:
            seeds = max((len(group) for group in groups), default=1)
            style.note(axes, ("one seed, no interval" if seeds < 2 else f"mean over {seeds} seeds, 95 % interval") + style.left_out(runs, "; "))
        if axes is panels[min(len(kinds), 3) - 1]:
            style.legend(axes, entries)
        else:
            axes.set_xlabel(_KINDS[kind])
    for axes in panels[1 : len(kinds)]:
        axes.set_ylabel("")
    return figure


def _kind(column: str) -> str:
    return next(kind for kind in _KINDS if column.startswith(f"r2_{kind}_") or not kind)


def _value(column: str) -> float:
    return float(column.rpartition("_")[2])


def _text(column: str, kind: str) -> str:
    return column.removeprefix(f"r2_{kind}_" if kind else "r2_").replace("_", "\n")


def _with_trained_size(names: list[str], runs: xr.Dataset) -> list[str]:
    """The columns of set sizes with that of the training at its place, if all runs were trained with one size that is not among them."""
    sizes = {int(size) for size in runs["equations"].values}
    trained = sizes.pop()
    if sizes or trained in map(_value, names):
        return names
    return sorted([*names, "r2"], key=lambda name: trained if name == "r2" else _value(name))


def _floors(axes: Axes, runs: list[Row], names: list[str]) -> list[Line2D]:
    """Grey lines of regressions and fits under the same conditions, averaged over the runs. Returns their entries of the legend."""
    entries = []
    for (column, label), dash in zip((effects.FLOORS | {"r2_direct_fit": "fit of the network"}).items(), (":", "--", "-.", style.DASHES[4])):
        columns = [column + name.removeprefix("r2") for name in names]
        if all(name in runs[0] and np.isfinite([run[name] for run in runs]).any() for name in columns):
            rest = [10 ** float(np.nanmean(statistics.score(np.array([float(run[name]) for run in runs])))) for name in columns]
            axes.plot(range(len(names)), rest, color=style.GREY, linestyle=dash, linewidth=0.9, zorder=1)
            entries.append(Line2D([], [], color=style.GREY, linestyle=dash, linewidth=0.9, label=label))
    return entries
