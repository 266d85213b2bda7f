"""The sweep file, read by `plan`: axes, exclude, defaults, --set, the shape rule, run ids, and the message of every error."""

import re
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from harness import HOME, plan, run_ids, sweep_text, weightsweep, write_sweep

SMALLEST = {"name": "smallest", "unknowns": 15, "equation_ratio": 2}

# Every setting with a default: where it stands, its column, its default, and another value.
SETTINGS: list[tuple[str, str, Any, Any]] = [
    ("task", "task", "mlp-inverse", None),
    ("model", "model", "deep-sets", None),
    ("embed_dim", "embed_dim", 128, 64),
    ("pooling", "pooling", "mean", "sum"),
    ("seed", "seed", 1, 2),
    ("generator.init", "generator_init", "lecun", "normal"),
    ("training.steps", "steps", 30000, 100),
    ("training.batch", "batch", 1024, 512),
    ("training.shards", "shards", 16, 8),
    ("training.optimizer", "optimizer", "adam", "muon"),
    ("training.learning_rate", "learning_rate", 1e-3, 2e-3),
    ("training.schedule", "schedule", "constant", "cosine"),
    ("training.warmup_steps", "warmup_steps", 0, 10),
    ("training.eval_points", "eval_points", 1, 4),
    ("training.noise", "training_noise", [0], [0.1, 0.5]),
    ("training.inputs", "training_inputs", "normal", "wide"),
    ("training.precision", "precision", "fp32", "bf16"),
    ("network.encoder", "encoder", [128, 256], [64]),
    ("network.decoder", "decoder", [256, 128], [64, 64, 32]),
    ("network.hidden", "network_hidden", [256, 256, 256], None),
    ("network.heads", "heads", 4, None),
    ("network.queries", "queries", 1, None),
    ("network.refinements", "refinements", 0, 2),
    ("network.refine_from", "refine_from", "prediction", "least-squares"),
    ("evaluation.every", "evaluation_every", 500, 1000),
    ("evaluation.generators", "evaluation_generators", 16384, 1000),
    ("evaluation.inputs", "evaluation_inputs", [], ["uniform", "wide"]),
    ("evaluation.set_sizes", "evaluation_set_sizes", [], [7]),
    ("evaluation.noise", "evaluation_noise", [], [0.1, 0.5]),
    ("evaluation.direct_fit", "evaluation_direct_fit", 0, 4),
    ("evaluation.fit_starts", "evaluation_fit_starts", 8, 3),
    ("evaluation.fit_iterations", "evaluation_fit_iterations", 40, 7),
    ("evaluation.refine", "evaluation_refine", [], [1, 5]),
]
# a setting -> the one that must be above 0 with it
WITH = {"evaluation.fit_starts": "evaluation.direct_fit", "evaluation.fit_iterations": "evaluation.direct_fit", "network.refine_from": "network.refinements"}
VARIED = [each for each in SETTINGS if each[3] is not None]


def name_of(setting: Any) -> str:
    return setting[0] if isinstance(setting, tuple) else str(setting)


def smallest(folder: Path, **changes: Any) -> Path:
    return write_sweep(folder / "sweep.yaml", SMALLEST, **changes)


def only_run(sweep: Path, *more: str) -> dict[str, Any]:
    (run,) = plan(sweep, *more)["runs"]
    return run


def fixed(setting: str, value: Any) -> dict[str, Any]:
    group, _, key = setting.rpartition(".")
    return {group: {key: value}} if group else {key: value}


# ---- axes, exclude, defaults ----


def test_every_combination_is_a_run(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "sweep.yaml", SMALLEST, axes={"unknowns": [6, 15], "equation_ratio": [1, 2, 3], "seed": [1, 2]})
    runs = plan(sweep)["runs"]
    cells = {(run["unknowns"], run["equation_ratio"], run["seed"]) for run in runs}
    assert cells == {(unknowns, ratio, seed) for unknowns in (6, 15) for ratio in (1, 2, 3) for seed in (1, 2)}
    assert len(set(run_ids(runs))) == len(runs) == 12


@pytest.mark.parametrize("setting", VARIED, ids=name_of)
def test_any_setting_is_an_axis(tmp_path: Path, setting: tuple[str, str, Any, Any]) -> None:
    key, column, default, other = setting
    needed = fixed(WITH[key], 1) if key in WITH else {}
    full = plan(smallest(tmp_path, axes={key: [default, other]}, **needed))["runs"]
    assert [run[column] for run in full] == [default, other]
    if key not in ("generator.init", "training.noise", "training.inputs", "evaluation.inputs", "evaluation.noise"):  # a bare key, unless two groups share it
        assert plan(smallest(tmp_path, axes={key.rpartition(".")[2]: [default, other]}, **needed))["runs"] == full


