"""run --grow: the file keeps its finished runs and gets the others, with the bits of a file created for the larger sweep."""

import hashlib
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from harness import Result, columns, differences, promised_bits, run, send, session, start, status, weightsweep, write_sweep


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def grown(tmp_path: Path, results: Path, **changes: object) -> Result:
    return run(2, write_sweep(tmp_path / "larger.yaml", **changes), results, "--quiet", "--grow")


def fresh(tmp_path: Path) -> dict[str, bytes]:
    assert run(1, tmp_path / "larger.yaml", tmp_path / "fresh.h5", "--quiet").code == 0
    return promised_bits(tmp_path / "fresh.h5")


def test_more_runs(tmp_path: Path) -> None:
    results = tmp_path / "grows.h5"
    assert run(2, write_sweep(tmp_path / "small.yaml", axes={"seed": [1, 3]}), results, "--quiet").code == 0
    before = columns(results)
    larger = {"axes": {"seed": [1, 2, 3], "pooling": ["mean", "sum"]}}
    refused = run(1, write_sweep(tmp_path / "larger.yaml", **larger), results, "--quiet")
    assert refused.code == 3 and status(results)["total"] == 2, "not without --grow"
    assert grown(tmp_path, results, **larger).code == 0
    after = columns(results)
    for run_id, seconds in zip(before["run_id"], before["wall_seconds"]):
        assert after["wall_seconds"][after["run_id"].index(run_id)] == seconds, "what was done is not done again"
    assert weightsweep("verify", results).code == 0
    assert differences(fresh(tmp_path), promised_bits(results)) == []
    assert sorted(path.name for path in tmp_path.glob("grows*")) == ["grows.h5"]
    before_again = digest(results)
    assert grown(tmp_path, results, **larger).code == 0 and digest(results) == before_again


def test_plan_prices_the_extension(tmp_path: Path) -> None:
    results, training = tmp_path / "grows.h5", {"steps": 40}
    assert run(2, write_sweep(tmp_path / "small.yaml", axes={"seed": [1, 2]}, training=training), results, "--quiet").code == 0
    before = digest(results)

    def priced(**changes: object) -> dict[str, object]:
        larger = write_sweep(tmp_path / "larger.yaml", **changes)
        found = weightsweep("plan", larger, "--extend", results, "--format", "json", "--ranks", "2")
        assert found.code == 0, found.err
        return json.loads(found.out)

    more = priced(axes={"seed": [1, 2, 3]}, training=training)
    assert [each["seed"] for each in more["runs"]] == [3] and more["totals"]["steps"] == 40
    longer = priced(axes={"seed": [1, 2]}, training={"steps": 100})
    assert len(longer["runs"]) == 2 and longer["totals"]["steps"] == 2 * 60
    assert longer["totals"]["flops"] == pytest.approx(3 * more["totals"]["flops"], rel=0.1), "60 steps of two runs, 40 of one, and evaluations"
    nothing = priced(axes={"seed": [1, 2]}, training=training)
    assert nothing["runs"] == [] and nothing["totals"]["flops"] == 0
    fewer = weightsweep("plan", write_sweep(tmp_path / "larger.yaml", axes={"seed": [2, 3]}, training=training), "--extend", results)
    assert fewer.code == 3 and fewer.says("--extend only adds", "plan this sweep without --extend") and digest(results) == before
    text = weightsweep("plan", write_sweep(tmp_path / "larger.yaml", axes={"seed": [1, 2, 3]}, training=training), "--extend", results).out
    assert "1 new, 0 to continue; 2 of the sweep's 3 runs have ended there" in text


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_more_steps(tmp_path: Path, optimizer: str) -> None:
    """From step 35, with a point that the longer run does not have."""
    results = tmp_path / "grows.h5"
    training = {"optimizer": optimizer, "warmup_steps": 7}
    assert run(2, write_sweep(tmp_path / "small.yaml", training=training | {"steps": 35}, axes={"seed": [1, 2]}), results, "--quiet").code == 0
    assert grown(tmp_path, results, training=training | {"steps": 85}, axes={"seed": [1, 2, 3]}).code == 0
    rows = weightsweep("export", results, "--timeline").out.splitlines()[1:]
    assert sum(",35," in row for row in rows) >= 4, "two ended there and two began there"
    assert weightsweep("verify", results).code == 0
    assert differences(fresh(tmp_path), promised_bits(results)) == []


