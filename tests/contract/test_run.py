"""`run`: options, continuation, interruption, exit codes."""

import hashlib
import json
import os
import re
import resource
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Sweep
from harness import (
    DIVERGED,
    DONE,
    FAILED,
    HOME,
    HYDRA,
    LONG,
    PENDING,
    PROGRAM,
    SANITIZED,
    VERSION,
    Job,
    call,
    checkpoint,
    columns,
    differences,
    plan,
    promised_bits,
    run,
    send,
    start,
    status,
    wait_for_training,
    wait_until,
    weightsweep,
    write_sweep,
)

SOME = {"steps": 60_000}  # a few seconds


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- options ----


def test_standard_output_is_empty(finished: Sweep, tmp_path: Path) -> None:
    result = run(2, finished.yaml, tmp_path / "x.h5")
    assert result.code == 0 and not result.out and "4 of 4 runs" in result.err
    assert differences(promised_bits(finished.results), promised_bits(tmp_path / "x.h5")) == []


def test_error_is_reported_once_and_nothing_starts(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "bad.yaml", training={"steps": 0}), tmp_path / "x.h5"
    result = run(3, sweep, results)
    assert result.code == 2 and not result.out and result.err.count("bad.yaml:5: training.steps: ") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]
    result = run(3, sweep, results, "--set", "steps=5", "--set", "stps=5")
    assert result.code == 2 and result.err.count("--set stps: ") == 1


def test_without_mpirun(finished: Sweep, tmp_path: Path) -> None:
    assert weightsweep("run", finished.yaml, "-o", tmp_path / "x.h5", "--quiet").code == 0
    assert differences(promised_bits(finished.results), promised_bits(tmp_path / "x.h5")) == []


def test_one_rank_on_several_cores(finished: Sweep, tmp_path: Path) -> None:
    """Without mpirun the program says how to use them; with it the number of ranks was chosen."""
    cores = len(os.sched_getaffinity(0))
    note = f"note: 1 rank on {cores} cores: mpirun -n {cores} weightsweep run"
    alone = weightsweep("run", finished.yaml, "-o", tmp_path / "a.h5")
    assert alone.code == 0 and ("note: 1 rank on" in alone.err) == (cores > 1) and (cores != 2 or note in alone.err)
    assert "1 rank on" not in weightsweep("run", finished.yaml, "-o", tmp_path / "a.h5").err, "nothing is left to do"
    assert "1 rank on" not in weightsweep("run", finished.yaml, "-o", tmp_path / "b.h5", "--quiet").err
    assert "1 rank on" not in run(1, finished.yaml, tmp_path / "c.h5").err
    one = weightsweep("run", finished.yaml, "-o", tmp_path / "d.h5", preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}))
    assert one.code == 0 and "1 rank on" not in one.err


def test_set(finished: Sweep, tmp_path: Path) -> None:
    results, sets = tmp_path / "x.h5", ["--set", "unknowns=6", "--set", "steps=[3, 7]"]
    assert run(1, finished.yaml, results, "--quiet", *sets).code == 0
    file = columns(results)
    assert file["run_id"] == [each["run_id"] for each in plan(finished.yaml, *sets)["runs"]]
    assert list(file["steps_done"]) == [3, 7, 3, 7] and list(file["unknowns"]) == [6] * 4
    assert run(2, finished.yaml, results, "--quiet", *sets).code == 0, "the same settings continue it"
    refused = run(2, finished.yaml, results, "--quiet")
    assert refused.code == 3 and refused.says("x.h5", "another sweep", "-o")


def test_only(finished: Sweep, tmp_path: Path) -> None:
    results, ids = tmp_path / "x.h5", columns(finished.results)["run_id"]
    assert run(2, finished.yaml, results, "--quiet", "--only", f"{ids[2]},{ids[0]}").code == 0
    assert [each["status"] for each in status(results)["runs"]] == ["done", "pending", "done", "pending"]
    unknown = run(2, finished.yaml, results, "--quiet", "--only", f"{ids[1]},a123456789ab")
    assert unknown.code == 2 and unknown.says("--only", "a123456789ab")
    assert run(2, finished.yaml, results, "--quiet").code == 0
    assert differences(promised_bits(finished.results), promised_bits(results)) == []


