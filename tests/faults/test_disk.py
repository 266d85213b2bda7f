"""A disk that is full, becomes read-only or fails, at each write: the job reports it and ends with 4, the file opens, `verify` passes,
and the same command continues to the bits of an undisturbed run.

CAMPAIGN=500 also fails 500 random calls instead of a dozen."""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from disk import bad_disk, read_trace
from harness import Result, columns, differences, place, promised_bits, run, weightsweep, write_sweep

CASES = int(os.environ.get("CAMPAIGN", "12"))
ERRORS = {"ENOSPC": "disk full", "EROFS": "Read-only file system", "EIO": "Input/output error"}
OFTEN = ["--quiet", "--checkpoint-every", "1e-6"]  # a checkpoint each step


@dataclass
class Sweep:
    yaml: Path
    results: Path
    bits: dict[str, bytes]
    runs: list[str]
    calls: int  # of the job


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = tmp_path_factory.mktemp("undisturbed")
    sweep, results, trace = write_sweep(folder / "sweep.yaml", axes={"seed": [1, 2]}), folder / "whole.h5", folder / "trace"
    assert weightsweep("run", sweep, "-o", results, *OFTEN, env=bad_disk(results, trace=trace)).code == 0
    calls = sum(call.kind in "wtrs" for call in read_trace(trace))
    return Sweep(sweep, results, promised_bits(results), columns(results)["run_id"], calls)


def job(ranks: int, sweep: Sweep, results: Path, env: dict[str, str]) -> Result:
    if ranks > 1:
        return run(ranks, sweep.yaml, results, *OFTEN, env=env)
    return weightsweep("run", sweep.yaml, "-o", results, *OFTEN, env=env)


def survive(sweep: Sweep, results: Path, error: str, ranks: int = 1, **settings: object) -> None:
    result = job(ranks, sweep, results, bad_disk(results, error=error, **settings))
    assert result.code == 4, result
    assert result.says(results.name, ERRORS[error], "run the same command again"), result
    if results.exists():
        verified = weightsweep("verify", results)
        assert verified.code == 0, (result, verified)
    result = job(ranks, sweep, results, bad_disk(results))
    assert result.code == 0 and "no longer match" not in result.err, result
    assert weightsweep("verify", results).code == 0
    assert differences(sweep.bits, promised_bits(results)) == []
    assert list(results.parent.iterdir()) == [results], "nothing else is left"


# ---- each place ----


def written(sweep: Sweep, name: str, nth: int = 1, first: int = 0, length: int | None = None) -> dict[str, object]:
    """The nth write into a dataset, or into a part of it, once the file is there."""
    offset, size = place(sweep.results, name)
    return {"calls": "write", "on": "file", "nth": nth, "from": offset + first, "to": offset + (size if length is None else first + length)}


def slots(sweep: Sweep, run: int = 0) -> str:
    return f"checkpoints/{sweep.runs[run]}/slots"


HEADER = 4096  # bytes; a slot's payload follows

SITES: dict[str, Callable[[Sweep], dict[str, object]]] = {
    "creation, first byte": lambda sweep: {"calls": "write", "on": "part"},
    "creation, in the middle": lambda sweep: {"calls": "write", "on": "part", "nth": 3},
    "creation, length": lambda sweep: {"calls": "truncate", "on": "part"},
    "creation, sync": lambda sweep: {"calls": "sync", "on": "part"},
    "creation, rename": lambda sweep: {"calls": "rename"},
    "creation, sync of the folder": lambda sweep: {"calls": "sync", "on": "folder"},
    "status running": lambda sweep: written(sweep, "status"),
    "status running, synced": lambda sweep: {"calls": "sync", "on": "file"},
    "status done": lambda sweep: written(sweep, "status", 2),
    "status of the second run": lambda sweep: written(sweep, "status", 1, 1, 1),
    "checkpoint": lambda sweep: written(sweep, slots(sweep)),
    "checkpoint, later": lambda sweep: written(sweep, slots(sweep), 47),
    "checkpoint, synced": lambda sweep: {"calls": "sync", "on": "file", "nth": 12},
    "checkpoint's header": lambda sweep: written(sweep, slots(sweep), 1, 0, HEADER),
    "checkpoint's header, later": lambda sweep: written(sweep, slots(sweep, 1), 5, 0, HEADER),
    "checkpoint's header, synced": lambda sweep: {"calls": "sync", "on": "file", "nth": 13},
    "curve, first point": lambda sweep: written(sweep, "curve_step"),
    "curve, last point": lambda sweep: written(sweep, "curve_r2", 3),
    "model": lambda sweep: written(sweep, f"models/{sweep.runs[0]}/encoder.net.0.weight"),
    "model, last tensor": lambda sweep: written(sweep, f"models/{sweep.runs[1]}/decoder.2.bias"),
    "row, outcome": lambda sweep: written(sweep, "loss"),
    "row, arithmetic": lambda sweep: written(sweep, "arithmetic"),
    "row, checksum of the model": lambda sweep: written(sweep, "model_checksum"),
    "row, checksum": lambda sweep: written(sweep, "row_checksum"),
    "timeline": lambda sweep: written(sweep, "timeline_run"),
}


@pytest.mark.parametrize("site", SITES)
def test_site(undisturbed: Sweep, tmp_path: Path, site: str) -> None:
    for number, error in enumerate(ERRORS):
        if "CAMPAIGN" in os.environ or number == list(SITES).index(site) % len(ERRORS):
            (tmp_path / error).mkdir()
            survive(undisturbed, tmp_path / error / "results.h5", error, **SITES[site](undisturbed))


# ---- calls picked at random ----


@pytest.mark.parametrize("seed", range(CASES))
def test_call(undisturbed: Sweep, tmp_path: Path, seed: int) -> None:
    """One failure, or every call from it on; on one rank or two, in one of them or both."""
    chance = random.Random(seed)
    ranks = chance.choice([1, 2])
    survive(
        undisturbed,
        tmp_path / "results.h5",
        chance.choice(list(ERRORS)),
        ranks,
        nth=chance.randint(1, undisturbed.calls // (2 * ranks)),
        times=chance.choice([None, 1]),
        rank=chance.choice([None, *range(ranks)]),
    )