def test_refusals(tmp_path: Path) -> None:
    results = tmp_path / "grows.h5"
    cosine = {"schedule": "cosine", "steps": 30}
    assert run(1, write_sweep(tmp_path / "small.yaml", training=cosine, axes={"seed": [1, 2]}), results, "--quiet").code == 0
    before = digest(results)
    decays = grown(tmp_path, results, training=cosine | {"steps": 60}, axes={"seed": [1, 2]})
    assert decays.code == 3 and decays.says("decays", "60 steps", "constant rate", "the axis `training.steps: [30, 60]`")
    for steps, advised in ({"steps": 60}, False), ({"steps": [30, 60]}, True):  # --grow refuses the first
        refused = run(1, write_sweep(tmp_path / "larger.yaml", training=cosine, axes={"seed": [1, 2]}), results, "--quiet", *(f"--set={name}={value}" for name, value in steps.items()))
        assert refused.code == 3 and ("--grow" in refused.err) == advised, refused.err
    fewer = grown(tmp_path, results, training=cosine, axes={"seed": [2, 3]})
    assert fewer.code == 3 and fewer.says("--grow only adds")
    other = grown(tmp_path, results, name="other", training=cosine, axes={"seed": [1, 2, 3]})
    assert other.code == 3 and other.says("another sweep")
    assert digest(results) == before
    both = {"axes": {"steps": [30, 60], "seed": [1, 2]}, "training": {"schedule": "cosine"}}
    assert grown(tmp_path, results, **both).code == 0
    assert differences(fresh(tmp_path), promised_bits(results)) == []


def test_unfinished_runs_continue(tmp_path: Path) -> None:
    results = tmp_path / "grows.h5"
    training = {"steps": 3000}
    small = write_sweep(tmp_path / "small.yaml", training=training, axes={"seed": [1, 2, 3]})
    assert run(2, small, results, "--quiet", "--time-limit", "1").code in (0, 75)
    assert grown(tmp_path, results, training=training, axes={"seed": [1, 2, 3, 4]}).code == 0
    assert differences(fresh(tmp_path), promised_bits(results)) == []


@pytest.mark.parametrize("seed", range(5))
def test_kill_while_it_grows(tmp_path: Path, seed: int) -> None:
    chance, results = random.Random(seed), tmp_path / "grows.h5"
    assert run(2, write_sweep(tmp_path / "small.yaml", axes={"seed": [1, 2]}), results, "--quiet").code == 0
    larger = write_sweep(tmp_path / "larger.yaml", axes={"seed": list(range(1, 60))}, training={"steps": 30})
    for _ in range(3):
        with start(2, larger, results, "--quiet", "--grow") as job:
            time.sleep(chance.uniform(0.1, 0.9))
            for pid in session(job.process.pid):
                send(pid, signal.SIGKILL)
            job.wait()
            job.gone()
        assert weightsweep("verify", results).code == 0
        assert status(results)["total"] in (2, 59) and status(results)["done"] >= 2
    assert run(2, larger, results, "--quiet", "--grow").code == 0
    assert differences(fresh(tmp_path), promised_bits(results)) == []
    assert sorted(path.name for path in tmp_path.glob("grows*")) == ["grows.h5"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_mode_and_owner_are_kept(tmp_path: Path, mode: int) -> None:
    results = tmp_path / "grows.h5"
    assert run(1, write_sweep(tmp_path / "small.yaml", axes={"seed": [1]}), results, "--quiet").code == 0
    results.chmod(mode)
    if os.geteuid() == 0:  # only root may give a file away
        os.chown(results, 12345, 54321)
    before = results.stat()
    assert grown(tmp_path, results, axes={"seed": [1, 2]}).code == 0
    after = results.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
