"""Errors of the Python commands: a message and the contract's exit codes instead of a traceback, for any file, file
name, terminal and working folder."""

import faulthandler
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(HOME / "analysis"))

from make_results import grid, make_results  # noqa: E402

from weightsweep import ResultsError, open_runs, results  # noqa: E402

PACKAGE = [sys.executable, "-m", "weightsweep"]
LATIN = os.fsdecode("größer".encode("latin-1"))


def run(*arguments: object, command: list[str] = PACKAGE, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(HOME / "analysis"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"} | options.pop("env", {})
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    done = subprocess.run([*command, *map(str, arguments)], text=True, encoding="utf-8", errors="surrogateescape", env=environment, check=False, **options)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "r.h5"
    make_results(path, grid(equation_ratio=[2.0]))
    return path


@pytest.fixture
def path(small: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "r.h5"
    copy.write_bytes(small.read_bytes())
    return copy


def test_files_that_are_no_results(path: Path, tmp_path: Path) -> None:
    (tmp_path / "truncated").write_bytes(path.read_bytes()[:3000])
    (tmp_path / "empty").touch()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    cases = [("table", name) for name in ("none.h5", "truncated", "empty", "loop", "pipe", ".", "r.h5/r.h5")]
    for subcommand, name in [*cases, ("plot", "truncated"), ("report", "."), ("watch", "none.h5")]:
        done = run(subcommand, tmp_path / name, timeout=60)
        assert done.returncode == 3 and done.stderr.count("\n") == 1 and done.stdout == "", (name, done.stderr)


def test_a_column_that_is_missing_is_named(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["curve_r2"]
    done = run("table", path)
    assert done.returncode == 3 and "curve_r2 is missing" in done.stderr


def test_damaged_bytes_are_results_errors(small: Path, tmp_path: Path) -> None:
    """In child processes: libhdf5 itself crashes on some of these files."""
    whole, path, rng = small.read_bytes(), tmp_path / "damaged.h5", np.random.default_rng(1)
    refused = 0
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(len(whole), size=20):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        child = os.fork()
        if child == 0:
            faulthandler.disable()  # pytest's would print a trace of each crash
            try:
                open_runs(path)
                os._exit(0)
            except ResultsError:
                os._exit(3)
            except BaseException:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code != 1
        refused += code == 3
    assert refused > 20


def test_io_error_is_not_reported_as_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise OSError("Can't read data (file read failed: errno = 5, error message = 'Input/output error')")

    monkeypatch.setattr(results, "_decoded", fails)
    with pytest.raises(OSError, match="Input/output error.*r.h5"):
        open_runs(path)


def test_names_and_texts_that_are_not_utf8(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / LATIN
    folder.mkdir()
    with h5py.File(path, "r+") as file:
        file.attrs.modify("resolved", np.array("name: größer\n".encode("latin-1"), dtype=h5py.string_dtype("utf-8")))
        file["message"][0, :6] = np.frombuffer("größer".encode("latin-1"), "S1")
    results_ = path.rename(folder / f"{LATIN}.h5")
    assert "gr\ufffd\ufffder" in run("table", results_, "--runs").stdout
    assert run("report", results_).stdout == f"{folder}/{LATIN}.html\n"
    assert run("plot", results_, "--figure", "loss").stdout.splitlines() == [f"{folder}/{LATIN}-loss.{kind}" for kind in ("png", "pdf")]
    for latin in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}):
        assert run("table", results_, env=latin).returncode == 0 and run("report", results_, env=latin).returncode == 0
    assert f"{LATIN}x: no such file" in run("table", f"{LATIN}x").stderr


def test_output_that_cannot_be_written(path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open("/dev/full", "w") as full:
        for arguments in (["table", path], ["--help"]):
            for stream in (full, writer):
                done = run(*arguments, stdout=stream)
                assert done.returncode == 4 and done.stderr.startswith("weightsweep: standard output could not be written"), done.stderr
    os.close(writer)
    closed = run(path, command=["sh", "-c", 'exec "$0" -m weightsweep table "$1" >&-', sys.executable])
    assert closed.returncode == 4 and closed.stderr == "weightsweep: standard output is closed; redirect it to a file or /dev/null\n"
    assert run("report", path, "-o", "/proc/page.html").returncode == 4
    assert run("plot", path, "-o", "/proc/figures").returncode == 4


@pytest.mark.parametrize("status", ["pending", "failed", "diverged"])
def test_no_run_is_done(tmp_path: Path, status: str) -> None:
    path = tmp_path / "none.h5"
    make_results(path, [each | {"status": status} for each in grid(equation_ratio=[1.33, 2.0], learning_rate=[1e-3, 1.0])])
    for subcommand in ("table", "plot", "report"):
        assert run(subcommand, path).returncode == 0, subcommand


def test_a_sweep_without_runs(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        for name in [name for name, item in file.items() if isinstance(item, h5py.Dataset) and "DIMENSION_LIST" in item.attrs]:
            shape, dtype, attributes = file[name].shape, file[name].dtype, {key: value for key, value in file[name].attrs.items() if key != "DIMENSION_LIST"}
            del file[name]
            item = file.create_dataset(name, shape=(0, *shape[1:]), dtype=dtype)
            for key, value in attributes.items():
                item.attrs[key] = value
            for place, length in enumerate(item.shape):
                scale = "no_run" if length == 0 else "point" if length == 60 else f"{name}_length"
                if scale not in file:
                    file.create_dataset(scale, shape=(length,), dtype=">f4").make_scale(scale)
                item.dims[place].attach_scale(file[scale])
        del file["run"]
        file.move("no_run", "run")
    for subcommand in ("table", "plot", "report"):
        assert run(subcommand, path).returncode in (0, 3)


# Modules that the commands import, and modules that Python's start imports: these are out of reach without jobs/python (-P).
OURS = ("random", "csv", "html", "string", "numbers", "calendar", "token", "typing", "json", "argparse", "numpy", "h5py", "scipy")
START = ("types", "functools", "collections", "contextlib", "keyword", "operator", "runpy")


def test_a_module_of_the_working_folder_is_never_run(path: Path, tmp_path: Path) -> None:
    for name in OURS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the user\\'s file was run')\n")
    for environment in ({}, {"PYTHONPATH": f"{HOME}/analysis:"}):  # an empty entry is the working folder, too
        done = run("report", path, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
    for name in START:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the user\\'s file was run')\n")
    for others in ("", ":", "/nowhere::"):
        done = run("table", path, command=[str(HOME / "jobs" / "python"), "-m", "weightsweep"], cwd=tmp_path, env={"PYTHONPATH": others})
        assert done.returncode == 0, done.stderr


def test_subcommands_of_the_program_are_named() -> None:
    refused = run("status", "r.h5")
    assert refused.returncode == 2 and "'status' is a subcommand of the program: weightsweep status r.h5" in refused.stderr


def test_the_package_is_found_where_one_stands(path: Path) -> None:
    assert run("table", path, cwd=HOME / "analysis", env={"PYTHONPATH": ""}).returncode == 0
