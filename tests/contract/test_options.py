"""The command line: exact names, --help from the tables of options, completion for bash, and subcommands without MPI."""

import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import Sweep
from harness import HOME, NO_MPI, PROGRAM, Result, call, environment, mpirun, status, weightsweep, write_sweep

SUBCOMMANDS = ["plan", "run", "status", "export", "verify", "predict", "bench", "info"]


def options_of(subcommand: str) -> list[str]:
    return re.findall(r"^ +(?:-., )?(--[a-z-]+)", weightsweep(subcommand, "--help").out, re.MULTILINE)


# ---- names ----


@pytest.mark.parametrize(
    "subcommand, word, meant",
    [("run", "--out", "--output"), ("run", "--quie", "--quiet"), ("run", "--sett", "--set"), ("plan", "--rank=2", "--ranks"), ("status", "--fol", "--follow"), ("export", "--no", "--no-models"), ("bench", "--qui", "--quick"), ("predict", "--pair", "--pairs")],
)
def test_abbreviated_name_is_refused(tmp_path: Path, subcommand: str, word: str, meant: str) -> None:
    result = weightsweep(subcommand, "file", word, "x.h5", cwd=tmp_path)
    assert result.code == 2 and not result.out and result.says(f"unknown option {word.partition('=')[0]}", f"did you mean {meant}?"), result.err
    assert not list(tmp_path.iterdir())


def test_forms_of_an_option(finished: Sweep) -> None:
    expected = weightsweep("export", finished.results, "--runs", "--format", "json").out
    for arguments in (["--format=json", "--runs", finished.results], ["--runs", "--format", "csv", "--format=json", "--", finished.results]):
        assert weightsweep("export", *arguments).out == expected
    needs = "--output needs a value (FILE)"
    for arguments, words in ((["-o", ""], needs), (["--output="], needs), (["-o", "--runs"], f"{needs} before --runs"), (["-o", "-h"], needs)):
        result = weightsweep("export", finished.results, *arguments)
        assert result.code == 2 and result.says(words), result.err
    assert weightsweep("export", "", "--runs").says("the name of the results file is empty")
    for arguments, words in ((["--runs=1"], "--runs takes no value"), (["--format"], "--format needs a value (csv|json)"), (["-x"], "unknown option -x"), (["other.h5", "--archive", "-o", "copy.h5"], "expected one results file, got 2")):
        result = weightsweep("export", finished.results, *arguments)
        assert result.code == 2 and result.says(words, "weightsweep export --help"), result.err


@pytest.mark.parametrize("script", [["local", "-n", "1"], ["submit", "--tasks", "2", "--dry-run"]], ids=lambda words: words[0])
def test_scripts_refuse_an_abbreviated_name(tmp_path: Path, script: list[str]) -> None:
    sweep = write_sweep(tmp_path / "tiny.yaml")
    command = [HOME / "jobs" / script[0], sweep, *script[1:], "-o", tmp_path / "a.h5", "--", "--out", tmp_path / "other.h5"]
    result = call(*command, env={"WEIGHTSWEEP": PROGRAM}, cwd=tmp_path)
    assert result.code == 2 and result.says("--out'") and list(tmp_path.iterdir()) == [sweep], result.err


# ---- completion ----


def complete(folder: Path, *words: str) -> list[str]:
    script = folder / "completion.bash"
    script.write_text(weightsweep("completion", "bash").out)
    typed = " ".join(f"'{word}'" for word in ("weightsweep", *words))
    command = f"source {script}; compopt() {{ :; }}; COMP_WORDS=({typed}); COMP_CWORD={len(words)}; _weightsweep; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, cwd=folder).stdout.split()


def test_completion(tmp_path: Path) -> None:
    (tmp_path / "results.h5").touch()
    assert [word for word in complete(tmp_path, "") if not word.startswith("-")] == SUBCOMMANDS
    for subcommand in SUBCOMMANDS:
        assert set(complete(tmp_path, subcommand, "--")) == set(options_of(subcommand))
    assert complete(tmp_path, "run", "--progress", "li") == ["live", "lines"]
    assert complete(tmp_path, "run", "-o", "res") == complete(tmp_path, "status", "res") == ["results.h5"]
    assert weightsweep("completion", "csh").code == 2
    assert weightsweep("completion", "--help").out.startswith("usage: weightsweep completion bash\n")


# ---- without MPI ----


def test_usage_errors_need_no_mpi(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "tiny.yaml")
    bad = write_sweep(tmp_path / "bad.yaml", training={"steps": 0})
    output = ("-o", tmp_path / "x.h5")
    for arguments, code, words in (
        (["run", "--help"], 0, ""),
        (["bench", "--help"], 0, ""),
        (["run", sweep, "--frobnicate"], 2, "--frobnicate"),
        (["bench", "--frobnicate"], 2, "--frobnicate"),
        (["run", bad, *output], 2, "bad.yaml:5: training.steps"),
        (["run", tmp_path / "none.yaml", *output], 2, "none.yaml"),
        (["run", sweep, *output, "--only", "no"], 2, "--only no"),
    ):
        result = weightsweep(*arguments, env=NO_MPI)
        assert result.code == code and result.says(words), result.err
    assert weightsweep("run", sweep, *output, env=NO_MPI).code not in (0, 2), "MPI can be started all the same"


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"])
def test_one_rank_prints(name: str) -> None:
    help_text = weightsweep("run", "--help").out
    for rank, prints in (("0", True), ("3", False)):
        result = weightsweep("run", "--help", env={name: rank})
        assert (result.code, result.out) == (0, help_text if prints else "")
        result = weightsweep("bench", "--frobnicate", env={name: rank})
        assert result.code == 2 and ("--frobnicate" in result.err) == prints and not result.out


def mentions(result: Result, words: str) -> int:
    """How often, but for the line in which mpirun repeats the command."""
    return len(re.findall(words, result.err))


def test_one_rank_reports_usage_errors(tmp_path: Path) -> None:
    bad = write_sweep(tmp_path / "bad.yaml", training={"steps": 0})
    results = tmp_path / "x.h5"
    for arguments, words in (([bad, "-o", results], "training.steps: `0`"), ([bad, "--frobnicate"], "unknown option"), ([tmp_path / "none.yaml", "-o", results], "cannot be opened")):
        start = time.monotonic()
        result = call(*mpirun(4, *arguments))
        assert result.code == 2 and mentions(result, words) == 1, result.err
        assert time.monotonic() - start < 30
    result = call(*mpirun(3, "--help"))
    assert result.code == 0 and result.out.count("usage:") == 1 and not results.exists()


def test_rank_0_alone_reads_the_sweep(tmp_path: Path) -> None:
    """From a pipe there is nothing to be read twice."""
    pipe, text = tmp_path / "pipe.yaml", write_sweep(tmp_path / "tiny.yaml").read_text()
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(text))
    writer.start()
    result = call(*mpirun(3, pipe, "-o", tmp_path / "x.h5", "--quiet"))
    writer.join()
    assert result.code == 0 and status(tmp_path / "x.h5")["done"] == 1, result.err
