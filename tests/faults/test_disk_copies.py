"""A disk that fails while a file is copied or extended: `export --archive`, `export --model` and `run --grow` report it and end with 4, the
existing files are unchanged, no partial file remains, and the same command succeeds on a working disk."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from disk import bad_disk
from harness import PROGRAM, Job, Result, columns, differences, place, promised_bits, run, wait_until, weightsweep, write_sweep

ERRORS = {"ENOSPC": "disk full", "EROFS": "Read-only file system", "EIO": "Input/output error"}
NETWORK = {"encoder": [16, 64], "decoder": [32]}  # models of several kilobytes, which an archive compresses


@dataclass
class Files:
    small: Path  # a sweep
    results: Path  # made by it, all done
    larger: Path  # the sweep with more runs and more steps
    grown: Path  # made by that
    runs: list[str]  # of the larger one


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    small = write_sweep(folder / "small.yaml", network=NETWORK, axes={"seed": [1, 2]})
    larger = write_sweep(folder / "larger.yaml", network=NETWORK, axes={"seed": [1, 2, 3], "steps": [30, 50]}, exclude=[{"seed": 1, "steps": 50}])
    for sweep, results in ((small, folder / "small.h5"), (larger, folder / "larger.h5")):
        assert run(1, sweep, results, "--quiet").code == 0
    return Files(small, folder / "small.h5", larger, folder / "larger.h5", columns(folder / "larger.h5")["run_id"])


def errors(sites: object, site: str) -> list[str]:
    """One of them by default, in turn."""
    return list(ERRORS) if "CAMPAIGN" in os.environ else [list(ERRORS)[list(sites).index(site) % len(ERRORS)]]


def check_refusal(result: Result, file: Path, error: str) -> None:
    assert result.code == 4 and result.out == "", result
    assert result.says(file.name, ERRORS[error], "run the same command again"), result


# ---- exports ----

EXPORTS: dict[str, dict[str, object]] = {
    "first byte": {"calls": "write", "on": "part"},
    "in the middle": {"calls": "write", "on": "part", "nth": 5},
    "later": {"calls": "write", "on": "part", "nth": 50},
    "sync": {"calls": "sync", "on": "part"},
    "rename": {"calls": "rename"},
    "sync of the folder": {"calls": "sync", "on": "folder"},
}


def export(files: Files, out: Path, **options: dict[str, str]) -> Result:
    return weightsweep("export", files.results, "--archive", "-o", out, **options)


@pytest.mark.parametrize("earlier", [False, True], ids=["a new one", "over an earlier one"])
@pytest.mark.parametrize("site", EXPORTS)
def test_archive(files: Files, tmp_path: Path, site: str, earlier: bool) -> None:
    out, before = tmp_path / "archive.h5", files.results.read_bytes()
    for error in errors(EXPORTS, site):
        if earlier:
            assert export(files, out).code == 0
            old = out.read_bytes()
        check_refusal(export(files, out, env=bad_disk(out, error=error, **EXPORTS[site])), out, error)
        if site == "sync of the folder":
            assert weightsweep("verify", out).code == 0, "it has its name by then"
        elif earlier:
            assert out.read_bytes() == old
        assert files.results.read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ([out.name] if out.exists() else [])
        assert export(files, out).code == 0 and weightsweep("verify", out).code == 0
        assert differences(promised_bits(files.results), promised_bits(out)) == []
        out.unlink()


@pytest.mark.parametrize("site", ["first byte", "sync", "rename"])
@pytest.mark.parametrize("name", ["model.npz", "model.safetensors"])
def test_model(files: Files, tmp_path: Path, site: str, name: str) -> None:
    out, command = tmp_path / name, ["export", files.results, "--model", files.runs[0], "-o", tmp_path / name]
    for error in errors(EXPORTS, site):
        check_refusal(weightsweep(*command, env=bad_disk(out, error=error, **EXPORTS[site])), out, error)
        assert not list(tmp_path.iterdir())
    assert weightsweep(*command).code == 0 and out.exists()


# ---- growth ----


def written(files: Files, name: str, nth: int = 1) -> dict[str, object]:
    """The nth write into a dataset of the larger file, before it has its name."""
    offset, size = place(files.grown, name)
    return {"calls": "write", "on": "grown", "nth": nth, "from": offset, "to": offset + size}


GROWTHS: dict[str, Callable[[Files], dict[str, object]]] = {
    "first byte": lambda files: {"calls": "write", "on": "grown"},
    "sync of the new file": lambda files: {"calls": "sync", "on": "grown"},
    "its first name": lambda files: {"calls": "rename", "on": "grown"},
    "checkpoint": lambda files: written(files, f"checkpoints/{files.runs[0]}/slots"),
    "checkpoint of a longer run": lambda files: written(files, f"checkpoints/{files.runs[2]}/slots"),
    "checkpoint, synced": lambda files: {"calls": "sync", "on": "grown", "nth": 3},
    "curve": lambda files: written(files, "curve_loss"),
    "model": lambda files: written(files, f"models/{files.runs[0]}/decoder.0.weight"),
    "outcome": lambda files: written(files, "loss"),
    "checksum": lambda files: written(files, "row_checksum"),
    "timeline": lambda files: written(files, "timeline_run"),
    "its own name": lambda files: {"calls": "rename", "on": "file"},
    "sync of the folder": lambda files: {"calls": "sync", "on": "folder", "nth": 2},
}


@pytest.mark.parametrize("site", GROWTHS)
def test_growth(files: Files, tmp_path: Path, site: str) -> None:
    results, before = tmp_path / "results.h5", files.results.read_bytes()
    command = ["run", files.larger, "-o", results, "--quiet", "--grow"]
    for error in errors(GROWTHS, site):
        results.write_bytes(before)
        check_refusal(weightsweep(*command, env=bad_disk(results, error=error, **GROWTHS[site](files))), results, error)
        assert weightsweep("verify", results).code == 0
        if site != "sync of the folder":  # then it is the larger one already
            assert results.read_bytes() == before
        assert list(tmp_path.iterdir()) == [results], "nothing else is left"
        assert weightsweep(*command).code == 0
        assert differences(promised_bits(files.grown), promised_bits(results)) == []


# ---- kills ----


@pytest.mark.parametrize("what", ["model", "archive", "grow"])
def test_same_command_after_a_kill(files: Files, tmp_path: Path, what: str) -> None:
    """Meanwhile a second one is refused. Afterwards nothing else is left."""
    out = tmp_path / {"model": "model.npz", "archive": "archive.h5", "grow": "results.h5"}[what]
    commands = {
        "model": ["export", files.results, "--model", files.runs[0], "-o", out],
        "archive": ["export", files.results, "--archive", "-o", out],
        "grow": ["run", files.larger, "-o", out, "--quiet", "--grow"],
    }
    unfinished = out.with_name(out.name + (".grown" if what == "grow" else ".part"))
    site = {"model": {}, "archive": {"nth": 5}, "grow": {"calls": "sync", "nth": 3}}[what]
    if what == "grow":
        out.write_bytes(files.results.read_bytes())
    with Job(PROGRAM, *commands[what], env=bad_disk(out, error="HANG", on=unfinished.suffix[1:], **site)) as job:
        wait_until(unfinished.exists, "the unfinished file")
        second = weightsweep(*commands[what])
        assert second.code == 3 and second.says(out.name, "being written by pid", "wait for it, or end it"), second
        job.end()
    assert unfinished.exists()
    assert weightsweep(*commands[what]).code == 0
    assert list(tmp_path.iterdir()) == [out], "nothing else is left"


def test_unreadable_leftover(files: Files, tmp_path: Path) -> None:
    """A failing disk is not taken for a file of the user."""
    out, part = tmp_path / "results.h5", tmp_path / "results.h5.part"
    part.write_bytes(files.results.read_bytes())
    result = weightsweep("run", files.small, "-o", out, "--quiet", env=bad_disk(out, error="EIO", calls="read", on="part"))
    assert result.code == 4 and result.says(part.name, "Input/output error", "run the same command again"), result
    assert part.exists() and not out.exists()
