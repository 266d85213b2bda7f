"""Simulated power cuts: synced data are on the disk, and of the data written since the last sync any subset of pages may be. Afterwards
`verify` passes, and the same command continues to the bits of an undisturbed run.

The writes and syncs of real jobs are recorded (disk.c) and replayed up to the power cut. CAMPAIGN=500 replays 500 power cuts per
job instead of eight, besides those right after each sync."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from disk import Call, bad_disk, read_trace
from harness import differences, promised_bits, run, weightsweep, write_sweep

CAMPAIGN = "CAMPAIGN" in os.environ
CASES = int(os.environ.get("CAMPAIGN", "8"))
RANKS = [1, 2]
PAGE = 4096
EVERY = ["--quiet", "--checkpoint-every", "1e-6"]  # a checkpoint each step


@dataclass
class Job:
    yaml: Path
    bits: dict[str, bytes]
    calls: list[Call]

    def made(self) -> int:
        """When the file had got its name."""
        return next(i for i, call in enumerate(self.calls) if call.kind == "r")

    def synced(self) -> list[int]:
        """When syncs had succeeded, since then."""
        return [i for i, call in enumerate(self.calls) if call.kind == "S" and i > self.made()]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Job]:
    """Two runs side by side on two ranks, or by one; the last bits of a job are those of the same job undisturbed."""
    made = {}
    for ranks in RANKS:
        folder = tmp_path_factory.mktemp("job")
        sweep, results, trace = write_sweep(folder / "sweep.yaml", axes={"seed": [1, 2]}), folder / "results.h5", folder / "trace"
        assert run(ranks, sweep, results, *EVERY, env=bad_disk(results, trace=trace)).code == 0
        calls = list(read_trace(trace))
        assert replay(calls, range(len(calls))) == results.read_bytes(), "the trace misses something"
        made[ranks] = Job(sweep, promised_bits(results), calls)
    assert len({call.process for call in made[2].calls}) == 2, "both ranks write"
    return made


# ---- the disk after a cut ----


def replay(calls: list[Call], kept: range) -> bytes:
    disk = bytearray()
    for i in kept:
        apply(disk, calls[i])
    return bytes(disk)


def apply(disk: bytearray, call: Call) -> None:
    if call.kind == "w":
        put(disk, call.offset, call.bytes)
    elif call.kind == "t":
        del disk[call.length :]
        disk.extend(bytes(call.length - len(disk)))


def put(disk: bytearray, offset: int, content: bytes) -> None:
    disk.extend(bytes(max(0, offset + len(content) - len(disk))))
    disk[offset : offset + len(content)] = content


def durable(calls: list[Call], moment: int) -> int:
    """All writes before this call are on the disk: it began the last sync that had succeeded by then."""
    began: dict[int, int] = {}
    found = 0
    for i, call in enumerate(calls[: moment + 1]):
        if call.kind == "s":
            began[call.process] = i
        elif call.kind == "S":
            found = max(found, began[call.process])
    return found


def pieces(call: Call) -> Iterator[Call]:
    """A write, page by page."""
    at = 0
    while at < call.length:
        length = min(call.length - at, PAGE - (call.offset + at) % PAGE)
        yield Call("w", call.process, call.offset + at, length, call.bytes[at : at + length])
        at += length


def after_cut(calls: list[Call], moment: int, chance: random.Random, likely: float) -> bytes:
    """Probability that an unsynced write survives, independent per write."""
    whole = durable(calls, moment)
    disk = bytearray(replay(calls, range(whole)))
    for call in calls[whole : moment + 1]:
        for piece in pieces(call) if call.kind == "w" else [call]:
            if chance.random() < likely:
                apply(disk, piece)
    return bytes(disk)


# ---- and what becomes of it ----


def go_on(job: Job, results: Path, ranks: int, what: str) -> None:
    verified = weightsweep("verify", results)
    assert verified.code == 0, (what, verified)
    if ranks > 1:
        result = run(ranks, job.yaml, results, "--quiet", env=bad_disk(results))
    else:
        result = weightsweep("run", job.yaml, "-o", results, "--quiet", env=bad_disk(results))
    assert result.code == 0 and "no longer match" not in result.err, (what, result)
    assert differences(job.bits, promised_bits(results)) == [], what
    assert weightsweep("verify", results).code == 0, what


def cut(job: Job, results: Path, moment: int, chance: random.Random, likely: float) -> None:
    results.write_bytes(after_cut(job.calls, moment, chance, likely))
    call = job.calls[moment]
    go_on(job, results, chance.choice(RANKS) if CAMPAIGN else 1, f"cut after call {moment}: {call.kind} {call.length} at {call.offset}")


@pytest.mark.parametrize("ranks", RANKS)
def test_only_synced_data_survive(jobs: dict[int, Job], tmp_path: Path, ranks: int) -> None:
    """Each sync, or some of them."""
    job = jobs[ranks]
    moments = job.synced()
    chance = random.Random(ranks)
    for moment in moments if CAMPAIGN else sorted(chance.sample(moments, CASES)):
        cut(job, tmp_path / "results.h5", moment, chance, 0)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("seed", range(CASES))
def test_any_subset_of_unsynced_writes(jobs: dict[int, Job], tmp_path: Path, ranks: int, seed: int) -> None:
    chance = random.Random(seed)
    job = jobs[ranks]
    moment = chance.randint(job.made(), len(job.calls) - 1)
    cut(job, tmp_path / "results.h5", moment, chance, chance.choice([0.1, 0.5, 0.9]))


def test_leftover_part_file_is_ignored(jobs: dict[int, Job], tmp_path: Path) -> None:
    """A leftover .part file does not matter."""
    chance, job, results = random.Random(1), jobs[1], tmp_path / "results.h5"
    for moment in (0, job.made() // 2, job.made() - 1):
        results.unlink(missing_ok=True)
        (tmp_path / "results.h5.part").write_bytes(after_cut(job.calls, moment, chance, 0.5))
        result = weightsweep("run", job.yaml, "-o", results, "--quiet")
        assert result.code == 0, result
        assert differences(job.bits, promised_bits(results)) == []
        assert list(tmp_path.iterdir()) == [results]
