"""jobs/submit under a real SLURM: a job continues until its sweep is done or makes no progress."""

import re
import signal
import time
from pathlib import Path

import pytest
from harness import HOME, PROGRAM, call, differences, promised_bits, send, status, wait_until, weightsweep
from jobs import OFTEN, TIMEOUT, Slurm, Undisturbed, Work


def give_usr1(job: str) -> None:
    """Sends the signal that SLURM sends to the batch script before the time limit."""
    call("scancel", "--signal=USR1", "--batch", job)


def test_time_limit(slurm: Slurm, work: Work, some_seconds: Undisturbed) -> None:
    """The limit of a minute, SLURM's signal, 75, the next round, until all is done."""
    work = Work(slurm, work.folder, some_seconds.steps, settings="lead=20\ntime=1\n")
    job = work.submit()
    work.wait_for_training(job)
    ranks = work.ranks()
    for rank in ranks:  # too slow a machine to be done in time
        send(rank, signal.SIGSTOP)
    work.wait_for("The time limit is near: saving.", job)
    for rank in ranks:
        send(rank, signal.SIGCONT)
    work.check_done(job, some_seconds.results)
    assert work.rounds(job) == 2
    for words in ("interrupted; all is saved", "Continuing in a new round"):
        assert words in work.log(job)


@pytest.mark.parametrize("launcher", ["mpirun", "srun --mpi=pmix"])
def test_saved_and_requeued(slurm: Slurm, work: Work, some_seconds: Undisturbed, launcher: str) -> None:
    """Three rounds on two nodes. A second job for the same results file waits until the first has ended for good."""
    work = Work(slurm, work.folder, some_seconds.steps, settings=f"launcher='{launcher}'\n")
    job = work.submit("--nodes", "2")
    other = work.submit("--nodes", "2")
    for number in (1, 2):
        work.wait_for(f", round {number}, ", job)
        work.wait_for_training(job)
        give_usr1(job)
        work.wait_for("Continuing in a new round", job, number)
        assert slurm.state(other) == "PENDING"
    work.check_done(job, some_seconds.results)
    assert work.rounds(job) == 3
    assert slurm.end(other) == "COMPLETED"
    assert work.rounds(other) == 1


def test_invalid_sweep_is_refused_before_submission(work: Work) -> None:
    work.yaml.write_text(work.yaml.read_text().replace("steps", "stepz"))
    begin = time.monotonic()
    result = work.call("submit", work.yaml, "--tasks", "2")
    assert result.code == 2
    assert time.monotonic() - begin < 1
    assert result.says("stepz", "did you mean `steps`?")
    assert call("squeue", "--noheader").out == ""
    assert not work.results.parent.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tasks", "two"], "tasks"),
        (["--nodes", "2;id"], "nodes"),
        (["--time", "soon"], "time"),
        (["--partition", "a b"], "partition"),
        (["--after", "x"], "after"),
        (["--partion", "debug"], "--partion"),
        (["--time"], "--time"),
        (["--time", "0:00:10"], "lead"),
        (["-o", "/tmp"], "is a folder"),
        (["--", "--bogus"], "unknown option of"),
        (["--", "-o", "other.h5"], "name the results file before it"),
    ],
)
def test_bad_options(work: Work, options: list[str], words: str) -> None:
    result = work.call("submit", work.yaml, *options)
    assert (result.code, result.out) == (2, "")
    assert result.says(words)


def test_settings(work: Work) -> None:
    """The user's own come after those of jobs/, the command line after both; --dry-run prints what would be submitted."""
    work.settings = "partition=urgent\ntime=9\nlead=77\nlauncher='srun --mpi=pmix'\nmodules='gcc openmpi/4.1'\nprepare='echo ready'\noptions='--comment=mine --nice'\n"
    script = work.call("submit", work.yaml, "--time", "0:30:00", "--dry-run", "--", "--set", "batch=64").out
    lines = script.splitlines()
    assert lines[0] == "#!/bin/bash -l"
    for line in ("--partition=urgent", "--time=0:30:00", "--signal=B:USR1@77", "--comment=mine", "--nice", "--nodes=1", "--ntasks=4", "--dependency=singleton"):
        assert f"#SBATCH {line}" in lines
    assert lines.index("module load gcc openmpi/4.1") + 1 == lines.index("echo ready")
    assert "srun\\ --kill-on-bad-exit=1\\ --mpi=pmix" in script
    assert f"set -- {work.yaml} -o {work.results} -- --set batch=64" in lines
    assert call("squeue", "--noheader").out == ""
    work.settings = "launcher='sh -c id'\n"
    assert work.call("submit", work.yaml).says("launcher", "sh -c id")
    work.settings = "SPACK=/opt/spack\npartion=long\n"
    assert work.call("submit", work.yaml).says("unknown setting 'partion'", "partition")


def test_names_with_spaces_and_special_characters(slurm: Slurm, tmp_path: Path, work: Work) -> None:
    """Nothing of a name is ever run or lost."""
    work = Work(slurm, tmp_path / "a folder, 100% mine", name="it's $(touch oops); `touch oops` & more")
    work.yaml.write_text(work.yaml.read_text().replace("name: tiny", 'name: "$(touch oops) && `touch oops`"'))
    job = work.submit()
    assert slurm.end(job) == "COMPLETED"
    assert status(work.results)["done"] == 2
    assert not list(tmp_path.rglob("oops"))
    assert re.fullmatch(r"it-s-[a-z-]+-more-[0-9a-f]{6}", slurm.field(job, "JobName"))


