"""jobs/submit under a real SLURM after the loss of a rank, a node, or the whole job."""

import signal
import time

import pytest
from harness import call, send, wait_until, weightsweep
from jobs import TIMEOUT, Slurm, Undisturbed, Work

LAUNCHERS = pytest.mark.parametrize("launcher", ["mpirun", "srun --mpi=pmix"])


@LAUNCHERS
def test_a_killed_rank(slurm: Slurm, work: Work, some_seconds: Undisturbed, launcher: str) -> None:
    """The others, on other nodes too, end within seconds; the log says what happened; the next round goes on."""
    work = Work(slurm, work.folder, some_seconds.steps, settings=f"launcher='{launcher}'\n")
    job = work.submit("--nodes", "2", "--tasks", "3")
    work.wait_for_training(job)
    ranks = work.ranks()
    assert len(ranks) == 3
    send(ranks[-1], signal.SIGKILL)
    begin = time.monotonic()
    work.wait_for("Continuing in a new round", job)
    assert time.monotonic() - begin < 20
    for words in ("137: a rank was killed", "holds all up to the last checkpoints", f"The output of {launcher.split()[0]} above"):
        assert words in work.log(job)
    named = ("on node node", "exited on signal 9") if launcher == "mpirun" else ("srun: error: node", "Killed")
    assert all(words in work.log(job) for words in named), work.log(job)
    work.check_done(job, some_seconds.results)
    assert work.rounds(job) == 2


@LAUNCHERS
def test_scancel(slurm: Slurm, work: Work, some_seconds: Undisturbed, launcher: str) -> None:
    """Stays cancelled; the same command continues the sweep, with other ranks."""
    work = Work(slurm, work.folder, some_seconds.steps, settings=f"launcher='{launcher}'\n")
    job = work.submit("--nodes", "2")
    work.wait_for_training(job)
    call("scancel", job)
    assert slurm.end(job) == "CANCELLED"
    wait_until(lambda: not work.ranks(), "the end of the ranks", 20)
    assert weightsweep("verify", work.results).code == 0
    time.sleep(3)
    assert slurm.field(job, "JobState") == "CANCELLED"
    work.check_done(work.submit("--tasks", "3"), some_seconds.results)


@LAUNCHERS
def test_preemption(slurm: Slurm, work: Work, some_seconds: Undisturbed, launcher: str) -> None:
    """SLURM takes the nodes for a more urgent job and puts ours back into the queue; then it goes on."""
    work = Work(slurm, work.folder, some_seconds.steps, settings=f"launcher='{launcher}'\n")
    job = work.submit("--nodes", "2")
    work.wait_for_training(job)
    urgent = call("sbatch", "--parsable", "--partition=urgent", "--nodes=3", "--exclusive", "--output=/dev/null", "--wrap=sleep 2").out.strip()
    wait_until(lambda: slurm.field(job, "Restarts") == "1", "SLURM to requeue it", TIMEOUT)
    wait_until(lambda: not work.ranks(), "the end of the ranks", 20)
    assert weightsweep("verify", work.results).code == 0
    assert slurm.end(urgent) == "COMPLETED"
    work.check_done(job, some_seconds.results)
    assert work.rounds(job) == 2


@pytest.mark.parametrize("lost", ["node1", "node3"], ids=["of the batch script", "of ranks alone"])
def test_a_lost_node(slurm: Slurm, work: Work, some_seconds: Undisturbed, lost: str) -> None:
    """Three nodes, of which one dies with whatever runs on it; the job goes on with the two that are left."""
    work = Work(slurm, work.folder, some_seconds.steps)
    job = work.submit("--nodes", "2-3", "--tasks", "3")
    work.wait_for_training(job)
    assert slurm.field(job, "NodeList") == "node[1-3]"
    try:
        slurm.control("kill-node", lost)
        work.wait_for(", round 2, ", job)
        assert slurm.field(job, "NodeList") in ("node[1-2]", "node[2-3]")
        work.check_done(job, some_seconds.results)
        assert work.rounds(job) == 2
    finally:
        slurm.control("start-node", lost)
        wait_until(lambda: call("sinfo", "--noheader", "--partition=debug", "--format=%t").out.split() == ["idle"], "three nodes", TIMEOUT)
