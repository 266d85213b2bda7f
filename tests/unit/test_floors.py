"""The regressions at the end of a run, beside numpy's least squares on the same sets. The programs under test: environment
FLOORS_TRACE and WEIGHTSWEEP."""

import itertools
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_training_torch import records

INPUTS, UNITS, OUTPUTS = 3, 4, 2
SWEEP = f"""
name: floors
generator: {{inputs: {INPUTS}, hidden: [{UNITS}], outputs: {OUTPUTS}}}
equation_ratio: 1.5
embed_dim: 8
network: {{encoder: [8], decoder: [8]}}
training: {{steps: 1, batch: 64, shards: 4, eval_points: 3}}
evaluation: {{every: 1, generators: 1500, noise: [0.3], set_sizes: [2, 10]}}
"""


def features(x: np.ndarray, degree: int) -> np.ndarray:
    products = [x[:, i] * x[:, j] for i, j in itertools.combinations_with_replacement(range(x.shape[1]), 2)]
    return np.column_stack([np.ones(len(x)), x, *(products if degree == 2 else [])])


def r2(degree: int, pairs: np.ndarray, weights: np.ndarray, probes: np.ndarray) -> float:
    truth, predicted = [], []
    for set_, pair in enumerate(pairs):
        fresh, weight = probes[:, :, set_], weights[0, :, set_]
        first, second = weight[: INPUTS * UNITS].reshape(INPUTS, UNITS), weight[INPUTS * UNITS :].reshape(UNITS, OUTPUTS)
        truth.append(np.maximum(fresh @ first, 0) @ second)
        coefficients = np.linalg.lstsq(features(pair[:, :INPUTS], degree), pair[:, INPUTS:], rcond=None)[0]
        predicted.append(features(fresh, degree) @ coefficients)
    return float(1 - np.mean((np.array(predicted) - np.array(truth)) ** 2) / np.var(truth))


def test_floors_are_numpys(tmp_path: Path) -> None:
    sweep, results = tmp_path / "floors.yaml", tmp_path / "floors.h5"
    sweep.write_text(SWEEP)
    program = os.environ["WEIGHTSWEEP"]
    subprocess.run([program, "run", sweep, "-o", results, "--quiet"], check=True)
    exported = subprocess.run([program, "export", results, "--runs", "--format", "json"], check=True, capture_output=True)
    (run,) = json.loads(exported.stdout)
    data = subprocess.run([os.environ["FLOORS_TRACE"], sweep], check=True, capture_output=True).stdout
    found = [(name, values.astype(float)) for name, values in records(data)]
    columns = [(found[i][0], int(found[i][1].item()), *(values for _, values in found[i + 1 : i + 4])) for i in range(0, len(found), 4)]
    suffixes = ["", "_set_size_2", "_set_size_10", "_noise_0.3"]
    assert [column for column, *_ in columns] == [f"r2_{degree}_fit{suffix}" for suffix in suffixes for degree in ("affine", "quadratic")]
    for column, degree, pairs, weights, probes in columns:
        assert run[column] == pytest.approx(r2(degree, pairs, weights, probes), abs=1e-6), column
        assert run[f"{column}_stderr"] > 0
