"""Files are created only in the output's folder, with the permissions of the user's umask."""

import os
import stat
from pathlib import Path

import pytest
from conftest import FOUR
from harness import LONG, run, start, status, wait_for_training, weightsweep, write_sweep


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("umask", "expected"), [(0o077, 0o600), (0o022, 0o644), (0o007, 0o660)], ids=oct)
def test_umask(tmp_path: Path, umask: int, expected: int) -> None:
    results, model, archive = tmp_path / "x.h5", tmp_path / "model.npz", tmp_path / "archive.h5"
    mask = {"preexec_fn": lambda: os.umask(umask)}
    long = write_sweep(tmp_path / "long.yaml", training=LONG)
    with start(1, long, tmp_path / "long.h5", "--quiet", **mask) as job:
        wait_for_training(tmp_path / "long.h5", job)
        assert rights(tmp_path / "long.h5") == rights(tmp_path / "long.h5.lock") == expected
    assert run(2, write_sweep(tmp_path / "x.yaml"), results, "--quiet", **mask).code == 0
    run_id = status(results)["runs"][0]["run_id"]
    assert weightsweep("export", results, "--model", run_id, "-o", model, **mask).code == 0
    assert weightsweep("export", results, "--archive", "-o", archive, **mask).code == 0
    assert [rights(path) for path in (results, model, archive)] == [expected] * 3


def everything(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every path under it, with size and time of the last change."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_only_the_output_s_folder(tmp_path: Path) -> None:
    """Started elsewhere, with the sweep elsewhere; what Open MPI keeps in TMPDIR while it runs is its own."""
    names = ["start", "home", "sweeps", "results", "tmp"]
    folder = {name: tmp_path / name for name in names}
    for each in folder.values():
        each.mkdir()
    sweep, results = write_sweep(folder["sweeps"] / "four.yaml", axes=FOUR), folder["results"] / "four.h5"
    folder["start"].chmod(0o555)
    before = {name: everything(folder[name]) for name in ("start", "home", "sweeps")}
    elsewhere = {"cwd": folder["start"], "env": {"HOME": str(folder["home"]), "TMPDIR": str(folder["tmp"])}}
    assert run(2, sweep, results, "--time-limit", "0.000001", **elsewhere).code == 75
    assert run(2, sweep, results, **elsewhere).code == 0
    for subcommand in (["plan", sweep], ["status", results], ["verify", results], ["export", results, "--runs"], ["info"]):
        assert weightsweep(*subcommand, **elsewhere).code == 0
    assert {name: everything(folder[name]) for name in before} == before
    assert [path.name for path in folder["results"].iterdir()] == ["four.h5"]
    assert not [path for path in folder["tmp"].rglob("*") if path.is_file()], "temporary files are left"


def test_removed_file_ends_the_run(tmp_path: Path) -> None:
    """Rather than say that all is saved in a file that has another name by now, or none."""
    results = tmp_path / "long.h5"
    with start(1, write_sweep(tmp_path / "long.yaml", training=LONG), results, "--quiet") as job:
        wait_for_training(results, job)
        results.rename(tmp_path / "moved.h5")
        result = job.wait()
    assert result.code == 3 and result.says("long.h5", "removed, renamed or replaced"), result
    assert weightsweep("verify", tmp_path / "moved.h5").code == 0