@pytest.mark.parametrize(
    ("only", "chosen"),
    [
        (["unknowns=6"], [0, 1]),
        (["unknowns=6,equation_ratio=2.0"], [1]),
        (["unknowns=6,equation_ratio=2", "unknowns=15,training.steps=30"], [1, 2, 3]),
        (["steps=3e1,encoder=[16,24],network.decoder=[16]"], [0, 1, 2, 3]),
        (["unknowns = 6 , encoder = [16, 24], equations= 12"], [1]),
        (["ID[2]", "equations=12"], [1, 2]),
        (["START[3]"], [3]),
    ],
)
def test_only_by_conditions(finished: Sweep, tmp_path: Path, only: list[str], chosen: list[int]) -> None:
    file, results = columns(finished.results), tmp_path / "x.h5"
    ids = file["run_id"]
    options = []
    for form in only:
        form = ids[int(form[3])] if form.startswith("ID") else ids[int(form[6])][:8] if form.startswith("START") else form
        options += ["--only", form]
    assert run(1, finished.yaml, results, "--quiet", *options).code == 0
    assert [number for number, each in enumerate(status(results)["runs"]) if each["status"] == "done"] == chosen


@pytest.mark.parametrize(
    ("only", "words"),
    [
        ("unknowns=7", ["--only unknowns=7", "expected 6, 15"]),
        ("unknown=6", ["`unknown`", "did you mean `unknowns`?"]),
        ("unknowns=6,equations=45", ["no run has"]),
        ("encoder=[16]", ["expected [16,24]"]),
        ("pooling=", ["pooling=", "expected mean"]),
        ("unknowns=6,a1", ["`a1` is not a condition", "KEY=VALUE"]),
        ("", ["no run ``"]),
        ("best", ["no run `best`"]),
    ],
)
def test_only_what_selects_nothing(finished: Sweep, tmp_path: Path, only: str, words: list[str]) -> None:
    result = run(1, finished.yaml, tmp_path / "x.h5", "--quiet", "--only", only)
    assert result.code == 2 and result.says(*words) and not (tmp_path / "x.h5").exists(), result.err


@pytest.mark.parametrize(
    ("ranks", "group", "shared_by"),
    [(2, "1", 1), (2, "2", 2), (4, "4", 4), (1, "auto", 1), (2, "auto", 2), (3, "auto", 2), (4, "auto", 4), (2, "4", 2)],
)
def test_group(tmp_path: Path, ranks: int, group: str, shared_by: int) -> None:
    """One run: all the ranks that may share it do. More ranks in a group than there are: as many as there are."""
    worth_sharing = {"network": {"encoder": [128, 256], "decoder": [64]}, "training": {"batch": 256, "steps": 10}}
    sweep, results = write_sweep(tmp_path / "one.yaml", **worth_sharing), tmp_path / "one.h5"
    assert run(ranks, sweep, results, "--quiet", "--group", group).code == 0
    file = columns(results)
    assert file["rank_seconds"][0] == pytest.approx(shared_by * file["wall_seconds"][0])


def test_more_ranks_than_shards(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "one.yaml", training={"shards": 2}), tmp_path / "one.h5"
    result = run(5, sweep, results)
    assert result.code == 0 and result.says("5 ranks", "idle")


def test_progress(finished: Sweep, tmp_path: Path) -> None:
    run_id = columns(finished.results)["run_id"][0]
    found = {}
    for kind in ("auto", "live", "lines", "none"):
        result = run(2, finished.yaml, tmp_path / f"{kind}.h5", "--progress", kind)
        assert result.code == 0 and not result.out
        found[kind] = result.err
    assert not found["none"]
    assert "\033[" in found["live"] and "[####" in found["live"]
    for kind in ("auto", "lines"):  # a rank cannot see the terminal
        assert "\033" not in found[kind] and "\r" not in found[kind] and run_id in found[kind]
        assert "100 %" in found[kind].splitlines()[-1]


def test_checkpoint_every(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "long.yaml", training=LONG)
    (run_id,) = (each["run_id"] for each in plan(sweep)["runs"])
    often, seldom = tmp_path / "often.h5", tmp_path / "seldom.h5"
    for results, more in ((often, ["--checkpoint-every", "0.1"]), (seldom, [])):
        with start(1, sweep, results, "--quiet", *more) as job:
            wait_for_training(results, job)
            time.sleep(1)
    assert checkpoint(often, run_id)[0] >= 3 and checkpoint(often, run_id)[1] > 0
    assert checkpoint(seldom, run_id) == (0, 0), "the default is 60 s"
    before = checkpoint(often, run_id)
    with start(1, sweep, often, "--quiet", "--checkpoint-every", "0.1") as job:  # goes on from there
        wait_until(lambda: checkpoint(often, run_id) > before, "a checkpoint of the second job")
        send(*job.ranks(1), signal.SIGTERM)
        assert job.wait().code == 75
    assert checkpoint(often, run_id)[1] == columns(often)["steps_done"][0] > 0