def test_generators_are_an_axis(tmp_path: Path) -> None:
    shapes = [{"inputs": 2, "hidden": [5]}, {"inputs": 4, "hidden": [10], "init": "normal"}]
    runs = plan(smallest(tmp_path, unknowns=None, axes={"generator": shapes}))["runs"]
    found = [(run["unknowns"], run["generator_inputs"], run["generator_hidden"], run["generator_init"]) for run in runs]
    assert found == [(15, 2, [5], "lecun"), (50, 4, [10], "normal")]
    runs = plan(smallest(tmp_path, unknowns=None, generator={"inputs": 2}, axes={"generator.hidden": [[5], [7]]}))["runs"]
    assert [run["unknowns"] for run in runs] == [15, 21]


def test_exclude(tmp_path: Path) -> None:
    axes = {"unknowns": [6, 15], "equation_ratio": [1, 2, 3]}
    runs = plan(smallest(tmp_path, axes=axes, exclude=[{"unknowns": 15, "equation_ratio": 3}, {"equation_ratio": 1}]))["runs"]
    assert [(run["unknowns"], run["equation_ratio"]) for run in runs] == [(6, 2), (6, 3), (15, 2)]


@pytest.mark.parametrize("setting", SETTINGS, ids=name_of)
def test_defaults(tmp_path: Path, setting: tuple[str, str, Any, Any]) -> None:
    key, column, default, _ = setting
    sweep = smallest(tmp_path)
    left_out = only_run(sweep)
    assert left_out[column] == default
    if key != "network.hidden":  # of the flat models
        assert only_run(smallest(tmp_path, **fixed(key, default))) == left_out, "a default may be written"


@pytest.mark.parametrize("missing", ["name", "unknowns", "equation_ratio"])
def test_required(tmp_path: Path, missing: str) -> None:
    result = weightsweep("plan", smallest(tmp_path, **{missing: None}))
    assert result.code == 2 and result.says("sweep.yaml:1: ", missing, "is missing")


# ---- equations and shapes ----


@pytest.mark.parametrize(
    ("ratio", "unknowns", "equations"),
    [("2.03", 50, 102), ("1.33", 15, 20), ("1.33", 50, 67), ("2", 50, 100), ("3", 15, 45), ("0.1", 15, 2), ("1.5e0", 15, 23), ("0.7", 15, 11), ("1.1", 15, 17)],
)
def test_equations_round_half_up_in_decimal(tmp_path: Path, ratio: str, unknowns: int, equations: int) -> None:
    assert only_run(smallest(tmp_path, unknowns=unknowns, equation_ratio=ratio))["equations"] == equations


def test_equations_instead_of_the_ratio(tmp_path: Path) -> None:
    by_ratio = smallest(tmp_path)
    expected = only_run(by_ratio)
    assert only_run(by_ratio, "--set", "equations=20")["equations"] == 20, "--set replaces the ratio"
    by_number = write_sweep(tmp_path / "number.yaml", SMALLEST, equation_ratio=None, equations=30)
    assert only_run(by_number) == expected, "the same run, with the same id and ratio"
    assert only_run(by_number, "--set", "equation_ratio=3")["equations"] == 45
    assert [run["equations"] for run in plan(by_number, "--set", "equations=[20, 1e2]")["runs"]] == [20, 100]
    assert [run["equations"] for run in plan(smallest(tmp_path, equation_ratio=None, axes={"unknowns": [15, 50], "equations": [20]}))["runs"]] == [20, 20]
    both = weightsweep("plan", smallest(tmp_path, equations=30))
    assert both.code == 2 and both.says("sweep.yaml:4: equations: ", "`equation_ratio`", "only one of the two")


def test_no_equations(tmp_path: Path) -> None:
    result = weightsweep("plan", smallest(tmp_path, equation_ratio=0.01))
    assert result.code == 2 and result.says("sweep.yaml:3: equation_ratio: ", "0 equations", "expected at least")


