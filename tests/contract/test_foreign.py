"""Additions of other programs to a results file are no damage: `verify` lists them, every other subcommand ignores them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import weightsweep as weightsweep_package
from conftest import FOUR, Sweep
from harness import call, columns, differences, promised_bits, run, status, weightsweep, write_sweep


def a_note(file: h5py.File) -> None:
    file.attrs["note"] = "mine"


def notes_everywhere(file: h5py.File) -> None:
    """So many and so long that HDF5 has to move the metadata of these objects."""
    for item in (file, file["run_id"], file["r2"], file["run"], file["models"], next(iter(file["models"].values()))):
        for number in range(20):
            item.attrs[f"note {number}"] = "mine" * number * 20


def an_array(file: h5py.File) -> None:
    file["mine"] = np.arange(7)


def a_copy_of_a_column(file: h5py.File) -> None:
    """With its attribute `role`."""
    file.copy("r2", file, "r2_before")


def a_group(file: h5py.File) -> None:
    file.create_group("notes/deep")["text"] = "mine"
    file["notes/root"] = file["/"]


def links(file: h5py.File) -> None:
    file["mine"] = h5py.SoftLink("/nowhere")
    file["theirs"] = h5py.ExternalLink("nowhere.h5", "/")
    file.attrs["reference"] = file["r2"].ref
    file["references"] = np.array([file["r2"].ref], dtype=h5py.ref_dtype)


def an_array_beside_tensors(file: h5py.File) -> None:
    for group in file["models"].values():
        group["mine"] = np.ones((3, 3), "f4")
    file["models/mine"] = 1
    file["checkpoints/mine"] = 1


def a_dimension(file: h5py.File) -> None:
    file["mine"] = np.arange(3)
    file["mine"].make_scale("mine")
    file["theirs"] = np.arange(3)
    file["theirs"].dims[0].attach_scale(file["mine"])
    file["r2"].dims[0].label = "runs"


ADDITIONS = [a_note, notes_everywhere, an_array, a_copy_of_a_column, a_group, links, an_array_beside_tensors, a_dimension]


def add(addition: Callable[[h5py.File], None], results: Path) -> None:
    with h5py.File(results, "r+") as file:
        addition(file)


@pytest.fixture(scope="module")
def half(finished: Sweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of the four runs is done."""
    results = tmp_path_factory.mktemp("half") / "half.h5"
    first = columns(finished.results)["run_id"][0]
    assert run(1, finished.yaml, results, "--quiet", "--only", first).code == 0
    return results


@pytest.mark.parametrize("addition", ADDITIONS)
def test_addition_is_not_damage(finished: Sweep, half: Path, tmp_path: Path, addition: Callable[[h5py.File], None]) -> None:
    results, archive = Path(shutil.copy(half, tmp_path / "x.h5")), tmp_path / "a.h5"
    runs = weightsweep("export", results, "--runs").out
    first = columns(results)["run_id"][0]
    add(addition, results)
    verified = weightsweep("verify", results)
    assert verified.code == 0 and "Foreign" in verified.out and ("mine" in verified.out or "note" in verified.out or "before" in verified.out), verified
    assert weightsweep("status", results).code == 0 and weightsweep("export", results, "--runs").out == runs
    assert weightsweep("export", results, "--model", first, "-o", tmp_path / "m.npz").code == 0
    made = weightsweep("export", results, "--archive", "-o", archive)
    assert made.code == 0 and weightsweep("verify", archive).code == 0, made
    assert weightsweep("export", archive, "--runs").out == runs
    result = run(2, finished.yaml, results, "--quiet")
    assert result.code == 0 and "no longer match" not in result.err, result
    assert weightsweep("verify", results).out.partition("Foreign")[2] == verified.out.partition("Foreign")[2]
    more = write_sweep(tmp_path / "more.yaml", axes=FOUR | {"seed": [1, 2]})
    assert run(1, more, results, "--quiet", "--grow").code == 0 and status(results)["done"] == 8


@pytest.mark.parametrize("addition", ADDITIONS)
def test_the_python_package_leaves_an_addition_alone(finished: Sweep, tmp_path: Path, addition: Callable[[h5py.File], None]) -> None:
    results = Path(shutil.copy(finished.results, tmp_path / "x.h5"))
    before, grid = weightsweep_package.open_runs(results), weightsweep_package.open_sweep(results)
    first = str(before["run_id"].values[0])
    tensors = weightsweep_package.load_model(results, first)
    add(addition, results)
    assert list(weightsweep_package.load_model(results, first)) == list(tensors)
    assert before.equals(weightsweep_package.open_runs(results)) and grid.equals(weightsweep_package.open_sweep(results))


@pytest.mark.parametrize("removed", ["r2", "steps", "curve_loss"])
def test_a_removed_column_is_damage(finished: Sweep, tmp_path: Path, removed: str) -> None:
    results = Path(shutil.copy(finished.results, tmp_path / "x.h5"))
    add(lambda file: file.__delitem__(removed), results)
    for command in ("status", "verify"):
        result = weightsweep(command, results)
        assert result.code == 3 and result.says("x.h5", "damaged"), result


def test_an_archive_keeps_notes_and_arrays(finished: Sweep, tmp_path: Path) -> None:
    results, archive = Path(shutil.copy(finished.results, tmp_path / "x.h5")), tmp_path / "a.h5"
    for addition in (a_note, an_array, a_group):
        add(addition, results)
    assert weightsweep("export", results, "--archive", "-o", archive).code == 0
    with h5py.File(archive) as file:
        assert file.attrs["note"] == "mine" and list(file["mine"]) == list(range(7)) and file["notes/deep/text"].asstr()[()] == "mine"
        assert "root" not in file["notes"], "a second name of a group is left out"
    assert differences(promised_bits(finished.results), {name: bits for name, bits in promised_bits(archive).items() if name != "mine"}) == []
    add(a_note, archive)
    assert weightsweep("verify", archive).code == weightsweep("status", archive).code == 0


REWRITTEN = "Another program rewrote this file"


def test_verify_names_a_rewritten_archive(finished: Sweep, tmp_path: Path) -> None:
    archive, copy = tmp_path / "a.h5", tmp_path / "copy.h5"
    assert weightsweep("export", finished.results, "--archive", "-o", archive).code == 0
    assert call("h5repack", archive, copy).code == 0
    result = weightsweep("verify", copy)
    assert result.code == 0 and REWRITTEN in result.out, result
    assert REWRITTEN not in weightsweep("verify", archive).out


@pytest.mark.parametrize("options", [[], ["-f", "GZIP=6"]], ids=["moved", "compressed"])
def test_a_repacked_file_is_read_but_not_continued(finished: Sweep, half: Path, tmp_path: Path, options: list[str]) -> None:
    results, archive = tmp_path / "x.h5", tmp_path / "a.h5"
    assert call("h5repack", *options, half, results).code == 0
    content = results.read_bytes()
    assert weightsweep("export", results, "--runs").out == weightsweep("export", half, "--runs").out
    assert weightsweep("status", results).code == 0 and weightsweep_package.open_runs(results).equals(weightsweep_package.open_runs(half))
    verified = weightsweep("verify", results)
    assert verified.code == 0 and REWRITTEN in verified.out, verified
    assert weightsweep("export", results, "--archive", "-o", archive).code == weightsweep("verify", archive).code == 0
    result = run(2, finished.yaml, results, "--quiet")
    assert result.code == 3 and result.says("x.h5", "h5repack", "original file", "-o"), result
    assert results.read_bytes() == content
