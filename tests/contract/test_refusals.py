"""`run` refuses a results file that cannot be used (3) and stops on a failure of the machine (4). The message names the file and what to
do, and no data are lost."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest
from conftest import FOUR, Sweep
from harness import HOME, HYDRA, MPIRUN, PROGRAM, Result, call, checkpoint, columns, differences, flip, mpirun, own_mounts, place, promised_bits, run, status, weightsweep, write_sweep


def copy_of(sweep: Sweep, folder: Path) -> Path:
    return Path(shutil.copy(sweep.results, folder / "copy.h5"))


def refused(result: Result, *words: str) -> bool:
    """Once, not once a rank."""
    return result.code == 3 and not result.out and result.says(*words) and result.err.count(words[0]) <= 2


# ---- another sweep's ----


@pytest.mark.parametrize(
    "changes",
    [{"name": "another"}, {"axes": FOUR | {"unknowns": [6]}}, {"axes": FOUR | {"seed": [1, 2]}}, {"training": {"steps": 31}}, {"training": {"learning_rate": 0.002}}],
    ids=["name", "fewer", "more", "steps", "setting"],
)
def test_another_sweep_s_file(finished: Sweep, tmp_path: Path, changes: dict[str, object]) -> None:
    results, sweep = copy_of(finished, tmp_path), write_sweep(tmp_path / "other.yaml", **({"axes": FOUR} | changes))
    before = results.read_bytes()
    assert refused(run(2, sweep, results), "copy.h5", "another sweep", "-o")
    assert results.read_bytes() == before


def test_equivalent_sweep_file_continues(finished: Sweep, tmp_path: Path) -> None:
    results, sweep = copy_of(finished, tmp_path), tmp_path / "same.yaml"
    lines = finished.yaml.read_text().splitlines()
    sweep.write_text("# a comment\n" + "\n".join(reversed(lines)) + "\nseed: 1\n")
    assert run(1, sweep, results).code == 0


# ---- damaged, or no results file at all ----


@pytest.mark.parametrize("content", [b"", b"no HDF5, but text\n" * 1000], ids=["empty", "text"])
def test_not_hdf5(finished: Sweep, tmp_path: Path, content: bytes) -> None:
    results = tmp_path / "x.h5"
    results.write_bytes(content)
    result = run(2, finished.yaml, results)
    assert result.code == 2 and result.says("x.h5", "not a results file", "-o"), result
    assert refused(weightsweep("status", results), "x.h5", "not an HDF5 file")
    assert results.read_bytes() == content


@pytest.mark.parametrize(("other", "options"), [(".part", []), (".lock", []), (".grown", ["--grow"]), (".grown.part", ["--grow"])], ids=["part", "lock", "grown", "grown_part"])
def test_user_file_under_a_name_that_run_needs(finished: Sweep, tmp_path: Path, other: str, options: list[str]) -> None:
    results, sweep = tmp_path / "x.h5", finished.yaml
    if options:
        sweep = write_sweep(tmp_path / "more.yaml", axes=FOUR | {"seed": [1, 2]})
        shutil.copy(finished.results, results)
    mine = results.with_name("x.h5" + other)
    mine.write_text("my notes\n")
    before = sorted(tmp_path.iterdir())
    result = run(1, sweep, results, *options)
    assert result.code == 2 and result.says(mine.name, "exists already", "move it away", "-o"), result
    assert mine.read_text() == "my notes\n" and sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kind", ["results", "archive", "folder", "fifo", "dangling"])
def test_finished_file_of_the_user_named_part(finished: Sweep, tmp_path: Path, kind: str) -> None:
    """`run` and `export` remove only what a killed command has left."""
    results = tmp_path / "x.h5"
    mine = tmp_path / "x.h5.part"
    if kind == "results":
        shutil.copy(finished.results, mine)
    elif kind == "archive":
        assert weightsweep("export", finished.results, "--archive", "-o", mine).code == 0
    else:
        {"folder": mine.mkdir, "fifo": lambda: os.mkfifo(mine), "dangling": lambda: mine.symlink_to("missing")}[kind]()
    before = mine.read_bytes() if mine.is_file() else mine.lstat().st_ino
    for result in (weightsweep("run", finished.yaml, "-o", results), weightsweep("export", finished.results, "--archive", "-o", results)):
        assert result.code == 2 and result.says(mine.name, "exists already", "move it away", "-o"), result
        assert list(tmp_path.iterdir()) == [mine] and before == (mine.read_bytes() if mine.is_file() else mine.lstat().st_ino)


def test_results_file_that_is_a_fifo(tmp_path: Path) -> None:
    """No command waits for a writer."""
    os.mkfifo(tmp_path / "x.h5")
    sweep = write_sweep(tmp_path / "sweep.yaml")
    assert refused(weightsweep("status", tmp_path / "x.h5"), "x.h5", "not a regular file")
    result = weightsweep("run", sweep, "-o", tmp_path / "x.h5")
    assert result.code == 2 and result.says("x.h5", "not a regular file"), result


def test_not_ours(finished: Sweep, tmp_path: Path) -> None:
    results = tmp_path / "x.h5"
    with h5py.File(results, "w") as file:
        file["run"] = [1, 2, 3]
    before = results.read_bytes()
    result = run(2, finished.yaml, results)
    assert result.code == 2 and result.says("x.h5", "not a results file", "-o"), result
    assert refused(weightsweep("status", results), "x.h5", "not a weightsweep results file")
    assert results.read_bytes() == before


def test_newer_schema_is_refused(finished: Sweep, tmp_path: Path) -> None:
    results = copy_of(finished, tmp_path)
    with h5py.File(results, "r+") as file:
        file.attrs["schema_version"] = 99
    assert refused(run(2, finished.yaml, results), "copy.h5", "99")
    assert weightsweep("status", results).code == 3


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_cut_off(finished: Sweep, tmp_path: Path, part: float) -> None:
    results = copy_of(finished, tmp_path)
    os.truncate(results, int(part * results.stat().st_size))
    assert refused(run(2, finished.yaml, results), "copy.h5")
    assert weightsweep("verify", results).code == 3


@pytest.mark.parametrize("words", [b"mlp-inverse", b"name: tiny", b"equation_ratio"], ids=bytes.decode)
def test_damaged_text(finished: Sweep, tmp_path: Path, words: bytes) -> None:
    results = copy_of(finished, tmp_path)
    flip(results, results.read_bytes().index(words) + 3)
    assert refused(run(2, finished.yaml, results), "copy.h5", "damaged")
    for subcommand in (["verify"], ["status"]):
        assert weightsweep(*subcommand, results).code == 3


def test_damaged_text_heap(finished: Sweep, tmp_path: Path) -> None:
    """HDF5 keeps no checksum over the heap of texts and believes the sizes in it."""
    for at in (14, 24):  # the size of the heap, beyond the file's end, and of its first text
        results = copy_of(finished, tmp_path)
        flip(results, results.read_bytes().index(b"GCOL") + at)
        assert refused(run(2, finished.yaml, results), "copy.h5", "damaged")
        assert weightsweep("status", results).code == weightsweep("verify", results).code == 3


@pytest.mark.parametrize("name", ["r2", "loss", "steps_done", "message", "arithmetic", "row_checksum", "curve_loss", "curve_seconds", "curve_checksum", "model_checksum"])
def test_verify_finds_a_damaged_outcome(finished: Sweep, tmp_path: Path, name: str) -> None:
    results = copy_of(finished, tmp_path)
    offset, length = place(results, name)
    flip(results, offset + length // 4 + 2)  # of the second run
    result = weightsweep("verify", results)
    assert refused(result, "copy.h5", "1 fault", columns(results)["run_id"][1])
    assert weightsweep("status", results).code == 0, "readable all the same"


def test_verify_finds_a_damaged_model(finished: Sweep, tmp_path: Path) -> None:
    results, run_id = copy_of(finished, tmp_path), columns(finished.results)["run_id"][2]
    flip(results, place(results, f"models/{run_id}/decoder.0.weight")[0] + 5)
    assert refused(weightsweep("verify", results), "copy.h5", f"run {run_id}: its model")


def test_verify_finds_a_damaged_checkpoint(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "some.yaml", training={"steps": 10_000_000}), tmp_path / "some.h5"
    assert run(1, sweep, results, "--quiet", "--time-limit", "3").code == 75
    (run_id,) = columns(results)["run_id"]
    sequence, _ = checkpoint(results, run_id)
    assert sequence == 1 and weightsweep("verify", results).code == 0
    flip(results, place(results, f"checkpoints/{run_id}/slots")[0] + 4096 + 100)
    assert refused(weightsweep("verify", results), "some.h5", f"run {run_id}: its newest checkpoint")


def test_a_folder_as_output(finished: Sweep, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for ranks, words in ((2, []), (1, ["--grow"])):
        result = run(ranks, finished.yaml, tmp_path / "out", *words)
        assert result.code == 2 and result.says("out", "is a folder", "expected the name of a file"), result
    assert refused(weightsweep("status", tmp_path / "out"), "out", "is a folder")
    assert [path.name for path in tmp_path.iterdir()] == ["out"] and not list((tmp_path / "out").iterdir())


def test_a_missing_column_is_named(finished: Sweep, tmp_path: Path) -> None:
    """The checksum of an older file does not cover the outcomes' names, so nothing else finds the column missing."""
    results = Path(shutil.copy(HOME / "analysis" / "published" / "set-size.h5", tmp_path / "copy.h5"))
    with h5py.File(results, "r+") as file:
        del file["steps_done"]
    for words in (["status", results], ["export", results, "--runs"], ["plan", finished.yaml, "--rates", results], ["run", finished.yaml, "-o", results, "--grow"]):
        assert refused(weightsweep(*words), "copy.h5", "damaged", "`steps_done`"), words