def shape_rule(unknowns: int) -> tuple[int, int] | None:
    """(d, h) with (d + 1) h = unknowns, d and h >= 2 and |h/d - 2.5| least, the smaller d on a tie."""
    shapes = [(d, unknowns // (d + 1)) for d in range(2, unknowns) if unknowns % (d + 1) == 0 and unknowns // (d + 1) >= 2]
    return min(shapes, key=lambda shape: (abs(Fraction(shape[1], shape[0]) - Fraction(5, 2)), shape[0]), default=None)


def test_shape_rule(tmp_path: Path) -> None:
    assert shape_rule(15) == (2, 5) and shape_rule(50) == (4, 10)
    having = [unknowns for unknowns in range(1, 600) if shape_rule(unknowns)]
    runs = plan(smallest(tmp_path, equation_ratio=1, axes={"unknowns": having}))["runs"]
    assert {run["unknowns"]: (run["generator_inputs"], *run["generator_hidden"]) for run in runs} == {each: shape_rule(each) for each in having}


def test_unknowns_without_a_shape(tmp_path: Path) -> None:
    without = [unknowns for unknowns in range(1, 60) if not shape_rule(unknowns)]
    result = weightsweep("plan", smallest(tmp_path, axes={"unknowns": without}))
    assert result.code == 2
    for unknowns in without:
        assert f"no generator has {unknowns} unknown{'s' * (unknowns > 1)}, " in result.err


# ---- run ids ----


def test_ids_do_not_depend_on_how_the_sweep_is_written(tmp_path: Path) -> None:
    changed = {"training": {"steps": 40, "learning_rate": 0.002}, "network": {"encoder": [16, 24]}}
    expected = only_run(smallest(tmp_path, **changed))["run_id"]
    text = """
        # another name, order and layout; defaults written
        evaluation:
            generators: 16384
        network:
            encoder:
              - 16
              - 24
        training: {"learning_rate": 2.0e-3,   steps: 40, "shards": 16}
        equation_ratio: 2.000
        seed: 1
        axes:
            unknowns: [ 15 ]
        name: 'another'
        """
    other = tmp_path / "other.yaml"
    other.write_text(text)
    assert only_run(other)["run_id"] == expected
    sets = ["--set", "steps=40", "--set", "training.learning_rate=.002", "--set", "encoder=[16, 24]"]
    assert only_run(smallest(tmp_path), *sets)["run_id"] == expected
    larger = plan(smallest(tmp_path, **changed, axes={"seed": [2, 1], "equation_ratio": [1, 2]}))["runs"]
    assert [run["run_id"] for run in larger if run["seed"] == 1 and run["equation_ratio"] == 2] == [expected]


def test_ids_hold_equations_and_shape_instead_of_ratio_and_rule(tmp_path: Path) -> None:
    expected = only_run(smallest(tmp_path))["run_id"]
    assert only_run(smallest(tmp_path, equation_ratio=2.01))["run_id"] == expected, "30 equations too"
    assert only_run(smallest(tmp_path, unknowns=None, generator={"inputs": 2, "hidden": [5]}))["run_id"] == expected
    assert only_run(smallest(tmp_path, unknowns=None, generator={"inputs": 4, "hidden": [3]}))["run_id"] != expected
    assert only_run(smallest(tmp_path, training={"noise": [0, 0]}))["run_id"] == expected, "a range from 0 to 0 is no noise"


def test_ids_tell_all_settings_apart(tmp_path: Path) -> None:
    ids = [only_run(smallest(tmp_path, **fixed(key, other)), *(["--set", f"{WITH[key]}=1"] if key in WITH else []))["run_id"] for key, _, _, other in VARIED]
    assert len({*ids, only_run(smallest(tmp_path))["run_id"]}) == len(VARIED) + 1


@pytest.mark.parametrize(
    ("changes", "run_id"),
    [
        ({}, "a61ca2cb84cd"),
        ({"seed": 7, "embed_dim": 8, "training": {"steps": 40, "optimizer": "muon"}, "network": {"encoder": [16]}}, "f732fcf3b6d4"),
    ],
)
def test_ids_stay_for_ever(tmp_path: Path, changes: dict[str, Any], run_id: str) -> None:
    assert only_run(smallest(tmp_path, **changes))["run_id"] == run_id, "results files out there hold the old id"


def test_equal_ids_are_refused(tmp_path: Path) -> None:
    result = weightsweep("plan", smallest(tmp_path, axes={"equation_ratio": [2, 2.01]}))
    assert result.code == 2 and result.says("sweep.yaml:3: ", "equation_ratio", "the same run")


# ---- --set ----


def test_set_fixes(tmp_path: Path) -> None:
    sweep = smallest(tmp_path, axes={"seed": [1, 2, 3]})
    runs = plan(sweep, "--set", "seed=5", "--set", "network.encoder=[32, 16]", "--set", "every=100")["runs"]
    assert [(run["seed"], run["encoder"], run["evaluation_every"]) for run in runs] == [(5, [32, 16], 100)]


def test_set_makes_axes(tmp_path: Path) -> None:
    runs = plan(smallest(tmp_path, seed=9), "--set", "seed=[1, 2]", "--set", "encoder=[[32, 16], [64]]")["runs"]
    assert {(run["seed"], *run["encoder"]) for run in runs} == {(1, 32, 16), (1, 64), (2, 32, 16), (2, 64)}


def test_set_equals_the_setting_in_the_file(tmp_path: Path) -> None:
    assert plan(smallest(tmp_path), "--set", "steps=[10, 20]", "--set", "seed=3") == plan(smallest(tmp_path, seed=3, axes={"steps": [10, 20]}))


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("steps=0", ["--set steps: ", "too small", "expected"]),
        ("stps=10", ["--set stps: ", "did you mean `steps`?"]),
        ("steps", ["--set steps: ", "expected KEY=VALUE"]),
        ("encoder=[[16, 24], []]", ["--set encoder: ", "empty"]),
        ("unknowns=[15, 7]", ["--set unknowns: ", "no generator has 7 unknowns"]),
        ("hidden=[5]", ["--set hidden: ", "generator.hidden", "network.hidden"]),
        ("seed=[1", ["--set seed: ", "YAML"]),
    ],
)
def test_error_in_set_names_the_option(tmp_path: Path, argument: str, words: list[str]) -> None:
    result = weightsweep("plan", smallest(tmp_path), "--set", argument)
    assert result.code == 2 and result.says(*words) and not result.out, result.err


