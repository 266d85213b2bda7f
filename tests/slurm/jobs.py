"""Shared by the tests under a real SLURM: the cluster, sweeps of a known length, jobs and their results."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness import HOME, PROGRAM, Result, call, checkpoint, differences, promised_bits, run, status, wait_until, weightsweep, write_sweep

TIMEOUT = 240  # seconds until a wait counts as a hang; the cores may be busy
ACTIVE = ("", "PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED", "PREEMPTED", "NODE_FAIL")  # "": SLURM does not respond yet
NETWORK = {"encoder": [64, 64], "decoder": [64]}
# No shared runs either: ranks that wait for each other at each step take many times as long where others use the cores, too.
OFTEN = ("--checkpoint-every", "0.5", "--group", "1")


@dataclass
class Slurm:
    """The cluster, in a folder of its own."""

    folder: Path
    hurried: set[tuple[str, str]] = field(default_factory=set)  # job and round

    def control(self, action: str, *words: str) -> None:
        subprocess.run([HOME / "tests" / "slurm" / "cluster", action, self.folder, *words], check=True)

    def field(self, job: str, name: str) -> str:
        for word in call("scontrol", "show", "job", "-o", job).out.split():
            if word.startswith(name + "="):
                return word.partition("=")[2]
        return ""

    def state(self, job: str) -> str:
        """Its state. Of the two minutes that SLURM puts before a requeued job's next round, three seconds are left: what the nodes
        need to forget that the job was ended."""
        state = self.field(job, "JobState")
        if state == "PENDING" and self.field(job, "Reason") == "BeginTime":
            this_round = job, self.field(job, "Restarts")
            if this_round not in self.hurried:
                self.hurried.add(this_round)
                call("scontrol", "update", f"job={job}", "StartTime=now+3")
        return state

    def end(self, job: str) -> str:
        """Waits until it has ended for good: COMPLETED, FAILED, CANCELLED."""
        end = time.monotonic() + TIMEOUT
        while (state := self.state(job)) in ACTIVE:
            assert time.monotonic() < end, f"job {job} is still {state}: {call('scontrol', 'show', 'job', job).out}"
            time.sleep(0.2)
        return state


@dataclass
class Work:
    """A sweep file and its results file, in a folder of their own; jobs/submit is called there."""

    slurm: Slurm
    folder: Path
    steps: int = 30
    name: str = "sweep"
    settings: str = ""
    yaml: Path = field(init=False)
    results: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.yaml = write_sweep(self.folder / f"{self.name}.yaml", **sweep_of(self.steps))
        self.results = self.folder / "results" / f"{self.name}.h5"

    def call(self, script: str, *words: str | Path) -> Result:
        own = self.folder / "settings"
        own.write_text(self.settings)
        return call(HOME / "jobs" / script, *words, env={"WEIGHTSWEEP_SETTINGS": str(own)}, cwd=self.folder)

    def submit(self, *options: str, run: tuple[str, ...] = OFTEN) -> str:
        result = self.call("submit", self.yaml, "--tasks", "2", *options, "--", *run)
        assert result.code == 0, result.err
        return result.out.strip()

    def log(self, job: str) -> str:
        path = self.folder / "results" / f"{self.name}-{job}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def rounds(self, job: str) -> int:
        return self.log(job).count(", round ")

    def wait_for_training(self, job: str) -> None:
        """Until there are newer checkpoints than now."""

        def newest() -> int:
            return sum(checkpoint(self.results, each["run_id"])[0] for each in status(self.results)["runs"]) if self.results.exists() else 0

        def trained() -> bool:
            assert self.slurm.state(job) in ACTIVE, self.log(job)
            return newest() > before

        before = newest()
        self.wait_until(trained, "a checkpoint", job)

    def wait_for(self, words: str, job: str, count: int = 1) -> None:
        """Until the job's log has them so often."""

        def said() -> bool:
            assert self.slurm.state(job) in ACTIVE or self.log(job).count(words) >= count, self.log(job)
            return self.log(job).count(words) >= count

        self.wait_until(said, f"'{words}' ({count})", job)

    def wait_until(self, condition: Callable[[], bool], what: str, job: str) -> None:
        try:
            wait_until(condition, what, TIMEOUT)
        except AssertionError as failure:
            raise AssertionError(f"{failure}; job {job}:\n{self.log(job)}") from None

    def ranks(self) -> list[int]:
        """The processes that train this sweep, in whatever job."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            except OSError:
                continue  # gone by now
            if words[:2] == [PROGRAM.encode(), b"run"] and str(self.results).encode() in words:
                found.append(int(entry.name))
        return sorted(found)

    def check_done(self, job: str, undisturbed: Path) -> None:
        """Ended well, with the bits of an undisturbed run, drawn, and with a file that passes `verify`."""
        state = self.slurm.end(job)
        assert state == "COMPLETED", f"{state}\n{self.log(job)}"
        assert weightsweep("verify", self.results).code == 0
        assert differences(promised_bits(self.results), promised_bits(undisturbed)) == []
        assert self.results.with_name(f"{self.name}-loss.png").exists(), self.log(job)


def sweep_of(steps: int) -> dict:
    return {"training": {"steps": steps}, "network": NETWORK, "evaluation": {"every": -(-steps // 5)}, "axes": {"seed": [1, 2]}}


@dataclass
class Undisturbed:
    steps: int
    results: Path


def undisturbed(folder: Path, seconds: float) -> Undisturbed:
    """A sweep that takes one rank so long, trained without SLURM."""
    trial = write_sweep(folder / "trial.yaml", **sweep_of(2000))
    begin = time.monotonic()
    assert run(1, trial, folder / "trial.h5", "--quiet").code == 0
    steps = int(2000 * seconds / (time.monotonic() - begin))
    sweep = write_sweep(folder / "undisturbed.yaml", **sweep_of(steps))
    assert run(2, sweep, folder / "undisturbed.h5", "--quiet").code == 0
    return Undisturbed(steps, folder / "undisturbed.h5")
