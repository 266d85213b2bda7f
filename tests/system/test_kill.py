"""Promise 2: nothing is lost. After a kill of any process at any time the file opens, `verify` passes, the same command continues on any
number of ranks and ends with the bits of an undisturbed run.

CAMPAIGN=200 does 200 rounds instead of ten."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import Sweep
from disk import bad_disk, read_trace
from harness import KILLED, LIMIT, Job, checkpoint, columns, differences, promised_bits, run, send, session, start, wait_until, weightsweep, write_sweep

ROUNDS = int(os.environ.get("CAMPAIGN", "10"))
KILLS = 3  # of a round at most, before it may end undisturbed

# Two seconds on one core, half of them in checkpoints of half a megabyte.
TRAINING = {"steps": 300, "shards": 8, "optimizer": "muon"}
NETWORK = {"encoder": [128, 256], "decoder": [64]}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = tmp_path_factory.mktemp("undisturbed")
    sweep = write_sweep(folder / "sweep.yaml", embed_dim=32, training=TRAINING, network=NETWORK, evaluation={"every": 100}, axes={"seed": [1, 2, 3]})
    assert run(2, sweep, folder / "whole.h5", "--quiet").code == 0
    return Sweep(sweep, folder / "whole.h5")


# ---- moments ----


def wait(job: Job, condition: Callable[[], bool], seconds: float) -> None:
    """Until so long after the condition came true, or the job's own end."""
    end = time.monotonic() + LIMIT
    while job.process.poll() is None and not condition():
        assert time.monotonic() < end, "it hangs"
    end = time.monotonic() + seconds
    while job.process.poll() is None and time.monotonic() < end:
        time.sleep(0.001)


def any_running(results: Path) -> bool:
    if not results.exists():
        return False
    with h5py.File(results) as file:
        return bool((file["status"][...] == 1).any())


def wait_for_a_moment(chance: random.Random, job: Job, results: Path) -> None:
    """Mostly within the training, sometimes while MPI starts and the file is made."""
    if chance.random() < 0.8:
        wait(job, lambda: any_running(results), chance.uniform(0, 0.5))
    else:
        wait(job, lambda: True, chance.uniform(0, 0.6))


def kill_somebody(chance: random.Random, job: Job) -> int:
    """One of the ranks, or mpirun. Returns mpirun's code."""
    victims = sorted(session(job.process.pid))
    if victims:
        send(chance.choice(victims), signal.SIGKILL)
    job.end_if_stuck()
    code = job.wait().code
    job.gone()
    return code


# ---- rounds ----


def check(results: Path) -> None:
    """Commands of a user who finds the file after the crash."""
    if not results.exists():
        return  # killed before it was there: nothing half-made bears its name
    result = weightsweep("verify", results)
    assert result.code == 0, result.err
    with h5py.File(results) as file:
        assert np.isfinite(file["loss"][...][file["status"][...] == 2]).all()


def finish(chance: random.Random, sweep: Sweep, results: Path) -> None:
    result = run(chance.randint(1, 4), sweep.yaml, results, "--quiet")
    assert result.code == 0, result.err
    check(results)
    assert differences(promised_bits(sweep.results), promised_bits(results)) == []
    assert sorted(path.name for path in results.parent.iterdir()) == [results.name], "nothing else is left"


met = []  # for each kill: whether a run had a checkpoint and was not done


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_continues_after_kill(undisturbed: Sweep, tmp_path: Path, seed: int) -> None:
    chance, results = random.Random(seed), tmp_path / "results.h5"
    for _ in range(KILLS):
        ranks, every = chance.randint(1, 4), chance.choice(["0.2", "0.01"])
        with start(ranks, undisturbed.yaml, results, "--quiet", "--checkpoint-every", every) as job:
            wait_for_a_moment(chance, job, results)
            code = kill_somebody(chance, job)
        if code == 0:
            break
        check(results)
        met.append(results.exists() and in_training(results))
    finish(chance, undisturbed, results)


def in_training(results: Path) -> bool:
    file = columns(results)
    return any(checkpoint(results, run_id)[1] > 0 for run_id, status in zip(file["run_id"], file["status"]) if status != 2)


def test_half_of_the_kills_leave_runs_with_checkpoints() -> None:
    if not met:
        pytest.skip("no kills in this session")
    print(f"{sum(met)} of {len(met)} kills left runs with a checkpoint and not done")
    assert sum(met) >= len(met) // 2


def test_kill_while_the_file_is_made(tmp_path: Path) -> None:
    """Creating the file takes milliseconds. So rank 0 hangs at a random call that writes results.h5.part, and the job is killed there."""
    sweep = write_sweep(tmp_path / "many.yaml", training={"steps": 2}, evaluation={"generators": 16}, axes={"seed": list(range(200))})
    (tmp_path / "killed").mkdir()
    whole, trace, results = tmp_path / "whole.h5", tmp_path / "trace", tmp_path / "killed" / "results.h5"
    assert run(2, sweep, whole, "--quiet", env=bad_disk(whole, trace=trace)).code == 0
    kinds = [call.kind for call in read_trace(trace)]
    calls = sum(kind in "wts" for kind in kinds[: kinds.index("r")])  # writes, truncations and syncs of results.h5.part
    chance, part = random.Random(1), results.with_name("results.h5.part")
    for nth in chance.sample(range(1, calls + 1), min(calls, max(4, ROUNDS // 2))):
        with start(2, sweep, results, "--quiet", env=bad_disk(results, error="HANG", on="part", nth=nth)) as job:
            wait_until(part.exists, "the incomplete file")
            time.sleep(chance.uniform(0, 0.05))
            job.end()
        assert part.exists() and not results.exists(), f"stopped at call {nth} of {calls}"
    print(f"{calls} calls write the file")
    finish(chance, Sweep(sweep, whole), results)


def test_kill_is_not_reported_as_success(undisturbed: Sweep, tmp_path: Path) -> None:
    with start(2, undisturbed.yaml, tmp_path / "results.h5", "--quiet") as job:
        send(job.ranks(2)[1], signal.SIGKILL)
        assert job.wait().code in (1, KILLED, signal.SIGKILL)  # Hydra ends with the signal's number
