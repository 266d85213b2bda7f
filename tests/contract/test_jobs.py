"""The scripts of jobs/ on this machine: command lines, settings, folders and limits of the machine."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Sweep
from harness import HOME, LONG, PROGRAM, Job, Result, call, own_mounts, status, wait_for_training, write_sweep

JOBS = HOME / "jobs"
ROOT = os.geteuid() == 0


def script(name: str, *arguments: str | Path, **variables: str) -> Result:
    return call(JOBS / name, *arguments, env={"WEIGHTSWEEP": PROGRAM} | variables)


def shell(text: str, *arguments: str | Path) -> str:
    """Standard output of a shell command with the functions of common.sh."""
    return call("bash", "-euc", f'. "{JOBS}/common.sh"; {text}', "bash", *arguments).out


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "tiny.yaml")


# ---- command lines and settings ----


@pytest.mark.parametrize("word", ["-o", "--output", "--out", "--ou=other.h5", "--outp"])
def test_results_file_is_named_before_the_dashes(sweep: Path, tmp_path: Path, word: str) -> None:
    for command in (["local", sweep, "-n", "1", "-o", tmp_path / "a.h5"], ["submit", sweep, "--tasks", "2", "--dry-run"]):
        result = script(*command, "--", word, tmp_path / "other.h5")
        assert result.code == 2 and result.says(word.partition("=")[0])
    assert list(tmp_path.glob("*.h5")) == []


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings"
    path.write_text("""options='--exclusive --comment="two words"'\n""")
    return path


def test_options_keep_their_quotes(sweep: Path, settings: Path) -> None:
    result = script("submit", sweep, "--tasks", "2", "--dry-run", WEIGHTSWEEP_SETTINGS=str(settings))
    assert '\n#SBATCH --exclusive --comment="two words"\n' in result.out


def test_range_of_nodes_ascends(sweep: Path) -> None:
    result = script("submit", sweep, "--nodes", "4-2", "--tasks", "2", "--dry-run")
    assert result.code == 2 and result.says("nodes", "4-2", "smaller number first")
    assert script("submit", sweep, "--nodes", "2-4", "--tasks", "2", "--dry-run").code == 0


# ---- folders and names ----


def test_temporary_folder_is_missing(sweep: Path, tmp_path: Path) -> None:
    result = script("local", sweep, "-n", "2", "-o", tmp_path / "a.h5", TMPDIR=str(tmp_path / "missing"))
    assert result.code == 0 and result.says("TMPDIR", "missing", "/tmp")


def test_link_to_a_script(sweep: Path, tmp_path: Path) -> None:
    for name in ("submit", "local", "python"):
        (tmp_path / name).symlink_to(JOBS / name)
    assert call(tmp_path / "submit", sweep, "--tasks", "2", "--dry-run", env={"WEIGHTSWEEP": PROGRAM}).code == 0
    assert call(tmp_path / "local", "--help").code == 0
    assert call(tmp_path / "python", "-c", "import weightsweep").code == 0


def checkout(folder: Path) -> Path:
    """The scripts in another checkout, with a program that is a script."""
    shutil.copytree(JOBS, folder / "jobs")
    (folder / "src").mkdir()
    for path in (folder / "src" / "main.c", folder / "CMakeLists.txt"):
        path.touch()
    program = folder / "build" / "release" / "weightsweep"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return folder


def test_colon_in_the_path(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "a:b")
    (folder / "analysis").mkdir()
    for command in ([folder / "jobs" / "local", "x.yaml"], [folder / "jobs" / "python", "-c", "1"]):
        result = call(*command)
        assert result.code == 2 and result.says("a:b", "contains ':'")


@pytest.mark.skipif(not own_mounts(), reason="mounts need root")
def test_checkout_is_read_only(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout")
    text = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && . "$1/jobs/common.sh" && build_program && echo "is current"'
    command = ["unshare", "--mount", "bash", "-euc", text, "bash", folder]
    assert call(*command, env={"WEIGHTSWEEP": ""}).out == "is current\n"
    os.utime(folder / "src" / "main.c", (2**31, 2**31))
    result = call(*command, env={"WEIGHTSWEEP": ""})
    assert result.code == 2 and result.says("older than its source", "not writable")


def test_names_in_latin_1(sweep: Path, tmp_path: Path) -> None:
    other = sweep.rename(tmp_path / os.fsdecode(b"caf\xe9.yaml"))
    results = tmp_path / os.fsdecode(b"caf\xe9.h5")
    assert subprocess.run([JOBS / "local", other, "-n", "1", "-o", results], env=os.environ | {"WEIGHTSWEEP": PROGRAM}, capture_output=True).returncode == 0
    assert status(results)["done"] == 1
    submitted = subprocess.run([JOBS / "submit", other, "--tasks", "2", "--dry-run"], env=os.environ | {"WEIGHTSWEEP": PROGRAM}, capture_output=True)
    assert submitted.returncode == 0
    words = subprocess.run(["bash", "-c", submitted.stdout.split(b"\n")[-3] + b'; printf %s "$1"'], capture_output=True).stdout
    assert words == os.fsencode(other)


# ---- limits ----


@pytest.mark.parametrize(
    ("membership", "files", "quotas"),
    [
        ("0::/", {"cpu.max": "150000 100000"}, ["150000 100000"]),
        ("0::/job/step", {"job/cpu.max": "200000 100000", "job/step/cpu.max": "max 100000"}, ["max 100000", "200000 100000"]),
        ("4:memory:/other\n3:cpu,cpuacct:/job", {"cpu/job/cpu.cfs_quota_us": "300000", "cpu/job/cpu.cfs_period_us": "100000"}, ["300000 100000"]),
        ("1:cpu:/not/mounted/here", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, ["-1 100000"]),
        ("2:cpuset:/", {"cpu.shares": "4"}, []),
    ],
)
def test_quotas_of_control_groups(tmp_path: Path, membership: str, files: dict[str, str], quotas: list[str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    (tmp_path / "membership").write_text(membership + "\n")
    assert shell('cpu_quotas "$1" "$2"', tmp_path / "membership", tmp_path).splitlines() == quotas


@pytest.mark.parametrize(("quotas", "cores"), [("max 100000", "8"), ("-1 100000", "8"), ("150000 100000", "2"), ("400000 100000\\n100000 100000", "1")])
def test_cores_within_the_quotas(quotas: str, cores: str) -> None:
    machine = f"nproc() {{ echo 8; }}; lscpu() {{ seq -f %g,0 8; }}; cpu_quotas() {{ printf '{quotas}\\n'; }}"
    assert shell(f"{machine}; core_count") == cores + "\n"


# ---- messages and launchers ----


def test_interruption_is_announced_once(sweep: Path, tmp_path: Path) -> None:
    results = tmp_path / "long.h5"
    with Job(JOBS / "local", write_sweep(sweep, training=LONG), "-n", "2", "-o", results, env={"WEIGHTSWEEP": PROGRAM}) as job:
        wait_for_training(results, job)
        job.process.send_signal(signal.SIGINT)
        result = job.wait()
    assert result.code == 75
    assert result.err.count("saved in") == 1 and result.err.count("To continue: ") == 1


@pytest.mark.parametrize(
    ("version", "quiet"),
    [
        ("mpirun (Open MPI) 4.1.4", True),
        ("mpiexec (OpenRTE) 4.1.4", True),
        ("mpirun (Open MPI) 5.0.7", False),
        ("HYDRA build details:\n    Version:                                 4.0.2", False),
        ("Intel(R) MPI Library for Linux* OS, Version 2021.10 Build 20230619", False),
    ],
)
def test_launcher_is_recognised(tmp_path: Path, version: str, quiet: bool) -> None:
    launcher = tmp_path / "mpirun"
    launcher.write_text(f"#!{sys.executable}\nimport sys\nprint({version!r} if sys.argv[1:] == ['--version'] else sys.argv[1:])\n")
    launcher.chmod(0o755)
    result = call(JOBS / "mpirun", "-n", "3", "program", "-x", env={"MPIRUN": str(launcher)})
    assert result.out == f"{['-q'] * quiet + ['-n', '3', 'program', '-x']}\n"


def test_more_ranks_than_cores() -> None:
    result = call(JOBS / "mpirun", "-n", str(2 * (os.cpu_count() or 1) + 1), "sh", "-c", "echo here")
    assert result.code == 0, result.err
    assert result.out.split() == ["here"] * (2 * (os.cpu_count() or 1) + 1)


def test_local_launcher_refuses_a_small_limit_of_file_sizes() -> None:
    """Open MPI would hang, and its daemons take all memory."""
    for limit, code in ((4095, 4), (4096, 0)):
        result = call("bash", "-c", f'ulimit -f {limit}; exec "$0" -n 1 true', HOME / "jobs" / "mpirun")
        assert result.code == code, result
        assert code == 0 or result.says(f"at most {limit} kB", "ulimit -f", "run the same command again"), result
