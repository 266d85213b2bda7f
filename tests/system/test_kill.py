"""Promise 2: nothing is lost. Whoever is killed, whenever: the file opens, `verify` passes, the same command goes on, on any
number of ranks, and ends with the bits of an undisturbed run.

CAMPAIGN=200 does so many instead of ten."""

import os
import random
import signal
import time
from pathlib import Path

import h5py
import pytest
from conftest import Sweep
from harness import KILLED, TINY, differences, promised_bits, run, send, session, start, weightsweep, write_sweep

ROUNDS = int(os.environ.get("CAMPAIGN", "10"))
SECONDS = 1.2  # about as long as the whole sweep takes
KILLS = 6  # of a round at most, before it may end undisturbed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = tmp_path_factory.mktemp("undisturbed")
    training = {"steps": 400, "shards": 8, "optimizer": "muon"}
    evaluation = {"every": 40, "generators": 256}
    sweep = write_sweep(folder / "sweep.yaml", TINY, training=training, evaluation=evaluation, axes={"seed": [1, 2, 3]})
    assert run(2, sweep, folder / "whole.h5", "--quiet").code == 0
    return Sweep(sweep, folder / "whole.h5")


def kill_somebody(chance: random.Random, sweep: Path, results: Path) -> int:
    """Starts the sweep on some ranks and kills one of its processes, or mpirun, at some moment. Returns mpirun's code."""
    ranks = chance.randint(1, 4)
    with start(ranks, sweep, results, "--quiet", "--checkpoint-every", "0.05") as job:
        moment = time.monotonic() + chance.random() * SECONDS
        while time.monotonic() < moment and job.process.poll() is None:
            time.sleep(0.002)
        victims = sorted(session(job.process.pid))
        if victims:
            send(chance.choice(victims), signal.SIGKILL)
        code = job.wait().code
        job.gone()
        return code


def check(results: Path) -> None:
    """What a user does who finds the file after the crash."""
    if not results.exists():
        return  # killed before it was there: nothing half-made bears its name
    result = weightsweep("verify", results)
    assert result.code == 0, result.err
    with h5py.File(results) as file:
        assert file["loss"][...].shape == (3,)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_kill_and_go_on(undisturbed: Sweep, tmp_path: Path, seed: int) -> None:
    chance, results = random.Random(seed), tmp_path / "results.h5"
    for _ in range(KILLS):
        if kill_somebody(chance, undisturbed.yaml, results) == 0:
            break
        check(results)
    result = run(chance.randint(1, 4), undisturbed.yaml, results, "--quiet")
    assert result.code == 0, result.err
    check(results)
    assert differences(promised_bits(undisturbed.results), promised_bits(results)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.h5"], "nothing else is left"


def test_a_kill_is_no_success(undisturbed: Sweep, tmp_path: Path) -> None:
    with start(2, undisturbed.yaml, tmp_path / "results.h5", "--quiet") as job:
        send(job.ranks(2)[1], signal.SIGKILL)
        assert job.wait().code in (1, KILLED)