def test_chain(slurm: Slurm, work: Work, some_seconds: Undisturbed) -> None:
    """--chain: each job starts after the previous one has ended with 0, not when it was requeued."""
    sweeps = [Work(slurm, work.folder, steps, name=name) for steps, name in ((some_seconds.steps, "first"), (30, "second"), (30, "third"))]
    result = work.call("submit", *(each.yaml for each in sweeps), "--chain", "--tasks", "2", "--", *OFTEN)
    jobs = result.out.split()
    assert len(jobs) == 3, result.err
    sweeps[0].wait_for_training(jobs[0])
    give_usr1(jobs[0])
    sweeps[0].wait_for(", round 2, ", jobs[0])
    assert [slurm.field(job, "JobState") for job in jobs[1:]] == ["PENDING", "PENDING"]
    assert [slurm.end(job) for job in jobs] == ["COMPLETED"] * 3
    begins = [slurm.field(job, "StartTime") for job in jobs]
    ends = [slurm.field(job, "EndTime") for job in jobs]
    assert ends[0] <= begins[1] and ends[1] <= begins[2]


def test_after_a_job_that_fails(slurm: Slurm, work: Work) -> None:
    """It is never started, and leaves the queue."""
    failing = work.call("submit", work.yaml, "-o", "text.yaml", "--tasks", "2")
    (work.folder / "text.yaml").write_text("no results")
    job = work.submit("--after", failing.out.strip())
    assert slurm.end(failing.out.strip()) == "FAILED"
    assert slurm.end(job) == "CANCELLED"
    assert not work.results.exists()


def test_array_of_three(slurm: Slurm, work: Work, some_seconds: Undisturbed) -> None:
    """Side by side, each with rounds of its own."""
    sweeps = [Work(slurm, work.folder, some_seconds.steps, name=name) for name in ("one", "two", "three")]
    result = work.call("submit", *(each.yaml for each in sweeps), "--tasks", "2", "--", *OFTEN)
    assert result.code == 0, result.err
    tasks = [f"{result.out.strip()}_{index}" for index in range(3)]
    name = "one-and-2-more"
    logs = [work.folder / "results" / f"{name}-{task}.log" for task in tasks]
    wait_until(lambda: all(each.results.exists() and status(each.results)["running"] > 0 for each in sweeps), "three sweeps at once", TIMEOUT)
    sweeps[2].wait_for_training(tasks[2])  # the one whose number is also the array's
    give_usr1(tasks[2])
    assert [slurm.end(task) for task in tasks] == ["COMPLETED"] * 3
    assert [log.read_text().count(", round ") for log in logs] == [1, 1, 2]
    for each in sweeps:
        assert differences(promised_bits(each.results), promised_bits(some_seconds.results)) == []


def test_no_progress_ends_the_job(slurm: Slurm, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that always fails is not started for ever."""
    broken = work.folder / "broken"
    broken.write_text(f'#!/bin/bash\n[ "$1" != run ] || exit 4\nexec "{PROGRAM}" "$@"\n')
    broken.chmod(0o755)
    monkeypatch.setenv("WEIGHTSWEEP", str(broken))
    job = work.submit()
    assert slurm.end(job) == "FAILED"
    assert slurm.field(job, "ExitCode") == "4:0"
    assert work.rounds(job) == 1
    assert "This round made no progress" in work.log(job)


def test_diverged_runs(slurm: Slurm, work: Work) -> None:
    """5: done, drawn, and not tried again by itself."""
    job = work.submit(run=("--set", "learning_rate=100"))
    assert slurm.end(job) == "FAILED"
    assert slurm.field(job, "ExitCode") == "5:0"
    assert work.rounds(job) == 1
    assert "--retry" in work.log(job)


def test_sweep_sbatch_by_hand(slurm: Slurm, work: Work) -> None:
    """jobs/sweep.sbatch with options of one's own, from a folder with a space in its path."""
    copy = work.folder / "my copy"
    (copy / "jobs").mkdir(parents=True)
    for path in (HOME / "jobs").iterdir():
        (copy / "jobs" / path.name).symlink_to(path)
    (copy / "analysis").symlink_to(HOME / "analysis")
    result = call("sbatch", "--parsable", "--ntasks", "2", copy / "jobs" / "sweep.sbatch", work.yaml, "-o", work.results, cwd=work.folder, env={"WEIGHTSWEEP": PROGRAM})
    job = result.out.strip()
    assert slurm.end(job) == "COMPLETED", result.err
    assert weightsweep("verify", work.results).code == 0
    assert work.results.with_name("sweep-loss.png").exists()


def test_scripts_are_clean() -> None:
    scripts = [path for path in (HOME / "jobs").iterdir() if path.name != "README.md"] + [HOME / "tests" / "slurm" / "cluster", HOME / "tests" / "run"]
    result = call("shellcheck", "-x", *scripts, cwd=HOME)
    assert result.code == 0, result.out
