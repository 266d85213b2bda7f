"""RUN `best`: the run with the smallest seed of the setting that the Python package calls best."""

import json
import sys
from pathlib import Path

import pytest
from conftest import Sweep
from harness import HOME, columns, run, weightsweep, write_sweep

sys.path.insert(0, str(HOME / "analysis"))

from weightsweep import open_runs  # noqa: E402
from weightsweep.cases import AnswerError, cases  # noqa: E402


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Two cases with six settings of three seeds each. At the largest learning rate the runs diverge."""
    folder = tmp_path_factory.mktemp("best")
    axes = {"unknowns": [6, 15], "pooling": ["mean", "max"], "learning_rate": [1e-3, 1e-2, 100], "seed": [3, 1, 2]}
    training = {"steps": 12, "batch": 16, "shards": 2, "optimizer": "muon"}
    sweep = Sweep(write_sweep(folder / "g.yaml", axes=axes, training=training, evaluation={"every": 12, "generators": 64}), folder / "g.h5")
    assert run(2, sweep.yaml, sweep.results, "--quiet").code in (0, 5)
    return sweep


def pairs(folder: Path) -> Path:
    path = folder / "pairs.csv"
    path.write_text("x1,x2,y\n" + "".join(f"{i / 7},{i / 5 - 1},{i / 3}\n" for i in range(12)))
    return path


def chosen(results: Path, argument: str, folder: Path) -> str:
    found = weightsweep("predict", results, "--run", argument, "--pairs", pairs(folder), "--format", "json")
    assert found.code == 0, found.err
    return json.loads(found.out)["run_id"]


@pytest.mark.parametrize("unknowns", [6, 15])
def test_best_is_that_of_the_python_package(grid: Sweep, tmp_path: Path, unknowns: int) -> None:
    (case,) = [case for case in cases(open_runs(grid.results)) if case.values["unknowns"] == unknowns]
    assert len(case.settings) == 6 and case.incomplete and len({setting.mean_score for setting in case.complete}) == len(case.complete)
    first = case.best.runs[0]
    assert first["seed"] == 1 and chosen(grid.results, f"best,unknowns={unknowns}", tmp_path) == first["run_id"].item()
    for pooling in ("mean", "max"):  # conditions on choices narrow the settings
        among = next(setting for setting in case.complete if setting.values["pooling"] == pooling)
        assert chosen(grid.results, f"best,unknowns={unknowns},pooling={pooling}", tmp_path) == among.runs[0]["run_id"].item()


def test_several_cases_need_conditions(grid: Sweep, tmp_path: Path) -> None:
    refused = weightsweep("export", grid.results, "--model", "best", "-o", tmp_path / "m.npz")
    assert refused.code == 2 and refused.says("--model best", "several cases", "unknowns", "for example best,unknowns=")
    for wrong, words in (("best,", "for example best,unknowns="), ("best,best", "expected `best`, or `best` and conditions")):
        refused = weightsweep("export", grid.results, "--model", wrong, "-o", tmp_path / "m.npz")
        assert refused.code == 2 and refused.says(words), refused.err
    unknown = weightsweep("export", grid.results, "--model", "best,unknowns=7", "-o", tmp_path / "m.npz")
    assert unknown.code == 2 and unknown.says("unknowns=7", "expected 6, 15")
    assert weightsweep("export", grid.results, "--model", "best,unknowns=6", "-o", tmp_path / "m.npz").code == 0


def test_cases_of_noise_have_an_example(tmp_path: Path) -> None:
    results = tmp_path / "noise.h5"
    assert run(1, write_sweep(tmp_path / "s.yaml", axes={"training.noise": [0, [0.1, 0.5]]}, training={"steps": 2}), results, "--quiet").code == 0
    refused = weightsweep("export", results, "--model", "best,seed=1", "-o", tmp_path / "m.npz")
    assert refused.code == 2 and refused.says("for example best,seed=1,training_noise=[0]"), refused.err
    assert weightsweep("export", results, "--model", "best,seed=1,training_noise=[0]", "-o", tmp_path / "m.npz").code == 0


def test_no_setting_with_all_seeds(tmp_path: Path) -> None:
    """Each setting lacks a seed: the file was stopped before the last runs."""
    sweep = write_sweep(tmp_path / "s.yaml", axes={"seed": [1, 2], "pooling": ["mean", "max"]}, training={"steps": 2})
    results = tmp_path / "s.h5"
    assert run(1, sweep, results, "--quiet", "--only", "seed=1").code == 0
    assert columns(results)["status"].tolist().count(2) == 2
    refused = weightsweep("export", results, "--model", "best", "-o", tmp_path / "m.npz")
    assert refused.code == 2 and refused.says("no setting has a finished run for each of the 2 seeds", "weightsweep status")
    one, pending = write_sweep(tmp_path / "one.yaml"), tmp_path / "one.h5"
    assert run(1, one, pending, "--quiet", "--time-limit", "0.001").code == 75
    refused = weightsweep("export", pending, "--model", "best", "-o", tmp_path / "m.npz")
    assert refused.code == 2 and refused.says("no setting has a finished run; `weightsweep status")
    with pytest.raises(AnswerError):
        cases(open_runs(results))[0].best
    one = weightsweep("export", results, "--model", "best,seed=1", "-o", tmp_path / "m.npz")
    assert one.code == 0, one.err
