"""Importance of axes on sweeps with planted effects."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))

import make_results  # noqa: E402
from make_results import grid  # noqa: E402
from test_answer import one, planted  # noqa: E402

from weightsweep import importance  # noqa: E402

RATES = {1e-3: 0.2, 2e-3: 0.1, 4e-3: 0.0, 8e-3: 0.1}  # planted effects on log10(1 - R^2); variance 0.005
POOLINGS = {"sum": -0.05, "max": 0.05}  # variance 0.0025
RUNS = grid(learning_rate=list(RATES), pooling=list(POOLINGS), embed_dim=[32, 64, 128], seed=[1, 2])


def score(run: dict, interaction: float = 0.0) -> float:
    sign = (1 if run["pooling"] == "max" else -1) * (1 if run["embed_dim"] > 32 else -2)  # mean 0 over embed_dim; variance 2
    return -1.5 + RATES[run["learning_rate"]] + POOLINGS[run["pooling"]] + interaction * sign + 1e-3 * (run["seed"] - 1.5)


def test_full_grid_is_analysed_exactly(tmp_path: Path) -> None:
    found = importance.importance(one(planted(tmp_path / "r.h5", RUNS, [score(run) for run in RUNS])))
    assert found.exact and found.settings == 24 and found.left_out == 0 and found.rest == pytest.approx(0, abs=1e-9)
    assert found.shares["learning_rate",] == pytest.approx(2 / 3) and found.shares["pooling",] == pytest.approx(1 / 3)
    assert list(found.shares)[:2] == [("learning_rate",), ("pooling",)] and max(list(found.shares.values())[2:]) < 1e-9
    assert importance.sentence(found) == "Share of the variance of log10(1 - R^2) between 24 settings: learning_rate 67 %, pooling 33 %."


def test_interactions_have_shares(tmp_path: Path) -> None:
    found = importance.importance(one(planted(tmp_path / "r.h5", RUNS, [score(run, 0.05) for run in RUNS])))
    shares = {frozenset(names): share for names, share in found.shares.items()}
    assert shares[frozenset(("pooling", "embed_dim"))] == pytest.approx(0.005 / 0.0125) and sum(shares.values()) == pytest.approx(1)


def test_incomplete_settings_are_left_out_and_a_forest_predicts_them(tmp_path: Path) -> None:
    runs = [dict(run) for run in RUNS]
    for index in (4, 17, 30):
        runs[index]["status"] = "diverged"
    found = importance.importance(one(planted(tmp_path / "r.h5", runs, [score(run) for run in runs])))
    assert not found.exact and (found.settings, found.left_out) == (21, 3)
    assert found.shares["learning_rate",] == pytest.approx(2 / 3, abs=0.02) and found.shares["pooling",] == pytest.approx(1 / 3, abs=0.02)
    assert found.shares["embed_dim",] < 0.01
    assert "between 21 settings, missing combinations predicted by a random forest; 3 incomplete left out: learning_rate" in importance.sentence(found)


def test_one_setting_has_no_importance(tmp_path: Path) -> None:
    assert importance.importance(one(planted(tmp_path / "r.h5", grid(seed=[1, 2]), [-1.0, -1.1]))) is None


def test_settings_of_one_pooling_belong_to_the_pooling(tmp_path: Path) -> None:
    """heads changes nothing for mean pooling, so it is no axis of its own."""
    runs = [run | {"heads": heads} for run in grid(pooling=["mean", "attention"], embed_dim=[32, 64]) for heads in ([4] if run["pooling"] == "mean" else [1, 4])]
    make_results.SETTINGS["heads"] = ("1", "attention heads", 4)
    try:
        case = one(planted(tmp_path / "r.h5", runs, [-1.0, -1.0, -2.0, -3.0, -2.0, -3.0]))
    finally:
        del make_results.SETTINGS["heads"]
    found = importance.importance(case)
    assert found.exact and found.settings == 6 and found.shares["pooling with heads",] == pytest.approx(1)


def test_axes_that_change_together_are_one(tmp_path: Path) -> None:
    runs = [run | {"encoder": str(run["embed_dim"]), "decoder": str(2 * run["embed_dim"])} for run in grid(embed_dim=[16, 32], pooling=["mean", "max"])]
    found = importance.importance(one(planted(tmp_path / "r.h5", runs, [-1.0, -1.1, -2.0, -2.1])))
    (name,) = max(found.shares, key=found.shares.get)
    assert found.exact and " with " in name and set(name.replace(" with ", " and ").split(" and ")) == {"embed_dim", "encoder", "decoder"} and len(found.shares) == 3


def test_too_few_settings_cannot_tell_axes_apart(tmp_path: Path) -> None:
    runs = [{"embed_dim": 16, "pooling": "mean", "batch": 256}, {"embed_dim": 32, "pooling": "max", "batch": 256}, {"embed_dim": 32, "pooling": "mean", "batch": 512}]
    case = one(planted(tmp_path / "r.h5", [grid()[0] | each for each in runs], [-1.0, -1.5, -2.0]))
    found = importance.importance(case)
    assert not found.shares and found.settings == 3
    assert importance.sentence(found).endswith(" cannot be told apart from 3 settings.") and "embed_dim" in importance.sentence(found)
