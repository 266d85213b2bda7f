"""Read errors of a disk: every subcommand reports them and ends with 4, rather than report a damaged file, omit data or
repeat a run; when the disk works again, the same command continues to the bits of an undisturbed run.

CAMPAIGN=500 fails 500 random reads instead of a few."""

import os
import random
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import h5py
import pytest
from disk import bad_disk
from harness import HOME, Result, call, checkpoint, columns, differences, place, promised_bits, run, weightsweep, write_sweep

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


# Every command that opens a file is in one of READERS and OTHERS, or is `run`.
OTHERS = {
    "model": ["export", "--model", "{run}", "-o", "model.npz"],
    "predict": ["predict", "--run", "{run}", "--pairs", "pairs.csv"],
    "rates": ["plan", "{yaml}", "--rates"],
}
READERS = {
    "status": ["status"],
    "verify": ["verify"],
    "runs": ["export", "--runs"],
    "curves": ["export", "--curves"],
    "timeline": ["export", "--timeline"],
    "archive": ["export", "--archive", "-o", "archive.h5"],
}


@pytest.mark.parametrize("subcommand", READERS)
def test_readers(sweep: Sweep, tmp_path: Path, subcommand: str) -> None:
    chance, met = random.Random(subcommand), 0
    name, *options = READERS[subcommand]
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


def words_of(sweep: Sweep, subcommand: str, folder: Path) -> list[str]:
    """The command line, with the results file last where no option follows it."""
    (folder / "pairs.csv").write_text("x1,x2,y\n" + "0.5,1,2\n1,0.5,1\n" * 10)
    name, *options = (READERS | OTHERS).get(subcommand, [subcommand])
    if subcommand == "run":
        return ["run", str(sweep.yaml), "--quiet", "-o", str(sweep.half)]
    options = [option.format(run=sweep.runs[0], yaml=sweep.yaml) for option in options]
    return [name, *options, str(sweep.half)] if subcommand == "rates" else [name, str(sweep.half), *options]


@pytest.mark.parametrize("subcommand", [*READERS, *OTHERS, "run"])
def test_unresponsive_file_is_not_reported_as_damage(sweep: Sweep, tmp_path: Path, subcommand: str) -> None:
    """A read that never returns ends the command with 4 after 60 s without progress. The test divides this time by 60."""
    before = sweep.half.read_bytes()
    env = bad_disk(sweep.half, error="HANG", calls="read", nth=20, haste=60)
    result = weightsweep(*words_of(sweep, subcommand, tmp_path), cwd=tmp_path, env=env)
    assert result.code == 4 and result.says(sweep.half.name, "has not responded for 60 s", "run the same command again"), result
    assert "damaged" not in result.err and "copy" not in result.err
    assert sweep.half.read_bytes() == before


@pytest.mark.parametrize("subcommand", ["verify", "curves", "archive"])
def test_unresponsive_file_after_the_probe(sweep: Sweep, tmp_path: Path, subcommand: str) -> None:
    """The probe does not read curves."""
    with h5py.File(sweep.half) as file:
        begin, size = file["curve_r2"].id.get_offset(), file["curve_r2"].nbytes
    env = bad_disk(sweep.half, error="HANG", calls="read", haste=60, **{"from": begin, "to": begin + size})
    assert weightsweep("status", sweep.half, env=env).code == 0
    result = weightsweep(*words_of(sweep, subcommand, tmp_path), cwd=tmp_path, env=env)
    assert result.code == 4 and result.says(sweep.half.name, "has not responded for 60 s", "run the same command again"), result


def test_slow_file_is_not_a_failure(sweep: Sweep, tmp_path: Path) -> None:
    """Each read takes one of 150 parts of the timeout, all reads of the probe together more than the timeout."""
    begun = time.monotonic()
    result = weightsweep("status", sweep.half, env=bad_disk(sweep.half, error="SLOW", calls="read", haste=40))
    assert result.code == 0 and time.monotonic() - begun > 2 * 60 / 40, result


def test_the_python_package(sweep: Sweep) -> None:
    codes = set()
    for nth in (1, 5, 20, 60, 10_000):
        result = call(HOME / "jobs" / "python", "-m", "weightsweep", "table", sweep.half, env=bad_disk(sweep.half, error="EIO", calls="read", nth=nth))
        codes.add(result.code)
        assert result.code == 0 or check(result, sweep.half), result
    assert codes == {0, 4}


def test_endless_loop_is_reported_as_damage(sweep: Sweep) -> None:
    """After 5 s of processor time, not after the minute that a file system without an answer gets."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    result = weightsweep("status", sweep.half, env=bad_disk(sweep.half, error="SPIN", calls="read", nth=20))
    assert result.code == 3 and result.says(sweep.half.name, "damaged", "without end"), result
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 20


# Bytes that are read late: opening the file succeeds, the later read fails.
PLACES = {
    "a finished run's model": (0, "models/{}/encoder.net.0.weight"),
    "its checkpoint": (1, "checkpoints/{}/slots"),
    "curves": (0, "curve_r2"),
    "row": (0, "r2"),
    "timeline": (0, "timeline_run"),
}


def go_on(sweep: Sweep, results: Path) -> None:
    assert weightsweep("verify", results).code == 0
    result = weightsweep("run", sweep.yaml, "-o", results, "--quiet", env=bad_disk(results))
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
def test_unresponsive_file_is_not_reported_as_missing(sweep: Sweep, tmp_path: Path, words: list[str]) -> None:
    """A network file system that fails over says EIO when it is asked whether the file is there: nothing may be put in its place."""
    file = tmp_path / "results.h5"
    file.write_bytes(sweep.half.read_bytes())
    source = [sweep.yaml, *OFTEN] if words == ["run"] else [sweep.half]
    result = weightsweep(words[0], *source, *words[1:], "-o", file, env=bad_disk(file, error="EIO", calls="look"))
    assert result.code == 4 and result.says(file.name, "whether", "Input/output error", "run the same command again"), result
    assert file.read_bytes() == sweep.half.read_bytes()
