"""`verify --reproduce`: trains a finished run again and compares every bit."""

import shutil
import zlib
from pathlib import Path

import h5py
import pytest
from conftest import Sweep
from harness import LONG, columns, run, weightsweep, write_sweep


@pytest.mark.parametrize("more", [[], ["--steps", "11"]], ids=["all", "11 steps"])
def test_run_is_equal(finished: Sweep, more: list[str]) -> None:
    run_id = columns(finished.results)["run_id"][2]
    result = weightsweep("verify", finished.results, "--reproduce", run_id, *more)
    assert result.code == 0, result.err
    assert run_id in result.out and "equal" in result.out and ("20 steps" if more else "30 steps") in result.out
    assert len(result.err.splitlines()) == (2 if more else 3)  # a line per point of the curve


def test_every_kind_of_value_is_compared(tmp_path: Path) -> None:
    """Muon, attention, extra evaluations and weight match."""
    changes = {"network": {"heads": 2}, "embed_dim": 8, "pooling": "attention", "training": {"optimizer": "muon"}, "evaluation": {"inputs": ["wide"], "noise": [0.1]}}
    sweep, results = write_sweep(tmp_path / "one.yaml", **changes), tmp_path / "one.h5"
    assert run(2, sweep, results, "--quiet").code == 0
    assert weightsweep("verify", results, "--reproduce", "seed=1").code == 0


def test_changed_tensor_is_found(finished: Sweep, tmp_path: Path) -> None:
    """The comparison can fail: a value and its checksum are changed."""
    results = tmp_path / "changed.h5"
    shutil.copy(finished.results, results)
    with h5py.File(results, "r+") as file:
        run_id = file["run_id"].asstr()[0]
        model = file["models"][run_id]
        names = sorted(model, key=lambda name: h5py.h5o.get_info(model[name].id).addr)
        model[names[1]][3] += 1e-6
        crc = 0
        for name in names:
            crc = zlib.crc32(model[name][...].tobytes(), crc)
        file["model_checksum"][0] = crc
    result = weightsweep("verify", results, "--reproduce", run_id)
    assert result.code == 5, result.err
    assert result.says(run_id, names[1], "1 of ", "portable 1")


def test_archive_without_models(finished: Sweep, tmp_path: Path) -> None:
    table = tmp_path / "table.h5"
    assert weightsweep("export", finished.results, "--archive", "--no-models", "-o", table).code == 0
    result = weightsweep("verify", table, "--reproduce", columns(table)["run_id"][0])
    assert result.code == 0 and "equal" in result.out and "no tensors were compared" in result.out, result.err


def test_different_numerics_are_refused(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "one.yaml"), tmp_path / "one.h5"
    assert run(1, sweep, results, "--quiet", "--gemm", "openblas").code == 0
    assert weightsweep("verify", results, "--reproduce", "seed=1").code == 0  # by OpenBLAS again
    kernel = columns(results)["arithmetic"][0].split(",")[0].split()[-1]
    other = next(core for core in ("Haswell", "Sandybridge") if core != kernel)
    refused = weightsweep("verify", results, "--reproduce", "seed=1", env={"OPENBLAS_CORETYPE": other})
    if f"{other}," not in refused.err:
        pytest.skip("OpenBLAS has one kernel only")
    assert refused.code == 3 and refused.says("other numerics", kernel)


def test_unfinished_run_and_wrong_options_are_refused(tmp_path: Path, finished: Sweep) -> None:
    sweep, results = write_sweep(tmp_path / "two.yaml", training=LONG), tmp_path / "two.h5"
    assert run(1, sweep, results, "--quiet", "--time-limit", "2").code == 75
    result = weightsweep("verify", results, "--reproduce", "seed=1")
    assert result.code == 2 and result.says("--reproduce seed=1", "is pending; expected a run that is done") and not result.out
    for arguments in (["--steps", "3"], ["--reproduce", "seed=1", "--steps", "0"], ["--reproduce", "seed=7"], ["--reproduce", "task=mlp-inverse"]):
        assert weightsweep("verify", finished.results, *arguments).code == 2, arguments