# ---- continuing ----


def test_finished_file_is_not_changed(finished: Sweep, tmp_path: Path) -> None:
    before = digest(finished.results)
    for ranks in (1, 3):
        assert run(ranks, finished.yaml, finished.results).code == 0
    assert digest(finished.results) == before
    assert not finished.results.with_name("four.h5.lock").exists()


def test_repeated_time_limits(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "some.yaml", training=SOME, axes={"seed": [1, 2]}, evaluation={"every": 500})
    results, undisturbed = tmp_path / "some.h5", tmp_path / "undisturbed.h5"
    assert run(2, sweep, undisturbed, "--quiet").code == 0
    for ranks in (2, 1, 3):
        result = run(ranks, sweep, results, "--time-limit", "0.5", "--quiet")
        assert result.code == 75 and result.says("some.h5", "run the same command again")
        assert weightsweep("verify", results).code == 0
        assert status(results)["running"] == 0
    assert run(2, sweep, results, "--quiet").code == 0
    assert differences(promised_bits(undisturbed), promised_bits(results)) == []


def test_the_end_of_a_slurm_job(long: Path, tmp_path: Path) -> None:
    """Saved and gone before it, however much time --time-limit would leave; an end that has passed was put off."""
    results, end = tmp_path / "x.h5", int(time.time()) + 25
    result = run(2, long, results, "--quiet", "--time-limit", "1000", env={"SLURM_JOB_END_TIME": str(end)})
    spare = end - time.time()
    print(f"gone {spare:.2f} s before the end")
    assert result.code == 75 and result.says("interrupted", "run the same command again")
    assert 0 < spare < 8
    assert weightsweep("verify", results).code == 0 and columns(results)["steps_done"].min() > 0
    begun = time.monotonic()
    assert run(2, long, results, "--quiet", "--time-limit", "2", env={"SLURM_JOB_END_TIME": str(end - 60)}).code == 75
    assert time.monotonic() - begun > 1


def test_stopped_during_extra_evaluations(tmp_path: Path) -> None:
    """All steps are done and kept; what was dropped is computed again, to the same bits."""
    sweep = write_sweep(tmp_path / "fits.yaml", evaluation={"direct_fit": 600, "fit_starts": 32, "fit_iterations": 200})
    results, undisturbed = tmp_path / "fits.h5", tmp_path / "undisturbed.h5"
    (run_id,) = (each["run_id"] for each in plan(sweep)["runs"])
    with start(2, sweep, results, "--quiet") as job:
        wait_until(lambda: results.exists() and checkpoint(results, run_id)[1] == 30, "the last step")
        send(job.process.pid, signal.SIGUSR1)
        stopped = job.wait()
        assert stopped.code == 75 and stopped.says("1 run stopped in the final evaluation: the training is saved", "predicted time")
    assert weightsweep("verify", results).code == 0
    assert list(columns(results)["steps_done"]) == [30] and status(results)["pending"] == 1
    assert status(results)["fraction"] < 0.5, "the fits take longer than 30 steps"
    left = json.loads(weightsweep("plan", sweep, "--extend", results, "--format", "json", "--ranks", "1").out)["totals"]
    assert (left["runs"], left["steps"]) == (1, 0) and left["flops"] > 0 and left["ranks"][0]["seconds"] > 0.7, "the final evaluation is left"
    assert run(1, sweep, results, "--quiet").code == 0
    assert run(2, sweep, undisturbed, "--quiet").code == 0
    assert columns(results)["r2_direct_fit"][0] > 0.9
    assert differences(promised_bits(undisturbed), promised_bits(results)) == []


