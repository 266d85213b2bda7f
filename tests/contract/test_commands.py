"""The subcommands except `run`: options, output, exit codes."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Sweep
from harness import HOME, HYDRA, NO_MPI, PROGRAM, Result, call, columns, csv_rows, plan, run, status, weightsweep, write_sweep

SUBCOMMANDS = ["plan", "run", "status", "export", "verify", "predict", "info"]
SEED = {"name": "seed", "unknowns": 15, "equation_ratio": 2}


def usage_mistake(result: Result, *words: str) -> bool:
    return result.code == 2 and bool(result.err) and result.says(*words) and not result.out


def as_in_file(values: list[Any], column: Any) -> list[Any]:
    """A column of csv or JSON as the file holds it: numbers from text, lists as text, NaN where nothing is."""
    if isinstance(column, list):
        return [",".join(map(str, value)) if isinstance(value, list) else value for value in values]
    return [column.dtype.type("nan" if value in ("", None) else value) for value in values]


# ---- usage ----


def test_help() -> None:
    result = weightsweep("--help")
    assert result.code == 0 and not result.err
    for subcommand in SUBCOMMANDS:
        assert f"\n  {subcommand}" in result.out
    assert "example: weightsweep " in result.out


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_help_of_a_subcommand(subcommand: str) -> None:
    result = weightsweep(subcommand, "--help")
    assert result.code == 0 and not result.err
    example = result.out.lower().partition("example: ")[2].splitlines()[0]
    assert f"weightsweep {subcommand}" in example and len(result.out.splitlines()) >= 5


def test_version() -> None:
    result = weightsweep("--version")
    assert result.code == 0 and result.out.startswith("weightsweep ") and result.out.split()[1] in weightsweep("info").out


def test_no_subcommand() -> None:
    assert weightsweep().code == 2
    assert usage_mistake(weightsweep("plam", "x.yaml"), "plam")


@pytest.mark.parametrize("subcommand", ["table", "compare", "plot", "report", "watch"])
def test_subcommands_of_the_python_package_are_named(subcommand: str) -> None:
    assert usage_mistake(weightsweep(subcommand, "x.h5"), f"python3 -m weightsweep {subcommand}")


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_unknown_option(subcommand: str) -> None:
    assert usage_mistake(weightsweep(subcommand, "--frobnicate"), "--frobnicate")


@pytest.mark.parametrize("subcommand", ["plan", "run", "status", "export", "verify", "predict"])
def test_no_file(subcommand: str) -> None:
    assert usage_mistake(weightsweep(subcommand), subcommand)


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "--ranks", "0"],
        ["plan", "--ranks", "2,"],
        ["plan", "--format", "xml"],
        ["plan", "--set"],
        ["run", "-o"],
        ["run", "--group", "3", "-o", "x.h5"],
        ["run", "--group", "0", "-o", "x.h5"],
        ["run", "--time-limit", "soon", "-o", "x.h5"],
        ["run", "--checkpoint-every", "-1", "-o", "x.h5"],
        ["run", "--progress", "much", "-o", "x.h5"],
        ["run"],  # -o is required
        ["status", "--format", "csv"],
        ["export", "--runs", "--format", "table"],
        ["export"],
        ["export", "--runs", "--curves"],
        ["export", "--curves", "--timeline"],
    ],
    ids=" ".join,
)
def test_bad_values(finished: Sweep, arguments: list[str]) -> None:
    subcommand, *rest = arguments
    file = finished.yaml if subcommand in ("plan", "run") else finished.results
    words = [word for word in rest if word.startswith("--") and word not in ("--runs", "--curves")]
    result = weightsweep(subcommand, file, *rest, cwd=finished.yaml.parent) if rest != ["--set"] else weightsweep(subcommand, file, "--set")
    assert usage_mistake(result, *words), result
    assert not (finished.yaml.parent / "x.h5").exists()


def test_output_that_cannot_be_written(finished: Sweep) -> None:
    results = finished.results
    commands = [["--help"], ["--version"], ["plan", "--help"], ["plan", finished.yaml], ["export", results, "--runs"], ["export", results, "--curves"]]
    commands += [["status", results], ["verify", results], ["info"], ["completion", "bash"]]
    with open("/dev/full", "w") as full:
        for command in commands:
            result = weightsweep(*command, stdout=full)
            assert result.code == 4 and result.says("cannot write to standard output", "run the same command again"), (command, result)
        for script in ("jobs/local", "jobs/submit"):
            result = call(HOME / script, "--help", stdout=full)
            assert result.code == 4 and result.says("cannot write to standard output"), result


def test_closed_streams(finished: Sweep, tmp_path: Path) -> None:
    """No file gets the number of a closed stream, and with it the messages for that stream."""
    script = '"$0" run "$1" -o "$2" 2>&- >&- <&- && ! "$0" plan "$1" >&-'
    result = call("bash", "-c", script, PROGRAM, finished.yaml, tmp_path / "r.h5")
    assert result.code == 0 and result.says("standard output: Bad file descriptor"), result
    assert weightsweep("verify", tmp_path / "r.h5").code == 0


# ---- plan ----


def test_plan_table(finished: Sweep) -> None:
    result = weightsweep("plan", finished.yaml)
    assert result.code == 0 and not result.err
    for run_id in columns(finished.results)["run_id"]:
        assert result.out.count(run_id) == 1
    assert "4 runs" in result.out and "results file " in result.out and "parameters" in result.out and "GFLOP/step" in result.out
    assert weightsweep("plan", finished.yaml, "--format", "table").out == result.out


def test_plan_json_and_csv_have_the_columns_of_the_results_file(finished: Sweep) -> None:
    planned = plan(finished.yaml)
    assert set(planned) == {"runs", "totals"}
    file = columns(finished.results)
    rows = csv_rows(weightsweep("plan", finished.yaml, "--format", "csv").out)
    assert [row["run_id"] for row in rows] == [run["run_id"] for run in planned["runs"]] == file["run_id"]
    assert list(rows[0]) == list(planned["runs"][0])
    for name in rows[0]:
        assert as_in_file([run[name] for run in planned["runs"]], file[name]) == list(file[name]), name
        assert as_in_file([row[name] for row in rows], file[name]) == list(file[name]), name


def test_plan_totals(finished: Sweep) -> None:
    planned = plan(finished.yaml)
    totals, runs = planned["totals"], planned["runs"]
    assert totals["runs"] == 4
    assert totals["parameters"] == sum(run["parameters"] for run in runs)
    assert totals["flops"] >= sum(run["flops_per_step"] * run["steps"] for run in runs)
    assert totals["model_bytes"] == 4 * totals["parameters"]
    assert totals["memory_bytes"] > 0


def test_plan_parameters_and_flops(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "seed.yaml", SEED)
    (run,) = plan(sweep)["runs"]
    widths = [(3, 128), (128, 256), (256, 128), (128, 256), (256, 128), (128, 15)]
    assert run["parameters"] == sum(inputs * outputs + outputs for inputs, outputs in widths)
    # Two FLOPs a multiply-add: 99,072 for each pair, and three times the layers behind the pooling.
    decoder = sum(inputs * outputs for inputs, outputs in widths[2:])
    assert run["flops_per_step"] == pytest.approx(2 * 1024 * (30 * 99072 + 3 * decoder), rel=0.01)
    (muon,) = plan(sweep, "--set", "optimizer=muon")["runs"]
    assert muon["flops_per_step"] - run["flops_per_step"] == pytest.approx(0.43e9, rel=0.05)


def test_plan_ranks(finished: Sweep, tmp_path: Path) -> None:
    predicted = plan(finished.yaml, "--ranks", "1,2,4,64")["totals"]["ranks"]
    assert [each["ranks"] for each in predicted] == [1, 2, 4, 64]
    seconds = [each["seconds"] for each in predicted]
    assert seconds == sorted(seconds, reverse=True) and seconds[0] > 0
    assert predicted[0]["efficiency"] == pytest.approx(1) and all(0 < each["efficiency"] <= 1.0001 for each in predicted)
    table = weightsweep("plan", finished.yaml, "--ranks", "8").out
    assert "8 ranks: " in table and "efficiency" in table


def test_plan_timeline(finished: Sweep) -> None:
    """As `export --timeline` prints what has happened."""
    rows = csv_rows(weightsweep("plan", finished.yaml, "--ranks", "3", "--timeline", "--format", "csv").out)
    objects = plan(finished.yaml, "--ranks", "3", "--timeline")["timeline"]
    assert list(rows[0]) == list(objects[0]) == ["run_id", "first_rank", "ranks", "from_step", "to_step", "start_seconds", "end_seconds"]
    assert len(rows) == len(objects) >= 4 and {row["run_id"] for row in rows} == set(columns(finished.results)["run_id"])
    assert all(0 <= row["first_rank"] < 3 and row["end_seconds"] >= row["start_seconds"] for row in objects)
    assert "\n     0  " in weightsweep("plan", finished.yaml, "--ranks", "3", "--timeline").out


def test_plan_rates(finished: Sweep, tmp_path: Path) -> None:
    """--rates: throughput measured by earlier runs, or by bench."""
    file = columns(finished.results)
    (measured,) = plan(finished.yaml, "--ranks", "1", "--rates", str(finished.results))["totals"]["ranks"]
    assert measured["seconds"] == pytest.approx(file["rank_seconds"].sum() + 0.5, rel=0.2)
    bench = tmp_path / "bench.json"
    seconds = []
    for gflops in (1, 2):
        bench.write_text(f'{{"name": "machine"}}\n{{"name": "step", "model": "deep-sets", "pooling": "mean", "precision": "fp32", "ms": 1, "gflops": {gflops}}}\n')
        seconds.append(plan(finished.yaml, "--ranks", "1", "--rates", str(bench))["totals"]["ranks"][0]["bound_seconds"])
    assert seconds[0] == pytest.approx(2 * seconds[1], rel=0.01)  # the regressions at the end, a thousandth, have a throughput of their own
    bench.write_text('{"name": "machine"}\n')
    assert weightsweep("plan", finished.yaml, "--rates", bench).code == 2


def test_plan_rates_laid_out_by_other_programs(finished: Sweep, tmp_path: Path) -> None:
    """The lines of bench as `jq -c .`, `jq .` and `jq -s .` print them."""
    lines = [
        {"name": "gemm", "precision": "fp32", "note": 'a "quoted": }{ text', "gflops": 90},
        {"name": "step", "model": "deep-sets", "pooling": "mean", "precision": "fp32", "ms": 1, "gflops": 2.5, "fraction": None},
        {"name": "allreduce", "ranks": 2, "bytes": 1e6, "ms": 0.5},
    ]
    files = {
        "bench.json": "\n".join(json.dumps(line) for line in lines) + "\n",
        "compact.json": "\n".join(json.dumps(line, separators=(",", ":")) for line in lines),
        "pretty.json": "\n".join(json.dumps(line, indent=2, sort_keys=True) for line in lines) + "\n\n",
        "array.json": "\r\n " + json.dumps(lines),
        "spaced.json": "".join(json.dumps(line).replace(":", " : ") for line in lines),
    }
    found = []
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        found.append(plan(finished.yaml, "--ranks", "1,2", "--rates", str(tmp_path / name))["totals"]["ranks"])
    assert all(each == found[0] for each in found)
    assert found[0] != plan(finished.yaml, "--ranks", "1,2")["totals"]["ranks"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"name": "step", "ms": 1}\n{"name": "step",\n', [":3: ", "not valid JSON"]),
        ('{"name": "step"}\nms: 1\n', [":2: ", "not valid JSON"]),
        ("[]", ["no line of a step"]),
        ('{"name": 5, "gflops": "many"}', ["no line of a step"]),
        ('{"name": "step", "ms": 1, "gflops": "9"}', ["no line of a step"]),
        ('{"name": "st\0ep"}', ["no JSON text"]),
    ],
)
def test_invalid_rates_are_refused(finished: Sweep, tmp_path: Path, text: str, words: list[str]) -> None:
    (tmp_path / "rates.json").write_text(text)
    result = weightsweep("plan", finished.yaml, "--rates", tmp_path / "rates.json")
    assert result.code == 2 and result.says("rates.json", *words), result.err


def test_rates_of_a_folder(finished: Sweep, tmp_path: Path) -> None:
    result = weightsweep("plan", finished.yaml, "--rates", tmp_path)
    assert result.code == 2 and result.says(f"--rates {tmp_path}: ", "directory"), result.err


@pytest.mark.parametrize("changes", [{}, {"axes": {"seed": list(range(300))}}, {"axes": {"embed_dim": [8, 512]}}], ids=["seed", "many", "sizes"])
def test_plan_predicts_the_size_of_the_file(tmp_path: Path, changes: dict[str, Any]) -> None:
    """128 of 300 runs are created, the others are only counted."""
    sweep = write_sweep(tmp_path / "seed.yaml", SEED, training={"steps": 1, "batch": 16}, evaluation={"generators": 16}, **changes)
    results = tmp_path / "seed.h5"
    assert run(1, sweep, results, "--quiet", "--only", plan(sweep)["runs"][0]["run_id"]).code == 0
    predicted, size = plan(sweep)["totals"]["file_bytes"], results.stat().st_size
    assert 0.97 * size < predicted < 1.03 * size


def test_plan_of_100000_runs(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "many.yaml", SEED, axes={"seed": list(range(1000)), "steps": list(range(1, 101))})
    for format in ("table", "csv", "json"):
        start = time.monotonic()
        result = weightsweep("plan", sweep, "--ranks", "64", "--format", format)
        seconds = time.monotonic() - start
        print(f"100,000 runs as {format}: {seconds:.2f} s")
        assert result.code == 0 and seconds < 20  # 1 s on an idle machine
    assert len(json.loads(result.out)["runs"]) == 100_000


# ---- status, export, verify, info ----


def test_status(finished: Sweep) -> None:
    found = status(finished.results)
    assert set(found) == {"total", "done", "running", "pending", "diverged", "failed", "fraction", "runs"}
    assert found["total"] == found["done"] == len(found["runs"]) == 4 and found["fraction"] == 1
    file = columns(finished.results)
    for name in ("run_id", "steps_done", "r2"):
        assert [each[name] for each in found["runs"]] == list(file[name])
    assert {each["status"] for each in found["runs"]} == {"done"}
    table = weightsweep("status", finished.results)
    assert table.code == 0 and not table.err and "4 done" in table.out
    assert all(run_id in table.out for run_id in file["run_id"])
    assert table.out.splitlines()[2].split()[:4] == ["run_id", "status", "unknowns", "equations"], "the settings that vary"
    followed = weightsweep("status", finished.results, "--follow", "--format", "table")
    assert followed.out == table.out, "no writer, so there is nothing to follow"


def test_export_runs(finished: Sweep) -> None:
    file = columns(finished.results)
    result = weightsweep("export", finished.results, "--runs")
    rows, objects = csv_rows(result.out), json.loads(weightsweep("export", finished.results, "--runs", "--format", "json").out)
    assert result.code == 0 and not result.err and result.out == weightsweep("export", "--runs", finished.results, "--format", "csv").out
    assert list(rows[0]) == list(objects[0])
    expected = {name for name, values in file.items() if not name.startswith(("curve_", "timeline_")) and not name.endswith("_checksum")}
    assert set(rows[0]) == expected
    for name in expected - {"status"}:
        np.testing.assert_array_equal(as_in_file([row[name] for row in rows], file[name]), file[name], name)
        np.testing.assert_array_equal(as_in_file([each[name] for each in objects], file[name]), file[name], name)
    assert [row["status"] for row in rows] == [each["status"] for each in objects] == ["done"] * 4


def test_export_timeline(finished: Sweep) -> None:
    """Every step of every run has ranks, and no rank trained two runs at once."""
    rows = csv_rows(weightsweep("export", finished.results, "--timeline").out)
    objects = json.loads(weightsweep("export", finished.results, "--timeline", "--format", "json").out)
    assert list(rows[0]) == list(objects[0]) == ["run_id", "first_rank", "ranks", "from_step", "to_step", "start_seconds", "end_seconds"]
    assert len(rows) == len(objects)
    for run_id in columns(finished.results)["run_id"]:
        mine = [row for row in objects if row["run_id"] == run_id]
        assert min(row["from_step"] for row in mine) == 0 and max(row["to_step"] for row in mine) == 30
        assert {row["from_step"] for row in mine} <= {0} | {row["to_step"] for row in mine}
    for rank in range(2):
        mine = sorted((row["start_seconds"], row["end_seconds"]) for row in objects if row["first_rank"] <= rank < row["first_rank"] + row["ranks"])
        assert mine and all(start <= end for start, end in mine)
        assert all(end <= next_start + 1e-6 for (_, end), (next_start, _) in zip(mine, mine[1:]))


def test_export_curves(finished: Sweep) -> None:
    file = columns(finished.results)
    rows = csv_rows(weightsweep("export", finished.results, "--curves").out)
    objects = json.loads(weightsweep("export", finished.results, "--curves", "--format", "json").out)
    assert len(rows) == len(objects) == 4 * 3
    assert [row["run_id"] for row in rows] == [each["run_id"] for each in objects] == [run_id for run_id in file["run_id"] for _ in range(3)]
    for name in ("curve_step", "curve_loss", "curve_r2", "curve_seconds"):
        assert [float(row[name]) for row in rows] == [each[name] for each in objects] == list(file[name].ravel()), name


def test_verify(finished: Sweep) -> None:
    result = weightsweep("verify", finished.results)
    assert result.code == 0 and not result.err and "passed" in result.out


def test_info() -> None:
    result = weightsweep("info")
    assert result.code == 0 and not result.err
    for word in ("weightsweep", "processor", "OpenBLAS", "threads", "HDF5"):
        assert word in result.out
    assert ("MPICH" if HYDRA else "Open MPI") in result.out


def test_only_run_needs_mpirun(finished: Sweep, tmp_path: Path) -> None:
    """The rest works where MPI cannot start."""
    assert weightsweep("run", finished.yaml, "-o", tmp_path / "x.h5", env=NO_MPI).code != 0
    for arguments in (["plan", finished.yaml], ["status", finished.results], ["export", "--runs", finished.results], ["verify", finished.results], ["info"]):
        assert weightsweep(*arguments, env=NO_MPI).code == 0


def test_singular_for_one_run(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "one.yaml"), tmp_path / "one.h5"
    result = run(1, sweep, results, "--progress", "lines")
    assert result.code == 0 and result.says("1 of 1 run ") and "1 runs" not in result.err, result.err
    assert weightsweep("status", results).out.startswith("1 run, 100.0 %")
    wild = write_sweep(tmp_path / "wild.yaml", training={"learning_rate": 100, "steps": 60})
    result = run(1, wild, tmp_path / "wild.h5", "--quiet")
    assert result.code == 5 and result.says("1 of 1 run did not finish"), result.err


@pytest.mark.parametrize("what", ["--runs", "--curves", "--timeline"])
def test_export_of_several_files(finished: Sweep, what: str) -> None:
    files = [str(finished.results), str(HOME / "analysis" / "published" / "distribution-shift.h5")]  # one with more columns
    for form, read, unknown in (("csv", csv_rows, ""), ("json", json.loads, None)):
        each = {file: read(weightsweep("export", file, what, "--format", form).out) for file in files}
        names = dict.fromkeys([*each[files[0]][0], *each[files[1]][0]])
        result = weightsweep("export", *files, what, "--format", form)
        assert result.code == 0 and not result.err
        assert read(result.out) == [{"file": file, **{name: row.get(name, unknown) for name in names}} for file in files for row in each[file]]
    missing = weightsweep("export", files[0], "missing.h5", what)
    assert missing.code == 3 and not missing.out and missing.says("missing.h5")


@pytest.mark.parametrize("subcommand", [["status"], ["export", "--runs"], ["export", "--curves"], ["export", "--timeline"], ["verify"]], ids=" ".join)
@pytest.mark.parametrize("content", [None, b"", b"no HDF5, but text\n" * 100], ids=["missing", "empty", "text"])
def test_unreadable_results(tmp_path: Path, subcommand: list[str], content: bytes | None) -> None:
    results = tmp_path / "x.h5"
    if content is not None:
        results.write_bytes(content)
    result = weightsweep(*subcommand, results)
    assert result.code == 3 and result.says("x.h5") and not result.out


