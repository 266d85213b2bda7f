"""Writers on a network file system: within one start no two ranks write into one 4 KiB page of the results file, and a rank's
opens, stats and locks do not depend on the number of columns. From the recorded calls of a sweep on four ranks (disk.c)."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from disk import Call, bad_disk, read_trace
from harness import MPIRUN, Job, columns, csv_rows, weightsweep, write_sweep

RESTLESS = os.environ.get("RESTLESS_PROGRAM", "")
RANKS, PAGE = 4, 4096
FEW = {"axes": {"seed": [1, 2, 3]}, "training": {"steps": 800, "batch": 64, "shards": 8}}
NOISES = [[round(0.01 * (8 * run + i), 2) for i in range(1, 9)] for run in range(3)]  # three runs, two columns for each noise
EVERY = ["--quiet", "--checkpoint-every", "0.05"]


def record(sweep: Path, results: Path, seed: int) -> list[Call]:
    """The calls of a job whose ranks move at random moments, without those that make the file."""
    trace = results.with_suffix(".trace")
    env = bad_disk(results, trace=trace) | {"RESTLESS": str(seed)}
    with Job(MPIRUN, "-n", str(RANKS), RESTLESS, "run", sweep, "-o", results, *EVERY, env=env) as job:
        result = job.wait()
        assert result.code == 0, result
    calls = list(read_trace(trace))
    return calls[max(i for i, call in enumerate(calls) if call.kind == "r") + 1 :]


def moves(results: Path) -> int:
    """How often ranks joined a group at work."""
    rows = csv_rows(weightsweep("export", results, "--timeline").out)
    beginnings = {(row["run_id"], row["from_step"], row["start_seconds"]) for row in rows}
    return len(beginnings) - len({run_id for run_id, *_ in beginnings})


def writers_of_pages(calls: list[Call]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for call in calls:
        if call.kind == "w":
            for page in range(call.offset // PAGE, (call.offset + call.length - 1) // PAGE + 1):
                found.setdefault(page, set()).add(call.process)
    return found


def test_page_has_one_writer(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "sweep.yaml", **FEW)
    for attempt in range(5):  # on a busy machine the runs may be over before a rank is free to move
        results = tmp_path / f"moved{attempt}.h5"
        writers = writers_of_pages(record(sweep, results, attempt))
        assert {page: found for page, found in writers.items() if len(found) > 1} == {}
        assert len(set().union(*writers.values())) > 1, "one rank alone has written"
        assert weightsweep("verify", results).code == 0
        if moves(results) > 0:
            return
    pytest.fail("no rank has moved")


def test_opens_stats_and_locks_do_not_grow_with_columns(tmp_path: Path) -> None:
    most, widths, seconds = [], [], 0.0
    for name, axes in (("few", FEW["axes"]), ("many", {"evaluation.noise": NOISES})):
        sweep, results = write_sweep(tmp_path / f"{name}.yaml", **FEW | {"axes": axes}), tmp_path / f"{name}.h5"
        begun = time.monotonic()
        counts = Counter(call.process for call in record(sweep, results, 1) if call.kind in "oik")
        seconds = time.monotonic() - begun
        most.append(max(counts.values()))
        widths.append(len(columns(results)))
    assert widths[1] >= widths[0] + 48
    # A rank opens the file once for each run that it leads; rank 0 checks its name every 5 s for each of three runs, by two stats.
    assert most[1] < most[0] + 20 + 6 * seconds / 5, (most, widths, seconds)
    print(f"calls of the busiest rank: {most} with {widths} columns, the second job took {seconds:.0f} s")