def test_columns_of_regressions_and_fits(tmp_path: Path) -> None:
    """For the sets of r2, noisy sets and other set sizes; more iterations from the predictions are nearer to the pairs."""
    evaluation = {"generators": 64, "noise": [0.1], "set_sizes": [4], "direct_fit": 16, "fit_starts": 3, "refine": [1, 20]}
    sweep, results = write_sweep(tmp_path / "fits.yaml", evaluation=evaluation), tmp_path / "fits.h5"
    assert run(2, sweep, results, "--quiet").code == 0
    found = columns(results)
    for name in ("affine_fit", "quadratic_fit", "direct_fit", "refine_1", "refine_20"):
        for suffix in ("", "_noise_0.1", "_set_size_4"):
            assert np.isfinite(found[f"r2_{name}{suffix}"][0]) and found[f"r2_{name}{suffix}_stderr"][0] > 0, name + suffix
    assert found["r2"][0] < found["r2_refine_20"][0] and found["r2_refine_1"][0] < found["r2_refine_20"][0]
    assert 0.9 < found["r2_direct_fit"][0]
    assert found["r2_direct_fit_set_size_4"][0] < found["r2_direct_fit"][0]


# ---- stopping ----

ONE_RANK = [(0, signal.SIGHUP), (1, signal.SIGHUP), (0, signal.SIGTERM), (1, signal.SIGTERM), (0, signal.SIGINT), (1, signal.SIGINT), (0, signal.SIGUSR1), (1, signal.SIGUSR1)]


def stopped(job: Job, sweep: Path, results: Path, pid: int, number: int) -> Any:
    """Stops a job that trains two long runs; everything must be saved."""
    wait_for_training(results, job)
    time.sleep(0.2)
    send(pid, number)
    sent = time.monotonic()
    result = job.wait(30)
    print(f"{time.monotonic() - sent:.2f} s from {signal.Signals(number).name} to the end")
    job.gone()
    assert weightsweep("verify", results).code == 0
    file, found = columns(results), status(results)
    assert list(file["status"]) == [PENDING] * 2 and found["pending"] == 2 and found["running"] == 0
    for run_id, steps in zip(file["run_id"], file["steps_done"]):
        assert checkpoint(results, run_id)[1] == steps
    assert file["steps_done"].min() > 0
    assert not list(results.parent.glob("*.lock"))
    return result


@pytest.fixture
def long(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "long.yaml", training=LONG, axes={"seed": [1, 2]})


@pytest.mark.parametrize(("rank", "number"), ONE_RANK, ids=str)
def test_a_signal_to_one_rank(long: Path, tmp_path: Path, rank: int, number: int) -> None:
    results = tmp_path / "x.h5"
    with start(2, long, results, "--quiet") as job:
        result = stopped(job, long, results, job.ranks(2)[rank], number)
    assert result.code == 75 and result.says("interrupted", "x.h5", "run the same command again")


def test_hangup_under_nohup(long: Path, tmp_path: Path) -> None:
    with Job("nohup", PROGRAM, "run", long, "-o", tmp_path / "x.h5", "--quiet") as job:
        wait_for_training(tmp_path / "x.h5", job)
        send(job.process.pid, signal.SIGHUP)
        time.sleep(0.5)
        assert job.process.poll() is None, "nohup protects the job"


def test_a_reader_that_ends_does_not_end_the_training(finished: Sweep, tmp_path: Path) -> None:
    """As in `weightsweep run ... 2>&1 | head -1`."""
    results = tmp_path / "x.h5"
    script = '"$0" run "$1" -o "$2" --progress lines 2>&1 | head -c 1; exit ${PIPESTATUS[0]}'
    assert call("bash", "-c", script, PROGRAM, finished.yaml, results).code == 0
    assert differences(promised_bits(finished.results), promised_bits(results)) == []


def test_the_limit_of_file_sizes(tmp_path: Path) -> None:
    """The limit leaves room for what Open MPI keeps in TMPDIR."""
    results, limit = tmp_path / "x.h5", 8 << 20
    sweep = write_sweep(tmp_path / "wide.yaml", training={"steps": 2}, network={"encoder": [512, 1024]}, axes={"seed": [1, 2]})
    assert run(1, sweep, results, "--quiet", "--time-limit", "0.000001").code == 75
    assert results.stat().st_size > limit
    new = tmp_path / "new.h5"
    for path, limit in ((results, limit), (new, limit), (new, results.stat().st_size - 1)):
        small = {"preexec_fn": lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))}
        result = weightsweep("run", sweep, "-o", path, "--quiet", **small)
        assert result.code == 4 and result.says(path.name, "limit of file sizes", "ulimit -f", "run the same command again"), result
    assert not list(tmp_path.glob("new.h5*"))
    assert run(1, sweep, results, "--quiet").code == 0


