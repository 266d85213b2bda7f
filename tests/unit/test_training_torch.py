"""Twenty steps of every model, pooling, task, objective and activation, beside PyTorch's from the same start on the same batches,
where it is installed. The programs under test: environment TRAINING_TRACE and WEIGHTSWEEP."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "bench")]
from choices import choices, flow  # noqa: E402
from programs import BenchError, torch_python  # noqa: E402

STEPS = 20
MOVEMENT_TOLERANCE = 2e-3  # of the movement, root mean square: Adam's first steps turn on the sign of gradients that are nearly zero
STEP_TOLERANCE = 2e-2  # with least-squares steps, which amplify the rounding of the prediction in directions that the pairs hardly determine
LOSS_TOLERANCE = 5e-6

BASE = f"""
name: trajectories
training: {{steps: {STEPS}, batch: 32, shards: 4}}
evaluation: {{generators: 64}}
"""
SETS = "network: {encoder: [24, 40], decoder: [32, 24], heads: 4, queries: 2}\nembed_dim: 16\n"
JOINED = ["mean+max", "moments+sum"]
POOLINGS = f"axes: {{pooling: {flow([*choices('pooling'), *JOINED])}}}\n"
MODELS = choices("model")
SWEEPS = {
    "poolings": "unknowns: 15\nequation_ratio: 1.33\n" + POOLINGS + SETS,
    "ranges": "unknowns: 15\nequation_ratio: 1.33\nequation_range: [3, 30]\n" + POOLINGS + SETS,
    "refinements": "equation_ratio: 1.33\naxes:\n  refinements: [1, 2]\n  refine_from: [prediction, least-squares]\n  pooling: [mean, max+mean, attention]\n  generator:\n"
    "    - {inputs: 2, hidden: [5]}\n    - {inputs: 2, hidden: [4, 3], activation: tanh, outputs: 2}\n" + SETS,
    "flat": f"""
unknowns: 8
equation_ratio: 2
network: {{hidden: [40, 24]}}
axes:
  task: {flow(choices("task"))}
  model: {flow([word for word in MODELS if word != "deep-sets"])}
""",
    "linear-inverse": "task: linear-inverse\nunknowns: 4\nequation_ratio: 2\naxes: {pooling: [mean, max, attention]}\n" + SETS,
    "objectives": f"""
unknowns: 15
equation_ratio: 2
axes:
  model: {flow(MODELS)}
  objective: [functional, weights]
network: {{encoder: [24, 40], decoder: [32, 24], hidden: [40, 24]}}
""",
    "generators": """
equation_ratio: 2
axes:
  generator:
    - {inputs: 3, hidden: [4], init: normal}
    - {inputs: 2, hidden: [4, 3], activation: leaky-relu}
    - {inputs: 2, hidden: [5], activation: tanh, outputs: 2}
    - {inputs: 3, hidden: [3, 4], activation: gelu, outputs: 3}
network: {encoder: [24, 40], decoder: [32, 24]}
""",
    "rates": """
unknowns: 15
equation_ratio: 1.33
axes:
  schedule: [constant, cosine]
  warmup_steps: [0, 7]
  eval_points: [1, 5]
network: {encoder: [24, 40], decoder: [32, 24]}
""",
}


def records(data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    place = 0
    while place < len(data):
        end = data.index(b"\n", place)
        name, *shape = data[place:end].decode().split()
        shape = [int(length) for length in shape]
        yield name, np.frombuffer(data, np.float32, int(np.prod(shape)), end + 1).reshape(shape)
        place = end + 1 + 4 * int(np.prod(shape))


def runs(data: bytes) -> Iterator[dict[str, np.ndarray]]:
    """The trace of each run: tensors [steps + 1, ...], loss [steps], and the batches, pairs.0, ..., pairs.19, ..."""
    found: list[dict[str, list[np.ndarray]]] = []
    for name, values in records(data):
        if name == "run":
            found.append({})
        else:
            found[-1].setdefault(name, []).append(values)
    for run in found:
        batches = {f"{name}.{step}": values for name in ("pairs", "weights", "probes") for step, values in enumerate(run.pop(name))}
        yield batches | {name: np.array(values) for name, values in run.items()}


def output(*command: str | Path) -> bytes:
    done = subprocess.run([str(word) for word in command], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """The folders of each sweep's runs."""
    try:
        python = torch_python(None)
    except BenchError:
        pytest.skip("no Python with PyTorch (TORCH_PYTHON names one)")
    root = tmp_path_factory.mktemp("trajectories")
    folders: dict[str, list[Path]] = {}
    for name, text in SWEEPS.items():
        sweep = root / f"{name}.yaml"
        sweep.write_text(BASE + text)
        settings = json.loads(output(os.environ["WEIGHTSWEEP"], "plan", sweep, "--format", "json"))["runs"]
        for run, ours in zip(settings, runs(output(os.environ["TRAINING_TRACE"], sweep)), strict=True):
            folder = root / f"{name}-{run['run_id']}"
            folder.mkdir()
            (folder / "settings.json").write_text(json.dumps(run))
            np.savez(folder / "ours.npz", **ours)
            folders.setdefault(name, []).append(folder)
    output(python, HERE / "torch_training.py", *(folder for each in folders.values() for folder in each))
    return folders


@pytest.mark.parametrize("name", SWEEPS)
def test_twenty_steps(trained: dict[str, list[Path]], name: str) -> None:
    for folder in trained[name]:
        settings = json.loads((folder / "settings.json").read_text())
        which = {key: settings[key] for key in ("task", "model", "pooling", "objective", "generator_activation", "equation_range", "refinements", "refine_from")}
        tolerance = STEP_TOLERANCE if settings["refine_from"] == "least-squares" else MOVEMENT_TOLERANCE
        ours, theirs = (dict(np.load(folder / f"{whose}.npz")) for whose in ("ours", "theirs"))
        np.testing.assert_allclose(ours.pop("loss").ravel(), theirs.pop("loss"), rtol=LOSS_TOLERANCE, err_msg=str(which))
        for tensor, path in theirs.items():
            start = ours[tensor][0]
            for step, (here, there) in enumerate(zip(ours[tensor][1:], path, strict=True), 1):
                moved, error = there - start, here - there
                assert np.sqrt((error**2).mean()) <= tolerance * np.sqrt((moved**2).mean()), (which, tensor, step)
