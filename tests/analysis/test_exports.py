"""Sweeps in the formats of other programs, with the real packages, offline. Tests of packages that are not installed are skipped."""

import sys
import time
from pathlib import Path

import h5py
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))

from make_results import grid, make_results  # noqa: E402

import weightsweep  # noqa: E402
from weightsweep import open_runs, open_sweep  # noqa: E402


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    path = tmp_path / "r.h5"
    make_results(path, grid(pooling=["mean", "max"], steps=[2000]))
    with h5py.File(path, "r+") as file:
        file["r2"][1] += 0.001
    return path


def test_to_latex(sweep: Path) -> None:
    text = weightsweep.to_latex(open_sweep(sweep))
    assert text.startswith("\\begin{tabular}") and "max &" in text and text == weightsweep.to_latex(sweep)


def test_to_parquet(sweep: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    weightsweep.to_parquet(sweep, tmp_path / "runs.parquet")
    runs = pandas.read_parquet(tmp_path / "runs.parquet")
    assert list(runs["pooling"]) == ["mean", "max"] and runs["r2"].to_numpy() == pytest.approx(open_runs(sweep)["r2"].values)
    weightsweep.to_parquet(open_sweep(sweep), tmp_path / "curves.parquet", curves=True)
    assert len(pandas.read_parquet(tmp_path / "curves.parquet")) == 2 * 4


def test_to_tensorboard(sweep: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    weightsweep.to_tensorboard(sweep, tmp_path / "logs")
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["pooling=max", "pooling=mean"]
    events = EventAccumulator(str(tmp_path / "logs" / "pooling=max"))
    events.Reload()
    curve = events.Scalars("r2")
    assert [point.step for point in curve] == [500, 1000, 1500, 2000]
    assert [point.value for point in curve] == pytest.approx(open_runs(sweep)["curve_r2"].values[1], rel=1e-6)


def test_to_mlflow(sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    weightsweep.to_mlflow(sweep, "pooling")
    client = mlflow.tracking.MlflowClient()
    runs = client.search_runs([client.get_experiment_by_name("pooling").experiment_id])
    assert {run.data.params["pooling"] for run in runs} == {"mean", "max"}
    (best,) = [run for run in runs if run.data.params["pooling"] == "max"]
    assert best.data.metrics["final_r2"] == open_runs(sweep)["r2"].values[1]
    assert [point.step for point in client.get_metric_history(best.info.run_id, "r2")] == [500, 1000, 1500, 2000]


def test_to_wandb(sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    weightsweep.to_wandb(sweep, "pooling", mode="offline", dir=str(tmp_path))
    ids = [name.encode() for name in open_runs(sweep)["run_id"].values]
    end = time.monotonic() + 30  # W&B's own process writes the files
    while not (logs := [path.read_bytes() for path in tmp_path.glob("wandb/offline-run-*/*.wandb")]) or not all(any(name in log for log in logs) for name in ids):
        assert time.monotonic() < end, "the files of W&B have no run of the sweep"
        time.sleep(0.1)
    assert len(logs) == 2