@pytest.mark.skipif(not re.search(r"\((Open MPI|OpenRTE)\) 4", VERSION), reason="other MPI libraries write files of their own before the program does")
def test_small_limit_of_file_sizes(tmp_path: Path) -> None:
    """Without mpirun Open MPI 4 starts no daemon, which would hang and take all memory."""

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

    result = weightsweep("run", write_sweep(tmp_path / "sweep.yaml"), "-o", tmp_path / "x.h5", "--quiet", preexec_fn=limits)
    assert result.code == 4 and result.says("x.h5", "limit of file sizes", "ulimit -f", "run the same command again"), result
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]


def test_usr1_to_mpirun(long: Path, tmp_path: Path) -> None:
    results = tmp_path / "x.h5"
    with start(2, long, results, "--quiet") as job:
        code = stopped(job, long, results, job.process.pid, signal.SIGUSR1).code
    assert code == 75 or (HYDRA and code == 0)  # Hydra's mpirun sometimes ends with 0 after a signal, whatever it started


def test_local_announces_an_interruption_once(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "long.yaml", training=LONG), tmp_path / "x.h5"
    with Job(HOME / "jobs" / "local", sweep, "-n", "2", "-o", results, env={"WEIGHTSWEEP": PROGRAM}) as job:
        wait_for_training(results, job)
        send(job.process.pid, signal.SIGINT)
        result = job.wait()
    assert result.code == 75 and result.says("To continue: ", "x.h5"), result.err
    assert result.err.lower().count("interrupted") == 1, result.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_term_and_int_to_mpirun(long: Path, tmp_path: Path, number: int) -> None:
    """The code is mpirun's own, 0 with MPICH; what counts is that the ranks save in the two seconds that it leaves them."""
    results = tmp_path / "x.h5"
    with start(2, long, results, "--quiet") as job:
        code = stopped(job, long, results, job.process.pid, number).code
        assert HYDRA or code != 0


def test_status_follows(long: Path, tmp_path: Path) -> None:
    results = tmp_path / "x.h5"
    with start(2, long, results, "--quiet") as job:
        wait_for_training(results, job)
        with Job(PROGRAM, "status", results, "--follow") as follower:
            wait_until(lambda: "2 running" in follower.printed(), "the runs in status --follow")
            assert follower.process.poll() is None
            send(job.process.pid, signal.SIGUSR1)
            job.wait()
            result = follower.wait(10)
    assert result.code == 0 and result.out.rpartition(" runs, ")[2].splitlines()[0].endswith("done: 2 pending")


# ---- runs that do not reach their end ----


@pytest.fixture
def diverging(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "wild.yaml", axes={"learning_rate": [1e-3, 100], "steps": [30, 60]})


def test_a_loss_that_is_not_finite_at_step_0_is_not_the_learning_rate_s(tmp_path: Path) -> None:
    generator = {"inputs": 2, "hidden": [32, 32, 32, 32, 32, 32], "init": "normal"}
    sweep, results = write_sweep(tmp_path / "s.yaml", unknowns=None, generator=generator, training={"noise": 1000, "inputs": "wide", "steps": 2}), tmp_path / "s.h5"
    assert run(1, sweep, results, "--quiet").code == 5
    (message,) = columns(results)["message"]
    assert "the loss of step 0 is not finite" in message and "training.noise" in message and "learning_rate" not in message


def test_diverged_runs(diverging: Path, tmp_path: Path) -> None:
    results = tmp_path / "wild.h5"
    result = run(2, diverging, results, "--quiet")
    assert result.code == 5 and result.says("2 of 4 runs", "--retry")
    file, found = columns(results), status(results)
    wild = file["learning_rate"] == 100
    assert (file["status"][wild] == DIVERGED).all() and found["diverged"] == found["done"] == 2 and found["fraction"] == 1
    for message, diverged in zip(file["message"], wild):
        assert bool(message) == diverged and ("not finite" in message) == diverged
        assert not diverged or re.search(r"(the loss of|R\^2 after) step \d+ is not finite \((-?inf|nan)\)|the gradient of step \d+ is not", message), message
    assert not np.isfinite(file["loss"][wild]).any() and (file["steps_done"][wild] < 30).all()
    for run_id, diverged in zip(file["run_id"], wild):
        assert (run_id in result.err) == diverged
    assert weightsweep("verify", results).code == 0
    before = digest(results)
    again = run(1, diverging, results)
    assert again.code == 5 and digest(results) == before, "a finished file is left alone"


