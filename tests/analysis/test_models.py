"""Trained models outside the program: as arrays, and as PyTorch modules that compute the same. The sweep is the real program's."""

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

from weightsweep import ResultsError, load_model, open_runs  # noqa: E402
from weightsweep.models import Tensors, read_model  # noqa: E402

PROGRAM = os.environ.get("WEIGHTSWEEP") or str(HOME / "build" / "release" / "weightsweep")
POOLINGS = ["mean", "sum", "max", "moments", "attention"]
SWEEP = """
name: models
task: mlp-inverse
model: deep-sets
axes: {pooling: [POOLINGS]}
unknowns: 15
equation_ratio: 1.33
embed_dim: 32
network: {encoder: [32, 64], decoder: [64, 32]}
training: {steps: 400, batch: 256, shards: 2, learning_rate: 4e-3, optimizer: muon, schedule: cosine, eval_points: 16}
evaluation: {every: 400}
"""


def known_poolings(folder: Path) -> list[str]:
    """Those that this build has."""
    path = folder / "ask.yaml"
    return [name for name in POOLINGS if _plan(path, SWEEP.replace("POOLINGS", name))]


def _plan(path: Path, sweep: str) -> bool:
    path.write_text(sweep)
    return subprocess.run([PROGRAM, "plan", path], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    sweep, results = folder / "models.yaml", folder / "models.h5"
    sweep.write_text(SWEEP.replace("POOLINGS", ", ".join(known_poolings(folder))))
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(["mpirun", "-n", "1", PROGRAM, "run", sweep, "-o", results, "--progress", "none"], env=environment, check=True, timeout=250)
    return results


def forward(tensors: Tensors, pooling: str, heads: int, pairs: np.ndarray) -> np.ndarray:
    """The model in double, as plainly as it can be written.  pairs [equations, inputs + 1] -> weights [unknowns]"""
    t = {name: value.astype(float) for name, value in tensors.items()}

    def stack(prefix: str, x: np.ndarray) -> np.ndarray:
        layers = sorted(int(name.split(".")[-2]) for name in t if name.startswith(prefix) and name.endswith("weight"))
        for layer in layers:
            x = x @ t[f"{prefix}.{layer}.weight"].T + t[f"{prefix}.{layer}.bias"]
            x = np.maximum(x, 0) if layer != layers[-1] else x
        return x

    e = stack("encoder.net", pairs.astype(float))
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
        pooled = {
            "mean": lambda: e.mean(0),
            "sum": lambda: e.sum(0),
            "max": lambda: e.max(0),
            "moments": lambda: np.concatenate([e.mean(0), np.sqrt(e.var(0) + 1e-6)]),
        }[pooling]()
    return stack("decoder", pooled)


def some_pairs(settings: dict, sets: int = 4) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((sets, settings["equations"], settings["generator_inputs"] + 1), np.float32)


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


def test_load_model(trained: Path) -> None:
    runs = open_runs(trained)
    run = str(runs["run_id"].values[0])
    tensors = load_model(trained, run)
    assert tensors["encoder.net.0.weight"].shape == (32, 3) and tensors["decoder.4.bias"].shape == (15,)
    assert sum(value.size for value in tensors.values()) == runs["parameters"].values[0]
    assert all(np.array_equal(load_model(trained, key)["decoder.0.weight"], tensors["decoder.0.weight"]) for key in (0, run[:8]))
    with pytest.raises(ResultsError, match="no run begins"):
        load_model(trained, "xyz")


def test_arrays_and_program_predict_the_same(trained: Path, tmp_path: Path) -> None:
    if subprocess.run([PROGRAM, "predict", "--help"], capture_output=True).returncode:
        pytest.skip("this build has no `predict`")
    for run in map(str, open_runs(trained)["run_id"].values):
        settings, tensors = read_model(trained, run)
        pairs = some_pairs(settings)[0]
        ours = predicted(trained, run, pairs, tmp_path / "pairs.csv")
        np.testing.assert_allclose(forward(tensors, settings["pooling"], settings.get("heads", 4), pairs), ours, atol=1e-5)


def test_pytorch(trained: Path, tmp_path: Path) -> None:
    """The module predicts what the arrays predict; its R^2 on PyTorch's own fresh generators is the file's; it can be trained on."""
    try:
        python = torch_python(None)
    except BenchError:
        pytest.skip("no Python with PyTorch (TORCH_PYTHON names one)")
    runs = open_runs(trained)
    folders = []
    for run in map(str, runs["run_id"].values):
        settings, tensors = read_model(trained, run)
        folders.append(tmp_path / run)
        folders[-1].mkdir()
        (folders[-1] / "settings.json").write_text(json.dumps(settings))
        np.savez(folders[-1] / "model.npz", **tensors)
        np.save(folders[-1] / "pairs.npy", some_pairs(settings))
    done = subprocess.run([python, Path(__file__).with_name("torch_check.py"), *folders], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    for line, place in zip(done.stdout.splitlines(), range(runs.sizes["run"]), strict=True):
        answer, row = json.loads(line), runs.isel(run=place)
        settings, tensors = read_model(trained, answer["folder"])
        expected = [forward(tensors, settings["pooling"], settings.get("heads", 4), pairs) for pairs in some_pairs(settings)]
        np.testing.assert_allclose(answer["weights"], expected, atol=1e-5, err_msg=settings["pooling"])
        error = np.hypot(answer["r2_stderr"], row["r2_stderr"].item())
        assert abs(answer["r2"] - row["r2"].item()) < 3 * error, settings["pooling"]
        level = 0.5 * (1 - row["r2"].item())  # the loss that the file's R^2 stands for
        assert np.mean(answer["losses"][:3]) < 1.3 * level, settings["pooling"]  # it goes on from there, not from the start
        assert np.mean(answer["losses"][-5:]) < 1.1 * level, settings["pooling"]