def test_plan_takes_rates_from_a_probed_file(finished: Sweep, tmp_path: Path) -> None:
    results = copy_of(finished, tmp_path)
    os.truncate(results, results.stat().st_size // 2)
    assert refused(weightsweep("plan", finished.yaml, "--rates", results), "copy.h5", "damaged")


@pytest.mark.parametrize("where", ["none/x.h5", "text/x.h5"])
def test_path_without_target_is_refused(finished: Sweep, tmp_path: Path, where: str) -> None:
    (tmp_path / "text").write_text("")
    assert refused(run(2, finished.yaml, tmp_path / where), str(tmp_path / where).removesuffix("/."))


# ---- other numerics ----


def test_file_with_other_numerics_is_refused(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "four.yaml", axes=FOUR), tmp_path / "four.h5"
    first, *_ = (each["run_id"] for each in status_of_new(sweep, results))
    other = ["--gemm", "openblas"]
    assert refused(run(2, sweep, results, *other), "four.h5", "other numerics", "OpenBLAS", "portable 1", "--allow-other-arithmetic")
    assert status(results)["done"] == 1
    assert run(2, sweep, results, "--quiet", *other, "--allow-other-arithmetic").code == 0
    file = columns(results)
    assert file["arithmetic"][0] == "portable 1" and file["arithmetic"][1].startswith("OpenBLAS")
    assert first == file["run_id"][0] and weightsweep("verify", results).code == 0


def test_gemm_library_of_the_environment_does_not_matter_in_fp32(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "four.yaml", axes=FOUR), tmp_path / "four.h5"
    status_of_new(sweep, results)
    other = {"OPENBLAS_CORETYPE": "Sandybridge", "DNNL_MAX_CPU_ISA": "AVX2"}
    assert run(2, sweep, results, "--quiet", env=other).code == 0
    assert columns(results)["arithmetic"] == ["portable 1"] * 4


def test_ranks_with_different_numerics_are_refused(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "four.yaml", axes=FOUR), tmp_path / "four.h5"
    program = tmp_path / "weightsweep"  # the mpirun of some Open MPI 5 crashes on `-n 1 PROGRAM : -n 1 OTHER`
    program.write_text(f'case ${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}} in 1) set -- "$@" --gemm openblas ;; esac\nexec {PROGRAM} "$@"\n')
    unlike = [MPIRUN, "-n", "2", "sh", program, "run", sweep, "-o", results, "--quiet"]
    assert refused(call(*unlike), "different numerics", "rank 1", "--allow-other-arithmetic")
    assert not results.exists()
    assert call(*unlike, "--allow-other-arithmetic").code == 0


def status_of_new(sweep: Path, results: Path) -> list[dict[str, object]]:
    """Makes the file and does its first run."""
    first = weightsweep("plan", sweep, "--format", "csv").out.splitlines()[1].partition(",")[0]
    assert run(1, sweep, results, "--quiet", "--only", first).code == 0
    return status(results)["runs"]


# ---- the machine cannot go on ----


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("disk full: only root can mount a small file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Takes all space of the disk but `leave` bytes."""
    disk, ballast = os.statvfs(folder), folder / "ballast"
    ballast.write_bytes(b"\1" * (disk.f_bavail * disk.f_bsize - leave))
    return ballast


def test_disk_full_at_creation(finished: Sweep, small_disk: Path) -> None:
    results, ballast = small_disk / "x.h5", fill(small_disk, 16 << 10)
    result = run(2, finished.yaml, results)
    assert result.code == 4 and result.says("x.h5", "disk full", "run the same command again"), result
    assert not results.exists() and not list(small_disk.glob("x.h5.part*")), "nothing is left behind"
    ballast.unlink()
    assert run(2, finished.yaml, results, "--quiet").code == 0
    assert differences(promised_bits(finished.results), promised_bits(results)) == []


@pytest.mark.parametrize("ranks", [1, 2])
def test_disk_full_while_training(tmp_path: Path, small_disk: Path, ranks: int) -> None:
    """The file is sparse: a checkpoint, the first of them or the tenth, meets the full disk."""
    sweep = write_sweep(tmp_path / "wide.yaml", training={"steps": 50}, network={"encoder": [128, 256]}, axes={"seed": [1, 2, 3, 4]})
    results, undisturbed = small_disk / "x.h5", tmp_path / "undisturbed.h5"
    assert run(2, sweep, undisturbed, "--quiet").code == 0
    first = columns(undisturbed)["run_id"][0]
    assert run(1, sweep, results, "--quiet", "--only", first).code == 0
    ballast = fill(small_disk, 300 << 10)
    result = run(ranks, sweep, results)
    assert result.code == 4 and result.says("x.h5", "disk full", "run the same command again"), result
    assert weightsweep("verify", results).code == 0 and status(results)["done"] >= 1
    ballast.unlink()
    assert run(ranks, sweep, results, "--quiet").code == 0
    assert weightsweep("verify", results).code == 0
    assert differences(promised_bits(undisturbed), promised_bits(results)) == []


def test_disk_full_while_archiving(finished: Sweep, small_disk: Path) -> None:
    archive, ballast = small_disk / "a.h5", fill(small_disk, 16 << 10)
    result = weightsweep("export", finished.results, "--archive", "-o", archive)
    assert result.code == 4 and result.says("a.h5", "disk full"), result
    assert list(small_disk.iterdir()) == [ballast], "nothing is left behind"
    ballast.unlink()
    assert weightsweep("export", finished.results, "--archive", "-o", archive).code == 0
    assert weightsweep("verify", archive).code == 0


# ---- in use ----


def test_in_use(live: Sweep) -> None:
    """By a live job, which goes on undisturbed."""
    for ranks in (1, 2):
        assert refused(run(ranks, live.yaml, live.results), "live.h5", "being written by pid", "wait for it, or end it")
    assert status(live.results)["running"] == 2


def test_in_use_by_another_name(live: Sweep, tmp_path: Path) -> None:
    link = tmp_path / "link.h5"
    link.symlink_to(live.results)
    assert refused(run(1, live.yaml, link), "link.h5", "being written by pid")
    assert status(link)["running"] == 2 and not (tmp_path / "link.h5.lock").exists()


# ---- long names ----


def test_file_name_of_maximum_length(tmp_path: Path) -> None:
    """Beside a name of 250 bytes there is room for its .lock and its .part. Of longer ones nothing is written."""
    sweep = write_sweep(tmp_path / "sweep.yaml")
    folder = tmp_path / ("d" * 99) / ("e" * 99)
    folder.mkdir(parents=True)
    for length, code in ((1, 0), (250, 0), (251, 2), (255, 2), (256, 2)):
        results = folder / ("r" * length)
        result = weightsweep("run", sweep, "-o", results, "--quiet")
        assert result.code == code, result
        if code == 0:
            assert weightsweep("verify", results).code == 0
            results.unlink()
        else:
            assert result.says("the name is too long", "-o"), result
        assert list(folder.iterdir()) == []


@pytest.mark.skipif(not own_mounts(), reason="mounts")
@pytest.mark.parametrize("options", ["size=4k", "ro"])
def test_shared_memory_full_or_read_only(tmp_path: Path, options: str) -> None:
    sweep, results = write_sweep(tmp_path / "sweep.yaml"), tmp_path / "results.h5"
    mount = f'mount -t tmpfs -o {options} tmpfs /dev/shm && exec "$0" run "$1" -o "$2" --quiet'
    result = call("unshare", "-m", "sh", "-c", mount, PROGRAM, sweep, results)
    if not HYDRA:  # MPICH without shared memory ends the program when it starts
        assert result.code == 0 or (result.code == 4 and result.says("/dev/shm")), result
    assert "damaged" not in result.err