def test_r2_far_below_0_is_divergence(tmp_path: Path) -> None:
    """A finite loss, and predictions that are wrong by orders of magnitude."""
    sweep = write_sweep(tmp_path / "rates.yaml", axes={"learning_rate": [1e-3, 1]}, training={"steps": 100, "shards": 4}, evaluation={"every": 50})
    results = tmp_path / "rates.h5"
    result = run(1, sweep, results, "--quiet")
    assert result.code == 5 and result.says("1 of 2 runs", "deterministic", "unless a setting changes")
    file = columns(results)
    assert list(file["status"]) == [DONE, DIVERGED] and file["r2"][1] < -100 and list(file["steps_done"]) == [100, 100]
    assert file["message"][0] == "" and file["message"][1].startswith(f"R^2 after step 100, the last, is {file['r2'][1]:.3g}, below -100")
    assert weightsweep("verify", results).code == 0
    again = run(1, sweep, results, "--retry")
    assert again.code == 5 and again.says("note: ", "1 diverged run.", "diverge again") and columns(results)["message"] == file["message"]


@pytest.mark.parametrize("every", [1, 10])
def test_held_out_outputs_without_variance(tmp_path: Path, every: int) -> None:
    """Two generators of one dead unit each: all their outputs are 0."""
    sweep = write_sweep(
        tmp_path / "dead.yaml",
        unknowns=None,
        generator={"inputs": 1, "hidden": [1]},
        equation_ratio=0.5,
        seed=3,
        training={"steps": 10, "batch": 1, "shards": 1},
        network={"encoder": [1], "decoder": [1]},
        embed_dim=1,
        evaluation={"every": every, "generators": 2},
    )
    results = tmp_path / "dead.h5"
    assert run(1, sweep, results, "--quiet").code == 5
    file = columns(results)
    assert list(file["status"]) == [FAILED] and np.isnan(file["r2"][0])
    assert "R^2 is not defined" in file["message"][0] and "no variance" in file["message"][0] and "learning_rate" not in file["message"][0]
    assert weightsweep("verify", results).code == 0


def test_retry(diverging: Path, tmp_path: Path) -> None:
    results = tmp_path / "wild.h5"
    assert run(2, diverging, results, "--quiet").code == 5
    before = columns(results)
    result = run(2, diverging, results, "--retry")
    assert result.code == 5 and "6 of 4" not in result.err and "4 of 4 runs" in result.err
    after = columns(results)
    wild = before["learning_rate"] == 100
    assert (after["wall_seconds"] != before["wall_seconds"])[wild].all(), "they were done again"
    assert (after["wall_seconds"] == before["wall_seconds"])[~wild].all(), "and only they"


def test_retry_puts_runs_back_to_pending(tmp_path: Path) -> None:
    """Also those whose turn has not come when the job is stopped."""
    sweep = write_sweep(tmp_path / "wild.yaml", training={"learning_rate": 100, "steps": 60, "batch": 32}, axes={"seed": [1, 2, 3, 4]})
    results = tmp_path / "wild.h5"
    assert run(2, sweep, results, "--quiet").code == 5
    assert run(1, sweep, results, "--quiet", "--retry", "--time-limit", "0.000001").code == 75
    assert status(results)["pending"] >= 3


@pytest.mark.skipif(SANITIZED, reason="AddressSanitizer takes all addresses for itself")
def test_failed_run(tmp_path: Path) -> None:
    """A run that cannot be set up is a row; the sweep goes on, and --retry does it where there is memory."""
    sweep = write_sweep(tmp_path / "wide.yaml", training={"steps": 1}, axes={"encoder": [[16, 24], [2048, 4096]]})
    results, little = tmp_path / "wide.h5", 400 << 20

    def little_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (little, little))

    result = weightsweep("run", sweep, "-o", results, "--quiet", preexec_fn=little_memory)
    assert result.code == 5, result
    found = status(results)
    assert (found["failed"], found["done"]) == (1, 1)
    assert [each["status"] for each in found["runs"]] == ["done", "failed"]
    assert "memory" in found["runs"][1]["message"] and columns(results)["message"][0] == ""
    assert weightsweep("verify", results).code == 0
    assert run(1, sweep, results, "--quiet").code == 5
    assert run(1, sweep, results, "--quiet", "--retry").code == 0
    assert status(results)["done"] == 2 and columns(results)["message"] == ["", ""]
