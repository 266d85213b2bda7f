"""A disk that cannot give what it holds: every verb says so and ends with 4, rather than take the file for a damaged one, leave something
out, or do a run again; once the disk can be read, the same command goes on, to the bits of an undisturbed run.

CAMPAIGN=500 fails so many reads picked at random instead of some."""

import os
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from disk import bad_disk
from harness import Result, checkpoint, columns, differences, place, promised_bits, run, weightsweep, write_sweep

CASES = int(os.environ.get("CAMPAIGN", "12"))
READS = 450  # of a process, more or less
OFTEN = ["--quiet", "--checkpoint-every", "1e-6"]  # a checkpoint each step


@dataclass
class Sweep:
    yaml: Path
    half: Path  # one run done, one with a checkpoint
    runs: list[str]
    bits: dict[str, bytes]  # of the whole sweep


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = tmp_path_factory.mktemp("sweep")
    yaml, whole, half = write_sweep(folder / "sweep.yaml", axes={"seed": [1, 2]}), folder / "whole.h5", folder / "half.h5"
    assert run(1, yaml, whole, *OFTEN).code == 0
    runs = columns(whole)["run_id"]
    offset, size = place(whole, f"models/{runs[1]}/decoder.0.weight")
    full = {"error": "ENOSPC", "calls": "write", "on": "file", "from": offset, "to": offset + size}
    assert weightsweep("run", yaml, "-o", half, *OFTEN, env=bad_disk(half, **full)).code == 4
    assert list(columns(half)["status"]) == [2, 1] and checkpoint(half, runs[1])[1] > 0
    return Sweep(yaml, half, runs, promised_bits(whole))


def unreadable(file: Path, chance: random.Random, **settings: object) -> dict[str, str]:
    """One read fails, or every one from it on."""
    return bad_disk(file, error="EIO", calls="read", nth=int(READS * chance.random() ** 2) + 1, times=chance.choice([None, 1]), **settings)


def check(result: Result, file: Path) -> bool:
    """Whether it was met."""
    assert result.code in (0, 4), result
    if result.code == 4:
        assert result.says(file.name, "Input/output error") and "damaged" not in result.err, result
    return result.code == 4


READERS = {
    "status": ["status"],
    "verify": ["verify"],
    "runs": ["export", "--runs"],
    "curves": ["export", "--curves"],
    "timeline": ["export", "--timeline"],
    "archive": ["export", "--archive", "-o", "archive.h5"],
}


@pytest.mark.parametrize("verb", READERS)
def test_readers(sweep: Sweep, tmp_path: Path, verb: str) -> None:
    chance, met = random.Random(verb), 0
    name, *options = READERS[verb]
    sound = weightsweep(name, sweep.half, *options, cwd=tmp_path)
    assert sound.code == 0
    for _ in range(max(5, CASES // 6)):
        for path in tmp_path.iterdir():
            path.unlink()
        result = weightsweep(name, sweep.half, *options, cwd=tmp_path, env=unreadable(sweep.half, chance))
        if check(result, sweep.half):
            met += 1
            assert result.out == "" and not list(tmp_path.iterdir()), result
        else:
            assert result.out == sound.out
    assert met > 0


# What is read late, by the byte: a file may open and fail then.
PLACES = {
    "a finished run's model": (0, "models/{}/encoder.net.0.weight"),
    "its checkpoint": (1, "checkpoints/{}/slots"),
    "curves": (0, "curve_r2"),
    "row": (0, "r2"),
    "timeline": (0, "timeline_run"),
}


def go_on(sweep: Sweep, results: Path) -> None:
    assert weightsweep("verify", results).code == 0
    result = weightsweep("run", sweep.yaml, "-o", results, "--quiet")
    assert result.code == 0 and "no longer match" not in result.err, result
    assert differences(sweep.bits, promised_bits(results)) == []
    assert weightsweep("verify", results).code == 0
    assert list(results.parent.iterdir()) == [results], "nothing else is left"


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("what", PLACES)
def test_run_meets_a_place(sweep: Sweep, tmp_path: Path, what: str, ranks: int) -> None:
    results = tmp_path / "results.h5"
    results.write_bytes(sweep.half.read_bytes())
    which, name = PLACES[what]
    offset, size = place(sweep.half, name.format(sweep.runs[which]))
    env = bad_disk(results, error="EIO", calls="read", **{"from": offset, "to": offset + size})
    assert check(run(ranks, sweep.yaml, results, *OFTEN, env=env), results)
    go_on(sweep, results)


@pytest.mark.parametrize("seed", range(CASES))
def test_run(sweep: Sweep, tmp_path: Path, seed: int) -> None:
    """On one rank or two, in one of them or both."""
    chance, results = random.Random(seed), tmp_path / "results.h5"
    results.write_bytes(sweep.half.read_bytes())
    ranks = chance.choice([1, 2])
    check(run(ranks, sweep.yaml, results, *OFTEN, env=unreadable(results, chance, rank=chance.choice([None, *range(ranks)]))), results)
    go_on(sweep, results)


@pytest.mark.parametrize("words", [["run"], ["export", "--archive"]], ids=["run", "archive"])
def test_a_file_that_does_not_answer_is_not_taken_for_absent(sweep: Sweep, tmp_path: Path, words: list[str]) -> None:
    """A network file system that fails over says EIO when it is asked whether the file is there: nothing may be put in its place."""
    file = tmp_path / "results.h5"
    file.write_bytes(sweep.half.read_bytes())
    source = [sweep.yaml, *OFTEN] if words == ["run"] else [sweep.half]
    result = weightsweep(words[0], *source, *words[1:], "-o", file, env=bad_disk(file, error="EIO", calls="look"))
    assert result.code == 4 and result.says(file.name, "whether", "Input/output error", "run the same command again"), result
    assert file.read_bytes() == sweep.half.read_bytes()
