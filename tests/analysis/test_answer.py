"""Cases, settings, the best one, and the sentences of the answer."""

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))

from make_results import grid, make_results  # noqa: E402

import weightsweep  # noqa: E402
from weightsweep import answer, open_runs, open_sweep  # noqa: E402
from weightsweep.cases import AnswerError, Case, cases  # noqa: E402


def planted(path: Path, runs: list[dict[str, Any]], scores: list[float]) -> Path:
    """A results file whose runs have the given log10(1 - R^2)."""
    make_results(path, runs)
    with h5py.File(path, "r+") as file:
        file["r2"][:] = np.where(file["status"][:] == 2, 1 - 10 ** np.array(scores), np.nan)
    return path


@pytest.fixture
def lucky(tmp_path: Path) -> Path:
    """Three learning rates with two seeds. The largest rate has the best run and the worst mean."""
    return planted(tmp_path / "lucky.h5", grid(learning_rate=[4e-3, 8e-3, 16e-3], seed=[1, 2]), [-1.80, -1.80, -1.81, -1.81, -2.0, -1.0])


def one(path: Path, by: str = "r2") -> Case:
    (case,) = cases(open_runs(path), by)
    return case


def test_best_is_the_best_mean_not_the_best_run(lucky: Path) -> None:
    case = one(lucky)
    assert case.best.values == {"learning_rate": 8e-3} and case.best.r2 == pytest.approx(1 - 10**-1.81)
    assert [setting.values["learning_rate"] for setting in case.settings] == [8e-3, 4e-3, 16e-3]
    words = answer.sentence(case)
    assert words.startswith("Best: learning_rate 0.008: R^2 98.45 % (") and words.endswith("2 seeds). Not separable from: learning_rate 0.004; learning_rate 0.016.")


@pytest.mark.parametrize("status", ["diverged", "failed", "running", "pending"])
def test_a_setting_without_all_seeds_cannot_be_best(tmp_path: Path, status: str) -> None:
    runs = grid(learning_rate=[4e-3, 8e-3], seed=[1, 2, 3])
    runs[4]["status"] = status
    case = one(planted(tmp_path / "r.h5", runs, [-1.0, -1.1, -1.2, -3.0, -3.0, -3.0]))
    assert case.best.values == {"learning_rate": 4e-3} and case.best.seeds_text == "3 seeds"
    assert case.incomplete[0].seeds_text == "2 of 3 seeds" and np.isnan(case.interval(case.incomplete[0])).all()
    assert "1 of 2 settings without all seeds cannot be best." in answer.sentence(case)


def test_a_seed_that_was_excluded_is_missing(tmp_path: Path) -> None:
    case = one(planted(tmp_path / "r.h5", grid(pooling=["mean", "max"], seed=[1, 2])[:3], [-1.0, -1.0, -3.0]))
    assert case.best.values == {"pooling": "mean"} and case.incomplete[0].seeds_text == "1 of 2 seeds"


def test_no_complete_setting_is_an_error(tmp_path: Path) -> None:
    runs = grid(learning_rate=[4e-3, 8e-3], seed=[1, 2])
    runs[0]["status"] = runs[3]["status"] = "diverged"
    path = planted(tmp_path / "r.h5", runs, [-1.0] * 4)
    with pytest.raises(AnswerError, match="no setting has all its seeds; expected a finished run with r2 for each of seeds 1, 2"):
        weightsweep.best(path)
    assert answer.sentence(one(path)).startswith("Best: none, since no setting has all its seeds.")


def test_cases_differ_in_what_r2_is_measured_on(tmp_path: Path) -> None:
    """Steps and widths are choices; unknowns and equations make cases."""
    path = planted(tmp_path / "r.h5", grid(unknowns=[15, 50], equation_ratio=[1.33, 2.0], steps=[1000, 2000], encoder=["8", "128,256"]), list(np.linspace(-1, -2, 16)))
    found = cases(open_runs(path))
    assert [case.label for case in found] == [f"unknowns {u}, equations {e}" for u, e in [(15, 20), (15, 30), (50, 67), (50, 100)]]
    assert all(len(case.settings) == 4 and set(case.choices) == {"steps", "encoder"} for case in found)
    assert found[0].best.label == "encoder [128,256], steps 2000"
    assert answer.sentence(found[0]).endswith("(1 seed). With one seed no difference is called real.")


def test_datasets_of_the_answer(lucky: Path) -> None:
    best = weightsweep.best(open_sweep(lucky))
    assert best["learning_rate"].item() == 8e-3 and best["run_id"].item() == open_runs(lucky)["run_id"].values[2]
    assert best["r2_low"] < best["r2"] < best["r2_high"] and best["sentence"].item().startswith("Best: ")
    rows = weightsweep.by_setting(lucky)
    assert list(rows["learning_rate"].values) == [8e-3, 4e-3, 16e-3] and list(rows["best"].values) == [True, False, False]
    assert not rows["separable"].any() and list(rows["seeds"].values) == [2, 2, 2]


def test_another_column_ranks(lucky: Path) -> None:
    with h5py.File(lucky, "r+") as file:
        column = file.create_dataset("r2_wide", data=1 - file["r2"][:])
        column.dims[0].attach_scale(file["run"])
        column.attrs["role"], column.attrs["units"] = "outcome", "1"
    case = one(lucky, "r2_wide")
    assert case.best.values == {"learning_rate": 16e-3} and "r2_wide 9" not in answer.sentence(case) and ": r2_wide " in answer.sentence(case)
    with pytest.raises(AnswerError, match="no column of R\\^2 'r2_wid'; expected one of r2, r2_wide"):
        one(lucky, "r2_wid")


def test_real_differences_have_a_sentence(tmp_path: Path) -> None:
    case = one(planted(tmp_path / "r.h5", grid(pooling=["mean", "max"], seed=[1, 2, 3]), [-1.0, -1.01, -1.02, -2.0, -2.02, -2.01]))
    words = answer.difference_sentence(case, *case.complete)
    assert words.startswith("pooling max: 99.02 %, pooling mean: 90.23 %; 1 - R^2 is 0.1 times as large (95 % interval 0.0944 to 0.106): real (p < 0.0001).")
    assert answer.sentence(case).endswith("Separable from the other setting.")


def test_decimals_follow_the_unexplained_variance() -> None:
    assert answer.percent(0.98251, 0.9821) == ["98.25", "98.21"] and answer.percent(0.999934) == ["99.9934"]
    assert answer.percent(1.0) == ["100.00"] and answer.percent(-90.758) == ["-9075.80"] and answer.percent(float("nan")) == ["-"]
