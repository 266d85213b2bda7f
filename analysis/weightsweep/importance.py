"""Which axes matter: shares of the variance of log10(1 - R^2) between the settings of a case."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from weightsweep.cases import Case, Setting, text
from weightsweep.values import order

CELLS_MAX = 2**18
_TREES = 32
_NEGLIGIBLE = 1e-3  # share of the sum of squares below which a box is not split
_RNG_SEED = 20_240_601


@dataclass(frozen=True)
class Importance:
    """Shares of the variance between settings. They add up to 1 with `rest`, the interactions of three and more axes."""

    shares: dict[tuple[str, ...], float]  # by axis (name,) and by pair of axes (name, name), largest first
    rest: float
    settings: int  # complete settings, from which the shares are computed
    left_out: int  # incomplete settings
    exact: bool  # every combination has a complete setting; else the missing ones are predicted by main effects and a random forest
    confounded: tuple[str, ...] = ()  # the axes, where the settings are too few to tell their effects apart: then there are no shares


def importance(case: Case) -> Importance | None:
    """Shares of the axes and of their pairs. None if the case has fewer than two complete settings, all have the same mean, or the grid of
    their values has more than CELLS_MAX combinations."""
    settings = case.complete
    mean = np.array([setting.mean_score for setting in settings])
    axes = _axes(case)
    if not axes or mean.std() < 1e-12:
        return None
    levels = np.stack([_levels(settings, names, mean) for names in axes.values()], 1)
    shape = tuple(levels.max(0) + 1)
    if math.prod(shape) > CELLS_MAX:
        return None
    grid = np.full(shape, np.nan)
    grid[tuple(levels.T)] = mean
    exact = bool(np.isfinite(grid).all())
    if not exact and np.linalg.matrix_rank(_columns(levels, shape)) < 1 + sum(shape) - len(shape):
        return Importance({}, 0.0, len(settings), len(case.incomplete), False, tuple(axes))
    if not exact:
        additive = _additive(levels, shape, mean)
        residual = _forest(levels, shape, mean - additive[tuple(levels.T)])
        grid = np.where(np.isfinite(grid), grid, additive + residual)
    names = [(name,) for name in axes] + list(itertools.combinations(axes, 2))
    shares = _shares(grid)
    ranked = sorted(zip(names, shares, strict=True), key=lambda item: -item[1])
    return Importance(dict(ranked), max(0.0, 1 - sum(shares)), len(settings), len(case.incomplete), exact)


def _axes(case: Case) -> dict[str, list[str]]:
    """The settings of each axis by the axis's name. Settings that only one pooling uses are one axis together with the pooling, and so are settings that
    always change together."""
    varied = [name for name in case.choices if len({text(name, setting.values[name]) for setting in case.complete}) > 1]
    nested = [name for name in varied if any(setting.values[name] is None for setting in case.complete)]
    axes = {name: [name] for name in varied if name not in nested}
    if nested and "pooling" in axes:
        del axes["pooling"]
        axes[f"pooling with {' and '.join(nested)}"] = ["pooling", *nested]
    tied: list[list[str]] = []
    for names in axes.values():
        other = next((each for each in tied if _tied(case.complete, each, names)), None)
        if other is None:
            tied.append(list(names))
        else:
            other += names
    return {f"{names[0]} with {' and '.join(names[1:])}" if len(names) > 1 else names[0]: names for names in tied}


def _tied(settings: list[Setting], one: list[str], other: list[str]) -> bool:
    """True if each value of one axis comes with one value of the other, and the reverse."""
    a, b = ([tuple(text(name, setting.values[name]) for name in names) for setting in settings] for names in (one, other))
    return len(set(a)) == len(set(b)) == len(set(zip(a, b, strict=True)))


def _levels(settings: list[Setting], names: list[str], mean: np.ndarray) -> np.ndarray:
    """Index of each setting's value on the axis of the settings `names`. Numbers are in ascending order, texts in the order of their means,
    which makes the best split of a regression tree a split of consecutive indices."""
    values = [" ".join(text(name, setting.values[name]) for name in names) for setting in settings]
    key: dict[str, tuple[object, ...]] = {}
    for value, setting in zip(values, settings, strict=True):
        raw = setting.values[names[0]]
        key[value] = order(raw) if isinstance(raw, int | float) else (3, mean[[each == value for each in values]].mean())
    ranks = {value: rank for rank, value in enumerate(sorted(key, key=key.__getitem__))}
    return np.array([ranks[value] for value in values])


def _shares(grid: np.ndarray) -> list[float]:
    """Analysis of variance of a full grid: the shares of its axes, then those of the pairs of axes."""
    axes = range(grid.ndim)
    centred = grid - grid.mean()

    def marginal(*kept: int) -> np.ndarray:
        return centred.mean(tuple(axis for axis in axes if axis not in kept), keepdims=True)

    effects = [marginal(axis) for axis in axes]
    pairs = [marginal(a, b) - effects[a] - effects[b] for a, b in itertools.combinations(axes, 2)]
    return [float((part**2).mean() / (centred**2).mean()) for part in (*effects, *pairs)]


def _columns(levels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """One column of 0 and 1 for each level of each axis."""
    return np.concatenate([levels[:, [axis]] == np.arange(count) for axis, count in enumerate(shape)], 1).astype(float)


def _additive(levels: np.ndarray, shape: tuple[int, ...], mean: np.ndarray) -> np.ndarray:
    """Least squares of one effect per level of each axis, evaluated on the grid. `levels`: [settings, axes]."""
    effects = np.split(np.linalg.lstsq(_columns(levels, shape), mean, rcond=None)[0], np.cumsum(shape)[:-1])
    return sum(np.expand_dims(part, [other for other in range(len(shape)) if other != axis]) for axis, part in enumerate(effects)) + np.zeros(shape)


def _forest(levels: np.ndarray, shape: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    """Mean on the grid of regression trees, one per bootstrap sample of the settings."""
    rng = np.random.default_rng(_RNG_SEED)
    total = np.zeros(shape)
    for _ in range(_TREES):
        sample = rng.integers(len(values), size=len(values))
        negligible = _NEGLIGIBLE * len(values) * float(values[sample].var())
        _grow(levels[sample], values[sample], [np.ones(count, dtype=bool) for count in shape], negligible, total)
    return total / _TREES


def _grow(levels: np.ndarray, values: np.ndarray, box: list[np.ndarray], negligible: float, total: np.ndarray) -> None:
    """Splits the box of the grid where that lowers the sum of squares most, until this sum is at most `negligible`. Adds the means of the
    final boxes to `total`."""
    deviation = values - values.mean()
    best_gain, best_axis, best_last = 0.0, -1, 0
    for axis in range(levels.shape[1] if deviation @ deviation > negligible else 0):
        count = np.bincount(levels[:, axis])
        left, left_sum = count.cumsum()[:-1], np.bincount(levels[:, axis], deviation).cumsum()[:-1]
        gain = np.where((left > 0) & (count[:-1] > 0), left_sum**2 * len(values) / np.maximum(left * (len(values) - left), 1), 0)
        if len(gain) and gain.max() > best_gain:
            best_gain, best_axis, best_last = float(gain.max()), axis, int(gain.argmax())
    if best_axis < 0:
        total[np.ix_(*box)] += values.mean()
        return
    following = int(levels[levels[:, best_axis] > best_last, best_axis].min())
    threshold = (best_last + following) // 2  # levels that the sample lacks go to the nearer side
    below, side = np.arange(len(box[best_axis])) <= threshold, levels[:, best_axis] <= best_last
    for inside, part in ((side, below), (~side, ~below)):
        _grow(levels[inside], values[inside], [mask & part if axis == best_axis else mask for axis, mask in enumerate(box)], negligible, total)


def sentence(found: Importance) -> str:
    """The shares in words, largest first, without those below 0.5 %."""
    if found.confounded:
        return f"Shares of the variance of log10(1 - R^2): {', '.join(found.confounded)} cannot be told apart from {found.settings} settings."
    parts = [f"{' x '.join(names)} {100 * share:.0f} %" for names, share in found.shares.items() if share >= 0.005]
    if found.rest >= 0.005:
        parts.append(f"interactions of three and more {100 * found.rest:.0f} %")
    by = "" if found.exact else ", missing combinations predicted by a random forest"
    left = f"; {found.left_out} incomplete left out" if found.left_out else ""
    return f"Share of the variance of log10(1 - R^2) between {found.settings} settings{by}{left}: {', '.join(parts)}."
