"""Trained models as arrays and as PyTorch modules: the modules compute what the program computed. The sweeps are real."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOME / "analysis"))
sys.path.insert(0, str(HOME / "tests" / "bench"))

from programs import BenchError, torch_python  # noqa: E402

from weightsweep import ResultsError, load_model, open_runs, open_sweep  # noqa: E402
from weightsweep.cases import AnswerError  # noqa: E402
from weightsweep.models import Tensors, read_model  # noqa: E402

PROGRAM = os.environ.get("WEIGHTSWEEP") or str(HOME / "build" / "release" / "weightsweep")
TRAINED = """
training: {steps: 400, batch: 256, shards: 2, learning_rate: 4e-3, optimizer: muon, schedule: cosine, eval_points: 16}
evaluation: {every: 400}
"""
SWEEPS = {
    "sets": "name: sets\naxes: {pooling: [mean, sum, max, moments, attention, max+moments]}\nunknowns: 15\nequation_ratio: 1.33\n"
    "embed_dim: 32\nnetwork: {encoder: [32, 64], decoder: [64, 32]}" + TRAINED,
    "refined": "name: refined\naxes: {pooling: [max+mean, attention], refine_from: [prediction, least-squares]}\nunknowns: 15\nequation_ratio: 1.33\n"
    "embed_dim: 32\nnetwork: {encoder: [32, 64], decoder: [64, 32], refinements: 2}" + TRAINED,
    "flat": "name: flat\naxes: {task: [mlp-forward, linear-inverse, mlp-inverse], model: [linear, x-linear, res-linear]}\n"
    "unknowns: 6\nequation_ratio: 2\nnetwork: {hidden: [64, 64]}" + TRAINED,
    # at the original experiment's widths
    "seed": "name: seed\naxes: {model: [linear, x-linear, res-linear, deep-sets]}\nunknowns: 15\nequation_ratio: 2\n"
    "training: {steps: 10, batch: 32}\nevaluation: {generators: 64}\n",
    # in the middle of learning
    "half": "name: half\naxes: {task: [linear-inverse, mlp-inverse], model: [res-linear, deep-sets]}\nunknowns: 6\nequation_ratio: 2\n"
    "network: {encoder: [32, 64], decoder: [64, 32], hidden: [64, 64]}\ntraining: {steps: 150, batch: 256, shards: 2, learning_rate: 2e-3}\n",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The results of each sweep."""
    folder = tmp_path_factory.mktemp("models")
    for name, text in SWEEPS.items():
        sweep = folder / f"{name}.yaml"
        sweep.write_text(text)
        subprocess.run([HOME / "jobs" / "mpirun", "-n", "1", PROGRAM, "run", sweep, "-o", sweep.with_suffix(".h5"), "--progress", "none"], check=True, timeout=250)
    return {name: folder / f"{name}.h5" for name in SWEEPS}


def forward(settings: dict, tensors: Tensors, pairs: np.ndarray) -> np.ndarray:
    """The model in double, as plainly as it can be written.  pairs [equations, width] -> its output"""
    t = {name: value.astype(float) for name, value in tensors.items()}
    x = pairs.astype(float)
    return refined(settings, t, x) if settings["model"] == "deep-sets" else flat(settings["model"], t, x.ravel())


