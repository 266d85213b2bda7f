"""Ranks that join a group between two of its steps change no bit. RESTLESS_PROGRAM is weightsweep with a policy that moves ranks at
random moments; the expected bits are those of one rank with the real policy.

CAMPAIGN=200 does 200 rounds of stops and kills instead of two."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from harness import MPIRUN, Job, csv_rows, differences, promised_bits, run, weightsweep, write_sweep

RESTLESS = os.environ.get("RESTLESS_PROGRAM", "")

ADAM: dict[str, Any] = {"axes": {"unknowns": [6, 15], "seed": [1, 2, 3]}, "training": {"steps": 800, "batch": 64, "shards": 8}}
MUON: dict[str, Any] = {
    "unknowns": 8,
    "network": {"encoder": [13, 37, 21], "decoder": [19, 11]},
    "training": {"steps": 400, "batch": 48, "shards": 8, "optimizer": "muon", "schedule": "cosine", "eval_points": 3},
    "evaluation": {"every": 7, "generators": 101},  # ragged, and often in the middle of a move
    "axes": {"seed": [1, 2, 3]},
}
SWEEPS = {"adam": ADAM, "muon": MUON}


@pytest.fixture(scope="module", params=SWEEPS)
def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp(request.param)
    sweep = write_sweep(folder / "sweep.yaml", **SWEEPS[request.param])
    assert run(1, sweep, folder / "alone.h5", "--quiet").code == 0
    return sweep, promised_bits(folder / "alone.h5")


def restless(seed: int, ranks: int, sweep: Path, results: Path) -> Job:
    arguments = [MPIRUN, "-n", str(ranks), RESTLESS, "run", sweep, "-o", results, "--quiet", "--checkpoint-every", "0.3"]
    return Job(*arguments, env={"RESTLESS": str(seed)})


def moves(results: Path) -> int:
    """How often ranks joined a group at work."""
    rows = csv_rows(weightsweep("export", results, "--timeline").out)
    beginnings = {(row["run_id"], row["from_step"], row["start_seconds"]) for row in rows}
    return len(beginnings) - len({run_id for run_id, *_ in beginnings})


def check(results: Path, bits: dict[str, bytes]) -> None:
    assert weightsweep("verify", results).code == 0
    assert differences(bits, promised_bits(results)) == []


@pytest.mark.parametrize("ranks", [2, 3, 5, 8])
def test_moves_change_no_bit(alone: tuple[Path, dict[str, bytes]], tmp_path: Path, ranks: int) -> None:
    sweep, bits = alone
    for attempt in range(5):  # on a busy machine the runs may be over before anybody is free to move
        results = tmp_path / f"moved{attempt}.h5"
        with restless(10 * attempt + ranks, ranks, sweep, results) as job:
            assert job.wait().code == 0
        check(results, bits)
        if moves(results) > 0:
            return
    pytest.fail("no rank has moved")


@pytest.mark.parametrize("seed", range(int(os.environ.get("CAMPAIGN", "2"))))
def test_stops_and_kills_while_ranks_move(alone: tuple[Path, dict[str, bytes]], tmp_path: Path, seed: int) -> None:
    sweep, bits = alone
    chance, results = random.Random(seed), tmp_path / "moved.h5"
    for _ in range(4):
        with restless(chance.randrange(1000), chance.randint(2, 6), sweep, results) as job:
            time.sleep(chance.uniform(0.3, 1.5))
            if job.process.poll() is None:
                job.process.send_signal(chance.choice([signal.SIGUSR1, signal.SIGKILL]))
            job.end_if_stuck()
            job.wait()
            job.gone()
        if results.exists():
            assert weightsweep("verify", results).code == 0
    with restless(seed, 4, sweep, results) as job:
        result = job.wait()
        assert result.code == 0, result.err
    check(results, bits)
