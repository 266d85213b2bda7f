"""Results files that several tests share and do not change."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import LONG, PROGRAM, run, start, wait_for_training, write_sweep

FOUR = {"unknowns": [6, 15], "equation_ratio": [1.33, 2]}


@dataclass
class Sweep:
    yaml: Path
    results: Path


def pytest_sessionstart() -> None:
    if not Path(PROGRAM).is_file():
        pytest.exit(f"{PROGRAM} is not there: build it, or name another one in WEIGHTSWEEP", returncode=1)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Four runs, all done."""
    folder = tmp_path_factory.mktemp("finished")
    sweep = Sweep(write_sweep(folder / "four.yaml", axes=FOUR), folder / "four.h5")
    result = run(2, sweep.yaml, sweep.results, "--quiet")
    assert result.code == 0, result.err
    return sweep


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """Two runs that two ranks train until the module's tests are over, and one that waits."""
    folder = tmp_path_factory.mktemp("live")
    sweep = Sweep(write_sweep(folder / "live.yaml", training=LONG, axes={"seed": [1, 2, 3]}), folder / "live.h5")
    with start(2, sweep.yaml, sweep.results, "--quiet", "--checkpoint-every", "0.2") as job:
        wait_for_training(sweep.results, job)
        yield sweep
        assert job.process.poll() is None, "another test has opened the file and stopped the job"
