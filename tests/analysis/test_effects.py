"""Effect of one axis: the other axes are averaged in pairs, and intervals come from the seeds alone."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))

from make_results import grid, make_results  # noqa: E402

from weightsweep import ResultsError, effect, effects, open_runs, open_sweep  # noqa: E402
from weightsweep.cases import cases  # noqa: E402
from weightsweep.values import geometric  # noqa: E402

EFFECTS = {"mean": 0.0, "max": -0.3}  # of the pooling on log10(1 - R^2)


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Scores -1, with large effects of the batch and small ones of the seed; one combination of batch and pooling diverged."""
    path = tmp_path / "planted.h5"
    runs = grid(pooling=["mean", "max"], batch=[256, 512, 1024], seed=[1, 2, 3])
    scores = [-1 + EFFECTS[run["pooling"]] - run["batch"] / 1000 + 0.001 * run["seed"] for run in runs]
    runs[3] |= {"status": "diverged"}  # mean, 512, seed 1
    make_results(path, runs)
    with h5py.File(path, "r+") as file:
        file["r2"][:] = 1 - 10.0 ** np.array(scores)
    return path


def test_other_axes_are_averaged_in_pairs(planted: Path) -> None:
    (line,) = effects.lines(open_runs(planted), "pooling", [])
    assert line.values == ["max", "mean"] and (line.combinations, line.left_out, line.seeds) == (2, 1, 3)
    difference = np.diff(np.log10(1 - line.r2))
    assert difference == pytest.approx(0.3)  # batch 512, which `mean` lacks, does not enter


def test_intervals_do_not_hold_the_spread_of_other_axes(planted: Path) -> None:
    for line in effects.lines(open_runs(planted), "pooling", []):
        width = np.log10((1 - line.low) / (1 - line.high))
        assert (width > 0).all() and (width < 0.02).all()  # the batch moves the score by 0.77


def test_lines_are_the_combinations_of_other_settings(planted: Path) -> None:
    lines = effects.lines(open_runs(planted), "batch", ["pooling"])
    assert [line.fixed["pooling"].item() for line in lines] == ["max", "mean"]
    assert [line.seeds for line in lines] == [3, 2] and all(line.values == [256, 512, 1024] for line in lines)


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    path = tmp_path / "one.h5"
    make_results(path, grid(learning_rate=[1e-3, 2e-3]))
    (line,) = effects.lines(open_runs(path), "learning_rate", [])
    assert np.isfinite(line.r2).all() and np.isnan(line.low).all() and line.seeds == 1


def test_effect_as_a_dataset(planted: Path) -> None:
    pytest.importorskip("pandas")
    table = effect(planted, "batch", per=["pooling"]).to_dataframe()
    assert list(table.columns) == ["batch", "pooling", "r2", "r2_low", "r2_high", "combinations", "seeds"] and len(table) == 6
    assert table["pooling"].tolist() == ["max"] * 3 + ["mean"] * 3 and (table["r2_low"] < table["r2"]).all()
    assert effect(open_sweep(planted), "pooling")["r2"].sizes == {"value": 2}
    with pytest.raises(ResultsError, match="'width' is no axis of the sweep; expected one of "):
        effect(planted, "width")


@pytest.mark.parametrize(("values", "expected"), [([1, 2, 3], False), ([1, 10], True), ([1e-3, 2e-3, 4e-3, 8e-3], True), ([15, 50], False), ([1, 5, 9, 13], False), ([32, 64, 128, 512], True), ([0, 1, 10], False), ([5], False)])
def test_values_that_grow_geometrically(values: list[float], expected: bool) -> None:
    assert geometric(values) is expected


def test_a_point_that_is_one_setting_has_the_interval_of_the_table(tmp_path: Path) -> None:
    """Also with a large residual in the settings of other lines; a mean over settings has a narrower interval."""
    path, rng = tmp_path / "noisy.h5", np.random.default_rng(5)
    make_results(path, grid(pooling=["mean", "max"], learning_rate=[1e-3, 2e-3, 4e-3], seed=[1, 2]))
    with h5py.File(path, "r+") as file:
        file["r2"][:] = 1 - 10.0 ** (-1 + 0.1 * rng.standard_normal(12) * np.repeat([1, 3], 6))
    (case,) = cases(open_runs(path))
    table = {(setting.values["pooling"], setting.values["learning_rate"]): case.interval(setting) for setting in case.settings}
    shown = {(line.fixed["pooling"].item(), value): (low, high) for line in effects.lines(open_runs(path), "learning_rate", ["pooling"]) for value, low, high in zip(line.values, line.low, line.high)}
    assert shown.keys() == table.keys() and all(shown[key] == pytest.approx(table[key]) for key in table)
    (mean,) = effects.lines(open_runs(path), "learning_rate", [])
    widths = [np.log10((1 - low) / (1 - high)) for low, high in table.values()]
    assert (np.log10((1 - mean.low) / (1 - mean.high)) < min(widths)).all()
