"""Analysis of variance of the scores of a case: 95 % intervals of means and of differences, and Holm's correction.

Scores are y = log10(1 - R^2). The model is y[setting, seed] = mean of the setting + effect of the seed + residual, over settings that
have the same seeds. Every function works on arrays [..., settings, seeds], so that many draws can be analysed at once."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

LEVEL = 0.95
UNEXPLAINED_MIN = 2.0**-52  # below it 1 - R^2 is rounding error
_SAME = 1e-12  # differences of y below it are rounding error


@dataclass(frozen=True)
class Analysis:
    """Results for scores [..., settings, seeds]; NaN where the seeds do not determine a value."""

    mean: np.ndarray  # [..., settings] mean of y over the seeds
    half_width: np.ndarray  # [...] of the 95 % interval of a mean
    difference_error: np.ndarray  # [...] standard error of the difference of two means
    degrees: int  # degrees of freedom of difference_error; 0 with one seed or one setting
    ms_seed: np.ndarray  # [...] mean square of the seeds
    rest: np.ndarray  # [...] (settings - 1) times the mean square of the residual
    seeds: int

    def half_width_of(self, combined: int, seeds: int) -> np.ndarray:
        """Half width [...] of the 95 % interval of a mean over `combined` settings, each with `seeds` seeds.

        The variance of the mean of one seed is estimated by (MS_seed + (settings / combined - 1) MS_residual) / settings, with Satterthwaite's
        degrees of freedom.
        """
        settings = self.mean.shape[-1]
        rest = self.rest * (max(settings / combined - 1, 0) / (settings - 1) if settings > 1 else 0)
        weights = self.ms_seed**2 / (self.seeds - 1) + (rest**2 / self.degrees if self.degrees else 0.0)
        satterthwaite = np.divide((self.ms_seed + rest) ** 2, weights, out=np.full_like(weights, self.seeds - 1.0), where=weights > 0)
        return student_quantile(satterthwaite) * np.sqrt((self.ms_seed + rest) / (settings * seeds))


def score(r2: np.ndarray | float) -> np.ndarray:
    """log10(1 - R^2), with 1 - R^2 at least 2^-52."""
    return np.log10(np.maximum(1 - np.asarray(r2, dtype=float), UNEXPLAINED_MIN))


def r2_of(mean_score: np.ndarray | float) -> np.ndarray:
    """The R^2 whose score is `mean_score`."""
    return 1 - 10.0 ** np.asarray(mean_score, dtype=float)


def analyse(scores: np.ndarray) -> Analysis:
    """Analysis of scores [..., settings, seeds].

    The variance of one score is estimated by (MS_seed + (settings - 1) MS_residual) / settings, with Satterthwaite's degrees of freedom; with
    one setting this is the plain t interval. Differences use MS_residual, with (settings - 1)(seeds - 1) degrees of freedom.
    """
    settings, seeds = scores.shape[-2:]
    mean = scores.mean(-1)
    unknown = np.full(scores.shape[:-2], np.nan)
    if seeds < 2 or settings < 1:
        return Analysis(mean, unknown, unknown, 0, unknown, unknown, seeds)
    of_seed = scores.mean(-2)
    overall = mean.mean(-1)
    residual = scores - mean[..., None] - of_seed[..., None, :] + overall[..., None, None]
    degrees = (settings - 1) * (seeds - 1)
    ms_seed = settings * ((of_seed - overall[..., None]) ** 2).sum(-1) / (seeds - 1)
    rest = (residual**2).sum((-2, -1)) / (seeds - 1)
    error = np.sqrt(2 * rest / (settings - 1) / seeds) if degrees else unknown
    found = Analysis(mean, unknown, error, degrees, ms_seed, rest, seeds)
    return replace(found, half_width=found.half_width_of(1, seeds))


def mean_interval(r2: np.ndarray) -> tuple[float, float, float]:
    """The mean R^2 over the seeds and its 95 % interval: mean, low, high. NaN for the interval of one seed."""
    analysis = analyse(score(r2[np.isfinite(r2)])[None, :])
    mean, half = float(analysis.mean[0]), float(analysis.half_width)
    return float(r2_of(mean)), float(r2_of(mean + half)), float(r2_of(mean - half))


def student_quantile(degrees: np.ndarray | float) -> np.ndarray:
    """Half width of the central 95 % interval of Student's t distribution."""
    return special.stdtrit(degrees, (1 + LEVEL) / 2)


def p_value(difference: np.ndarray, error: np.ndarray, degrees: int) -> np.ndarray:
    """Two-sided p-value of Student's t test; 1 for equal means, NaN without degrees of freedom."""
    size = np.abs(difference)
    if degrees < 1:
        return np.full_like(size, np.nan)
    t = np.divide(size, error, out=np.full_like(size, np.inf), where=np.broadcast_to(error, size.shape) > 0)
    return np.where(size < _SAME, 1.0, 2 * special.stdtr(degrees, -t))


def holm(p: np.ndarray) -> np.ndarray:
    """P-values [..., tests] after Holm's correction for `tests` tests."""
    tests = p.shape[-1]
    order = np.argsort(p, axis=-1)
    scaled = np.take_along_axis(p, order, -1) * np.arange(tests, 0, -1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(scaled, axis=-1), 1.0), -1)
    return adjusted


def pair_p_values(analysis: Analysis) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """All pairs of settings (first, second), and their p-values [..., pairs] after Holm's correction for all pairs."""
    first, second = np.triu_indices(analysis.mean.shape[-1], 1)
    difference = analysis.mean[..., first] - analysis.mean[..., second]
    return (first, second), holm(p_value(difference, analysis.difference_error[..., None], analysis.degrees))