# ---- errors ----


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stps: 5", ["stps: unknown key"]),
        ("training: {stps: 5}", ["training.stps: unknown key", "did you mean `steps`?"]),
        ("training: {steps: many}", ["training.steps: ", "not an integer", "expected an integer"]),
        ("training: {steps: 0}", ["training.steps: ", "expected an integer from 1"]),
        ("training: {batch: 1000}", ["training.batch: ", "not a multiple of 16 shards"]),
        ("training: {shards: 12}", ["training.shards: ", "not a power of two"]),
        ("training: {learning_rate: .nan}", ["training.learning_rate: ", "not finite"]),
        ("training: {learning_rate: .inf}", ["training.learning_rate: ", "not finite"]),
        ("training: {optimizer: adams}", ["training.optimizer: ", "did you mean `adam`?"]),
        ("axes: {seed: []}", ["seed: an empty axis"]),
        ("axes: {seed: [1, 2, 1]}", ["seed: `1` is in the axis twice"]),
        ("task: mlp-forward", ["task: ", "`deep-sets` reads a set of pairs, and `mlp-forward` has none"]),
        ("exclude: [{seed: 2}]", ["exclude: leaves nothing out"]),
        ("axes: {seed: [%s], steps: [%s]}" % (", ".join(map(str, range(1001))), ", ".join(map(str, range(1, 1001)))), ["more than 1000000 runs"]),
        ("seed: [1, 2]", ["seed: a list", "`axes:`"]),
        ("\tseed: 1", ["not valid YAML"]),
        ("name: again", ["a second time"]),
    ],
)
def test_errors_are_reported(tmp_path: Path, line: str, words: list[str]) -> None:
    sweep = smallest(tmp_path)
    with sweep.open("a") as file:
        file.write(f"{line}\n")
    start = time.monotonic()
    result = weightsweep("plan", sweep)
    seconds = time.monotonic() - start
    assert result.code == 2 and not result.out
    assert result.says("sweep.yaml:4: ", *words), result.err
    assert seconds < 1


def test_all_errors_are_reported_together(tmp_path: Path) -> None:
    sweep = smallest(tmp_path, unknowns=7, training={"steps": 0, "stps": 1}, seed="one")
    result = weightsweep("plan", sweep)
    assert result.code == 2 and result.says(":2: unknowns", ":4: training.steps", ":4: training.stps", ":5: seed")


def test_utf16_is_named(tmp_path: Path) -> None:
    sweep = tmp_path / "utf16.yaml"
    sweep.write_text(sweep_text(), encoding="utf-16")
    assert weightsweep("plan", sweep).says("utf16.yaml", "UTF-8", "iconv -f utf-16")


@pytest.mark.parametrize("content", [None, b"", b"\0\1\2", b"[1, 2]\n"], ids=["missing", "empty", "binary", "list"])
def test_no_sweep_file(tmp_path: Path, content: bytes | None) -> None:
    sweep = tmp_path / "none.yaml"
    if content is not None:
        sweep.write_bytes(content)
    result = weightsweep("plan", sweep)
    assert result.code == 2 and result.says("none.yaml") and not result.out


@pytest.mark.parametrize("sweep", sorted((HOME / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_sweeps_of_the_repository(sweep: Path) -> None:
    """Each says in the comment at its head what it costs, and that is what `plan` says."""
    comment = " ".join(line.removeprefix("#").strip() for line in sweep.read_text().splitlines() if line.startswith("#"))
    costs = re.search(r"Costs ([\d,.]+) TFLOP", comment)
    assert costs is not None
    assert float(costs[1].replace(",", "")) == pytest.approx(plan(sweep)["totals"]["flops"] / 1e12, rel=0.03)