def refined(settings: dict, t: Tensors, pairs: np.ndarray) -> np.ndarray:
    """Deep sets and the corrections of its stages, for generators with one hidden ReLU layer and one output."""
    pooling, heads = settings["pooling"], settings.get("heads", 4)
    x, y = pairs[:, :-1], pairs[:, -1]
    weights = deep_sets(pooling, heads, t, pairs)
    for stage in range(1, settings["refinements"] + 1):
        if settings["refine_from"] == "least-squares":
            weights = least_squares_step(pairs, weights)
        first, second = np.split(weights, [len(weights) - len(weights) // (x.shape[1] + 1)])
        units = relu(x @ first.reshape(x.shape[1], -1))
        residual = units @ second - y
        by_first = x.T @ (residual[:, None] * second * (units > 0))
        gradient = np.concatenate([by_first.ravel(), units.T @ residual]) / len(pairs)
        own = {name.removeprefix(f"stages.{stage}."): value for name, value in t.items()}
        features = np.hstack([pairs, 4 * residual[:, None], units])
        weights = weights + deep_sets(pooling, heads, own, features, np.concatenate([weights, gradient]))
    return weights


def least_squares_step(pairs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """For generators with one hidden ReLU layer, one output and weights of variance 1 / inputs."""
    x, y = pairs[:, :-1], pairs[:, -1]
    first, second = np.split(weights, [len(weights) - len(weights) // (x.shape[1] + 1)])
    units = relu(x @ first.reshape(x.shape[1], -1))
    residual = units @ second - y
    by_first = x[:, :, None] * ((units > 0) * second)[:, None, :]
    jacobian = np.hstack([by_first.reshape(len(x), -1), units])
    precision = np.repeat([x.shape[1], len(second)], [len(first), len(second)])
    return weights - np.linalg.solve(jacobian.T @ jacobian + np.mean(residual**2) * np.diag(precision), jacobian.T @ residual)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def flat(kind: str, t: Tensors, x: np.ndarray) -> np.ndarray:
    def dense(name: str, h: np.ndarray) -> np.ndarray:
        return t[f"{name}.weight"] @ h + t[f"{name}.bias"]

    if kind == "res-linear":
        h = dense("input", x)
        for block in ("blocks.0", "blocks.1"):
            h = relu(dense(f"{block}.main.2", relu(dense(f"{block}.main.0", h))) + dense(f"{block}.skip", h))
        return dense("output", h)
    h = x
    for layer in sorted(name.removesuffix(".weight") for name in t if name.startswith("layers.") and name.endswith(".weight")):
        h = relu(dense(layer, h))
        h = np.concatenate([h, x]) if kind == "x-linear" else h
    return dense("output", h)


def deep_sets(pooling: str, heads: int, t: Tensors, pairs: np.ndarray, context: np.ndarray = np.empty(0)) -> np.ndarray:
    def stack(prefix: str, x: np.ndarray) -> np.ndarray:
        layers = sorted(int(name.split(".")[-2]) for name in t if name.startswith(prefix) and name.endswith("weight"))
        for layer in layers:
            x = x @ t[f"{prefix}.{layer}.weight"].T + t[f"{prefix}.{layer}.bias"]
            x = relu(x) if layer != layers[-1] else x
        return x

    e = stack("encoder.net", pairs)
    if pooling == "attention":
        keys, values = e @ t["pooling.key.weight"].T, e @ t["pooling.value.weight"].T + t["pooling.value.bias"]
        parts = []
        for query in t["pooling.query"]:
            heads_ = []
            for q, k, v in zip(np.split(query, heads), np.split(keys, heads, 1), np.split(values, heads, 1)):
                score = np.exp(k @ q / np.sqrt(len(q)))
                heads_.append(score / score.sum() @ v)
            parts.append(np.concatenate(heads_) @ t["pooling.output.weight"].T + t["pooling.output.bias"])
        pooled = np.concatenate(parts)
    else:
        pools = {
            "mean": lambda: e.mean(0),
            "sum": lambda: e.sum(0),
            "max": lambda: e.max(0),
            "moments": lambda: np.concatenate([e.mean(0), np.sqrt(e.var(0) + 1e-6)]),
        }
        pooled = np.concatenate([pools[word]() for word in pooling.split("+")])
    return stack("decoder", np.concatenate([pooled, context]))


def some_pairs(settings: dict, sets: int = 4) -> np.ndarray:
    forward_task = settings["task"] == "mlp-forward"
    shape = (1, settings["generator_inputs"] + settings["unknowns"]) if forward_task else (settings["equations"], settings["generator_inputs"] + 1)
    return np.random.default_rng(1).standard_normal((sets, *shape), np.float32)


def run_ids(results: Path) -> list[str]:
    return [str(run) for run in open_runs(results)["run_id"].values]


def predicted(results: Path, run: str, pairs: np.ndarray, csv: Path) -> list[float]:
    """The weights that the program itself infers from one set of pairs."""
    inputs = pairs.shape[1] - 1
    np.savetxt(csv, pairs, fmt="%.9g", delimiter=",", header=",".join([*(f"x{k + 1}" for k in range(inputs)), "y"]), comments="")
    done = subprocess.run([PROGRAM, "predict", results, "--run", run, "--pairs", csv, "--format", "json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return flattened(json.loads(done.stdout)["weights"])


def flattened(values: object) -> list[float]:
    if isinstance(values, dict):
        return flattened(values["value"]) if "value" in values else [number for value in values.values() for number in flattened(value)]
    return [number for value in values for number in flattened(value)] if isinstance(values, list) else [float(values)]


def test_load_model(trained: dict[str, Path]) -> None:
    results = trained["sets"]
    runs = open_runs(results)
    run = str(runs["run_id"].values[0])
    tensors = load_model(results, run)
    assert tensors["encoder.net.0.weight"].shape == (32, 3) and tensors["decoder.4.bias"].shape == (15,)
    assert sum(value.size for value in tensors.values()) == runs["parameters"].values[0]
    assert all(np.array_equal(load_model(results, key)["decoder.0.weight"], tensors["decoder.0.weight"]) for key in (0, run[:8]))
    with pytest.raises(ResultsError, match="no run begins with 'xyz'"):
        load_model(results, "xyz")
    with pytest.raises(ResultsError, match="no run of index 99; it has"):
        load_model(results, 99)


def test_load_model_by_settings(trained: dict[str, Path]) -> None:
    results = trained["sets"]
    sweep = open_sweep(results)
    wanted = load_model(results, sweep["run_id"].sel(pooling="max").item())["decoder.4.bias"]
    for loaded in (load_model(results, sweep["run_id"].sel(pooling="max")), load_model(results, pooling="max"), load_model(results, pooling="max", encoder=[32, 64]), load_model(results, "pooling=max,network.encoder=[32,64]")):
        assert np.array_equal(loaded["decoder.4.bias"], wanted)
    best = sweep["pooling"].values[int(sweep["r2"].values.argmax())]
    assert np.array_equal(load_model(results, "best")["decoder.4.bias"], load_model(results, pooling=best)["decoder.4.bias"])
    with pytest.raises(ResultsError, match=f"{sweep.sizes['pooling']} runs match \\(unknowns 15\\); expected one"):
        load_model(results, unknowns=15)
    with pytest.raises(ResultsError, match="no setting 'poolin'; expected one of task, model, unknowns"):
        load_model(results, poolin="max")
    with pytest.raises(AnswerError, match="several cases \\(equations 1, task mlp-forward"):
        load_model(trained["flat"], "best")
    runs = open_runs(trained["flat"])
    inverse = runs.isel(run=runs["task"].values == "mlp-inverse")
    found, _ = read_model(trained["flat"], "best", task="mlp-inverse")
    assert found["run_id"] == inverse["run_id"].values[int(inverse["r2"].values.argmax())]


@pytest.mark.parametrize("name", ["sets", "refined", "flat", "seed"])
def test_arrays_and_program_predict_the_same(trained: dict[str, Path], name: str, tmp_path: Path) -> None:
    for run in run_ids(trained[name]):
        settings, tensors = read_model(trained[name], run)
        if settings["task"] != "mlp-forward":  # which predicts no weights
            pairs = some_pairs(settings)[0]
            ours = predicted(trained[name], run, pairs, tmp_path / "pairs.csv")
            np.testing.assert_allclose(forward(settings, tensors, pairs), ours, atol=1e-5, err_msg=f"{settings['model']} {settings['pooling']}")


@pytest.fixture(scope="module")
def in_torch(trained: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[dict, dict]]]:
    """Per sweep: the results of torch_check.py for each model that `export --model` wrote, and the rows of the runs."""
    try:
        python = torch_python(None)
    except BenchError:
        pytest.skip("no Python with PyTorch (TORCH_PYTHON names one)")
    rows, folder = {}, tmp_path_factory.mktemp("torch")
    for name, results in trained.items():
        for run in run_ids(results):
            rows[name, run], _ = read_model(results, run)
            place = folder / name / run
            place.mkdir(parents=True)
            (place / "settings.json").write_text(json.dumps(rows[name, run]))
            subprocess.run([PROGRAM, "export", results, "--model", run, "-o", place / "model.npz"], check=True)
            np.save(place / "pairs.npy", some_pairs(rows[name, run]))
    places = [folder / name / run for name, run in rows if name != "seed"]
    command = [python, Path(__file__).with_name("torch_check.py"), *places, "--classes", *(folder / "seed").iterdir()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    answers = {tuple(answer["folder"].split("/")): answer for answer in map(json.loads, done.stdout.splitlines())}
    return {sweep: [(row, answers[name, run]) for (name, run), row in rows.items() if name == sweep] for sweep in trained}


@pytest.mark.parametrize("name", SWEEPS)
def test_pytorch_predicts_the_same(trained: dict[str, Path], in_torch: dict[str, list[tuple[dict, dict]]], name: str) -> None:
    """As this package's modules do, and as the original experiment's classes do for `seed`."""
    assert in_torch[name]
    for row, answer in in_torch[name]:
        _, tensors = read_model(trained[name], row["run_id"])
        expected = [forward(row, tensors, pairs) for pairs in some_pairs(row)]
        np.testing.assert_allclose(answer["output"], expected, atol=1e-5, err_msg=f"{row['task']} {row['model']} {row['pooling']}")


@pytest.mark.parametrize("name", ["sets", "refined", "flat", "half"])
def test_pytorch_continues_training(in_torch: dict[str, list[tuple[dict, dict]]], name: str) -> None:
    """R^2 on PyTorch's own fresh generators is the file's, and training goes on from there."""
    for row, answer in in_torch[name]:
        which = f"{row['task']} {row['model']} {row['pooling']}"
        assert abs(answer["r2"] - row["r2"]) < 3 * np.hypot(answer["r2_stderr"], row["r2_stderr"]), which
        most = 0.99 if name == "half" else 1.05  # of the error before: what was learning goes on learning, what was done stays
        assert answer["error_after"] < most * answer["error"], which
