"""A synthetic results file with the layout of a real one, to test the analysis without training.

python3 make_results.py FILE.h5    six cells, 15 and 50 unknowns, losses and R^2 near the published ones
"""

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np

TEXT = h5py.string_dtype("utf-8")
STATUS = ["pending", "running", "done", "diverged", "failed"]
NOT_A_VARIABLE = "This is a netCDF dimension but not a netCDF variable.%10d"  # netCDF's own phrase
SHAPES = {15: (2, 5), 50: (4, 10)}

# name: (unit, long name, default)
SETTINGS: dict[str, tuple[str, str, Any]] = {
    "task": ("1", "learning task", "mlp-inverse"),
    "model": ("1", "model that is trained", "deep-sets"),
    "unknowns": ("1", "weights of a generator", 15),
    "equation_ratio": ("1", "equations per unknown", 2.0),
    "equations": ("1", "equations (pairs) of a set", 30),
    "embed_dim": ("1", "width of the embedding", 128),
    "pooling": ("1", "pooling over the pairs of a set", "mean"),
    "seed": ("1", "seed of all random numbers", 1),
    "generator_inputs": ("1", "inputs of a generator", 2),
    "generator_hidden": ("1", "hidden widths of a generator", "5"),
    "generator_activation": ("1", "activation of a generator's hidden units", "relu"),
    "generator_init": ("1", "distribution of a generator's weights", "lecun"),
    "steps": ("steps", "training steps", 30000),
    "batch": ("1", "generators per training step", 1024),
    "shards": ("1", "micro-batches per batch; also the maximum number of ranks per run", 16),
    "optimizer": ("1", "optimizer", "adam"),
    "learning_rate": ("1", "learning rate", 1e-3),
    "schedule": ("1", "schedule of the learning rate", "constant"),
    "warmup_steps": ("steps", "steps in which the learning rate rises", 0),
    "eval_points": ("1", "evaluation inputs per generator in the functional loss", 1),
    "precision": ("1", "floating-point precision of matrix products", "fp32"),
    "encoder": ("1", "hidden widths of the pair encoder", "128,256"),
    "decoder": ("1", "hidden widths of the decoder", "256,128"),
    "evaluation_every": ("steps", "steps between two evaluations", 500),
    "evaluation_generators": ("1", "held-out generators per evaluation", 16384),
    "evaluation_direct_fit": ("1", "held-out generators to each of whose sets a network is fitted", 0),
    "parameters": ("1", "parameters of the model", 133007),
    "flops_per_step": ("FLOP", "FLOPs of a training step", 9.75e9),
}
OUTCOMES = {
    "steps_done": ("steps", "training steps done"),
    "loss": ("1", "training loss, mean over the last step's batch"),
    "loss_ema": ("1", "training loss, exponential moving average (decay 0.99 a step)"),
    "r2": ("1", "R^2 on held-out generators"),
    "r2_stderr": ("1", "standard error of R^2 over the held-out generators"),
    "wall_seconds": ("s", "time of the run, interruptions left out"),
    "rank_seconds": ("s", "time of the run times the ranks that worked on it"),
}
EVALUATIONS = {  # columns that a sweep has when it asks for them
    "r2_uniform": ("1", "R^2 on inputs from U(-sqrt 3, sqrt 3)"),
    "r2_wide": ("1", "R^2 on inputs from N(0, 4)"),
    "r2_shifted": ("1", "R^2 on inputs from N(1, 1)"),
    "weight_match": ("1", "cosine of predicted and true weights, up to the symmetries"),
    "weight_match_chance": ("1", "the same between unrelated generators"),
}
TIMELINE = ("run", "first_rank", "ranks", "from_step", "to_step", "start_seconds", "end_seconds")
CURVES = {
    "curve_step": ("steps", "steps done at the point"),
    "curve_loss": ("1", "moving average of the training loss"),
    "curve_r2": ("1", "R^2 on held-out generators"),
    "curve_seconds": ("s", "time since the run's first step, interruptions left out"),
}

