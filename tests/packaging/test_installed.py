"""`cmake --install` into an empty folder: the scripts of jobs/ use the installed program and the installed Python package."""

import os
import subprocess
from pathlib import Path

import pytest
from harness import LIMIT, PROGRAM, environment, write_sweep


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run(["cmake", "--install", Path(PROGRAM).parent, "--prefix", prefix], check=True, timeout=LIMIT, capture_output=True)
    return prefix / "share" / "weightsweep"


def script(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """A script in an empty folder, as a user without a checkout starts it."""
    own = {name: value for name, value in environment().items() if not name.startswith(("WEIGHTSWEEP", "PYTHONPATH"))}
    return subprocess.run([str(each) for each in command], cwd=folder, env=own, capture_output=True, text=True, timeout=LIMIT)


def test_local_trains_and_draws(share: Path, tmp_path: Path) -> None:
    write_sweep(tmp_path / "small.yaml")
    result = script(tmp_path, share / "jobs" / "local", "small.yaml", "-n", "2")
    assert result.returncode == 0, result.stderr
    assert sorted(os.listdir(tmp_path)) == ["results", "small.yaml"]
    assert (tmp_path / "results" / "small.h5").is_file() and list((tmp_path / "results").glob("small*.png"))
    report = result.stderr.splitlines()[-1].partition(": ")[2].split()
    assert script(tmp_path, *report).returncode == 0, "the command that jobs/local recommends"
    assert (tmp_path / "results" / "small.html").is_file()


def test_submit_names_the_installed_scripts(share: Path, tmp_path: Path) -> None:
    result = script(tmp_path, share / "jobs" / "submit", share / "sweeps" / "quick.yaml", "--tasks", "4", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert f"WEIGHTSWEEP_HOME={share}" in result.stdout


def test_a_missing_program_is_named(share: Path, tmp_path: Path) -> None:
    program = share.parents[1] / "bin" / "weightsweep"
    moved = program.rename(program.with_suffix(".moved"))
    result = script(tmp_path, share / "jobs" / "submit", share / "sweeps" / "quick.yaml", "--tasks", "4", "--dry-run")
    moved.rename(program)
    assert result.returncode == 2 and str(program) in result.stderr and "cmake" not in result.stderr
