"""Intervals and tests of the answer on synthetic scores with planted effects."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))

from weightsweep import statistics  # noqa: E402

DRAWS = 10_000


def scores(rng: np.random.Generator, settings: int, seeds: int, seed_effect: float, effects: np.ndarray, residual: float = 0.02) -> np.ndarray:
    """Draws [DRAWS, settings, seeds] of log10(1 - R^2): mean -1.5, effects of settings and seeds, residual. Standard deviations in decades."""
    noise = rng.standard_normal((DRAWS, settings, seeds)) + seed_effect * rng.standard_normal((DRAWS, 1, seeds))
    return -1.5 + effects[:, None] + residual * noise


def within_sampling_error(share: float, low: float, high: float) -> bool:
    """True if the share of DRAWS draws is consistent with a true share in [low, high], up to 3 standard errors."""
    return low - 3 * (low * (1 - low) / DRAWS) ** 0.5 <= share <= high + 3 * (high * (1 - high) / DRAWS) ** 0.5


@pytest.mark.parametrize("seed_effect", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("settings, seeds", [(1, 3), (2, 2), (2, 3), (5, 3), (20, 2), (12, 5)])
def test_intervals_cover_planted_effects(settings: int, seeds: int, seed_effect: float) -> None:
    rng = np.random.default_rng([settings, seeds, int(10 * seed_effect)])
    effects = 0.05 * rng.standard_normal(settings)
    analysis = statistics.analyse(scores(rng, settings, seeds, seed_effect, effects))
    missed = np.abs(analysis.mean - (-1.5 + effects)) > analysis.half_width[:, None]
    print(f"settings {settings} seeds {seeds} seed effect {seed_effect}: mean {100 * (1 - missed.mean()):.2f} %", end="")
    # Satterthwaite's approximation with 1 + 1 degrees of freedom is conservative: 97.3 to 97.6 % in 10^6 draws.
    assert within_sampling_error(1 - missed[:, 0].mean(), 0.93, 0.976 if (settings, seeds) == (2, 2) else 0.97)
    if settings > 1:
        difference = analysis.mean[:, 0] - analysis.mean[:, 1] - (effects[0] - effects[1])
        covered = (np.abs(difference) <= statistics.student_quantile(analysis.degrees) * analysis.difference_error).mean()
        print(f", difference {100 * covered:.2f} %", end="")
        assert within_sampling_error(covered, 0.93, 0.97)


@pytest.mark.parametrize("seed_effect", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("settings, seeds", [(2, 2), (5, 3), (20, 2)])
def test_without_effects_nothing_is_called_real(settings: int, seeds: int, seed_effect: float) -> None:
    rng = np.random.default_rng([settings, seeds, int(10 * seed_effect)])
    _, p = statistics.pair_p_values(statistics.analyse(scores(rng, settings, seeds, seed_effect, np.zeros(settings))))
    share = (p < 0.05).any(-1).mean()
    print(f"settings {settings} seeds {seeds} seed effect {seed_effect}: something real in {100 * share:.2f} % of the sweeps", end="")
    assert within_sampling_error(share, 0, 0.05) and share > 0.005


def test_large_effects_are_called_real() -> None:
    rng = np.random.default_rng(1)
    (first, second), p = statistics.pair_p_values(statistics.analyse(scores(rng, 4, 3, 1.0, np.array([0, 0, 0.3, 0.3]))))
    real = (p < 0.05).mean(0)
    for pair, share in zip(zip(first, second), real, strict=True):
        assert share < 0.05 if pair in ((0, 1), (2, 3)) else share > 0.99


def test_one_seed_has_no_interval_and_no_difference() -> None:
    analysis = statistics.analyse(np.array([[-1.0], [-2.0], [-3.0]]))
    assert np.isnan(analysis.half_width) and np.isnan(statistics.pair_p_values(analysis)[1]).all()


def test_one_setting_has_the_t_interval() -> None:
    y = np.array([-1.0, -1.1, -1.3])
    assert statistics.analyse(y[None]).half_width == pytest.approx(4.302653 * y.std(ddof=1) / 3**0.5)


def test_equal_scores_are_not_different() -> None:
    _, p = statistics.pair_p_values(statistics.analyse(np.array([[-1.0, -1.0], [-1.0, -1.0], [-2.0, -2.0]])))
    assert p.tolist() == [1.0, 0.0, 0.0]


def test_holm_is_the_step_down_correction() -> None:
    assert statistics.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_score_and_its_inverse() -> None:
    assert statistics.score(np.array([0.9, 1.0, -9.0])) == pytest.approx([-1, -52 * np.log10(2), 1])
    assert statistics.r2_of(np.array([-1.0])) == pytest.approx([0.9])