Run = dict[str, Any]


def grid(**axes: list[Any]) -> list[Run]:
    """Every combination, as a sweep file would give it; a finished run each. `equations` may stand in for the ratio."""
    runs = []
    for values in itertools.product(*axes.values()):
        run: Run = {name: default for name, (_, _, default) in SETTINGS.items()} | dict(zip(axes, values))
        run["equations"] = int(run["equation_ratio"] * run["unknowns"] + 0.5)
        inputs, hidden = SHAPES[run["unknowns"]]
        runs.append(run | {"generator_inputs": inputs, "generator_hidden": str(hidden), "status": "done", "message": ""})
    return runs


def loss_at(run: Run, step: np.ndarray) -> np.ndarray:
    """Falls with the step and with the equations, and is harder with more unknowns."""
    floor = 0.0015 * run["unknowns"] / 15 * (2 / run["equation_ratio"]) ** 0.7
    return floor + 0.09 * (run["unknowns"] / 15) ** 0.4 * (step / 500) ** -0.75 * (1 + 0.05 * np.sin(step / 1000 + run["seed"]))


def make_results(path: Path, runs: list[Run], ranks: int = 0) -> None:
    """`ranks`: also the extra evaluations, and a timeline of the runs, one after the other on each of `ranks` ranks."""
    points = max(-(-run["steps"] // run["evaluation_every"]) for run in runs)
    with h5py.File(path, "w", libver=("earliest", "v108")) as file:
        file.attrs.create("sweep", "name: made-up\n", dtype=TEXT)
        file.attrs.create("resolved", "name: made-up\n", dtype=TEXT)
        file.attrs.create("created", "2025-01-01T00:00:00Z", dtype=TEXT)
        file.attrs.create("versions", json.dumps({"weightsweep": "made-up"}), dtype=TEXT)
        file.attrs["schema_version"] = np.int64(1)
        scales = {name: _dimension(file, name, length) for name, length in [("run", len(runs)), ("point", points)]}
        for name in ("message", "arithmetic"):
            scales[name] = _dimension(file, f"{name}_length", 256)

        _column(file, scales, "run_id", np.array([f"{index:012x}" for index in range(0x5EED, 0x5EED + len(runs))], dtype=object), "1", "identity of the run", "setting")
        for name, (unit, long_name, default) in SETTINGS.items():
            values = np.array([run[name] for run in runs], dtype={int: "i8", float: "f8", str: object}[type(default)])
            _column(file, scales, name, values, unit, long_name, "setting")
        status = np.array([STATUS.index(run["status"]) for run in runs], dtype="u1")
        _column(file, scales, "status", status, "1", "what has become of the run", None)
        file["status"].attrs["flag_values"] = np.arange(len(STATUS), dtype="u1")
        file["status"].attrs.create("flag_meanings", " ".join(STATUS), dtype=TEXT)
        _outcomes(file, scales, runs, points)
        if ranks:
            _evaluations(file, scales, runs)
            _timeline(file, runs, ranks)
        for name, long_name in [("message", "why the run failed"), ("arithmetic", "what computed the run")]:
            values = np.array([run.get(name, "").encode().ljust(256, b"\0") for run in runs], dtype="S256").view("S1").reshape(len(runs), 256)
            _column(file, scales, name, values, "1", long_name, "outcome")
            file[name].attrs.create("_Encoding", "utf-8", dtype=TEXT)
        for name in ("row_checksum", "curve_checksum", "model_checksum"):
            _column(file, scales, name, np.full(len(runs), -1, dtype="i8"), "1", "CRC-32", "checksum")
        for group in ("models", "checkpoints"):
            file.create_group(group)


def _outcomes(file: h5py.File, scales: dict[str, h5py.Dataset], runs: list[Run], points: int) -> None:
    curves = {name: np.full((len(runs), points), np.nan) for name in CURVES}
    columns = {name: np.full(len(runs), np.nan) for name in OUTCOMES}
    for index, run in enumerate(runs):
        done = {"done": run["steps"], "running": run["steps"] // 2, "diverged": run["steps"] // 3}.get(run["status"], 0)
        columns["steps_done"][index] = done
        step = np.minimum(np.arange(1, points + 1) * run["evaluation_every"], run["steps"]).astype(float)
        step = step[: -(-run["steps"] // run["evaluation_every"])]
        step = step[step <= done]
        curves["curve_step"][index, : len(step)] = step
        curves["curve_loss"][index, : len(step)] = loss_at(run, step)
        curves["curve_r2"][index, : len(step)] = 1 - 2 * loss_at(run, step)
        curves["curve_seconds"][index, : len(step)] = step * 0.065
        if done:
            last = float(loss_at(run, np.array([done]))[0])
            values = {"loss": last * 1.02, "loss_ema": last, "r2": 1 - 2 * last, "r2_stderr": 0.004 * last + 1e-4, "wall_seconds": done * 0.065, "rank_seconds": done * 0.13}
            for name, value in values.items():
                columns[name][index] = value
        if run["status"] in ("diverged", "failed"):
            for name in ("loss", "loss_ema", "r2", "r2_stderr"):
                columns[name][index] = np.nan
    for name, (unit, long_name) in OUTCOMES.items():
        _column(file, scales, name, columns[name].astype("i8") if name == "steps_done" else columns[name], unit, long_name, "outcome")
    for name, (unit, long_name) in CURVES.items():
        _column(file, scales, name, curves[name], unit, long_name, None)


def _evaluations(file: h5py.File, scales: dict[str, h5py.Dataset], runs: list[Run]) -> None:
    r2 = file["r2"][:]
    values = {"r2_uniform": r2 - 0.01, "r2_wide": r2 - 0.2, "r2_shifted": r2 - 0.1, "weight_match": 1 - 3 * (1 - r2), "weight_match_chance": np.array([0.5 - run["unknowns"] / 500 for run in runs])}
    for name, (unit, long_name) in EVALUATIONS.items():
        _column(file, scales, name, values[name], unit, long_name, "outcome")


def _timeline(file: h5py.File, runs: list[Run], ranks: int) -> None:
    rows = []
    free = [0.0] * ranks
    for index, run in enumerate(runs):
        seconds = run["steps"] * 0.065 * run["unknowns"] / 15
        rank = free.index(min(free))
        rows.append((index, rank, 1, 0, run["steps"], free[rank], free[rank] + seconds))
        free[rank] += seconds
    rows += [(-1, -1, -1, -1, -1, np.nan, np.nan)] * 3
    scale = _dimension(file, "segment", len(rows))
    for place, name in enumerate(TIMELINE):
        column = np.array([row[place] for row in rows])
        dataset = file.create_dataset(f"timeline_{name}", data=column.astype("f8" if name.endswith("seconds") else "i8"))
        dataset.dims[0].attach_scale(scale)
        dataset.attrs.create("units", "s" if name.endswith("seconds") else "1", dtype=TEXT)


def _dimension(file: h5py.File, name: str, length: int) -> h5py.Dataset:
    scale = file.create_dataset(name, shape=(length,), dtype=">f4")
    scale.make_scale(NOT_A_VARIABLE % length)
    return scale


def _column(file: h5py.File, scales: dict[str, h5py.Dataset], name: str, values: np.ndarray, unit: str, long_name: str, role: str | None) -> None:
    dataset = file.create_dataset(name, data=values, dtype=TEXT if values.dtype == object else None)
    dataset.dims[0].attach_scale(scales["run"])
    if values.ndim == 2:
        dataset.dims[1].attach_scale(scales[name if name in scales else "point"])
    for attribute, text in [("units", unit), ("long_name", long_name), ("role", role)]:
        if text:
            dataset.attrs.create(attribute, text, dtype=TEXT)


if __name__ == "__main__":
    make_results(Path(sys.argv[1]), grid(unknowns=[15, 50], equation_ratio=[1.33, 2.0, 3.0]))
