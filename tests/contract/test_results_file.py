"""The results file: attributes, dimensions, columns, curves and models, for every reader, also during a run."""

import json
import re
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray
from conftest import Sweep
from harness import STATUS, checkpoint, columns, is_dimension, models, plan, run, status, text_attribute, weightsweep, write_sweep

TEXT, CHARS, INT, REAL, BYTE = "text", "chars", "int64", "float64", "uint8"

# name: type and unit
SETTINGS = {
    "run_id": (TEXT, "1"),
    "task": (TEXT, "1"),
    "model": (TEXT, "1"),
    "unknowns": (INT, "1"),
    "equation_ratio": (REAL, "1"),
    "equations": (INT, "1"),
    "embed_dim": (INT, "1"),
    "pooling": (TEXT, "1"),
    "seed": (INT, "1"),
    "generator_inputs": (INT, "1"),
    "generator_hidden": (TEXT, "1"),
    "generator_init": (TEXT, "1"),
    "steps": (INT, "steps"),
    "batch": (INT, "1"),
    "shards": (INT, "1"),
    "optimizer": (TEXT, "1"),
    "learning_rate": (REAL, "1"),
    "schedule": (TEXT, "1"),
    "warmup_steps": (INT, "steps"),
    "eval_points": (INT, "1"),
    "training_noise": (TEXT, "1"),
    "training_inputs": (TEXT, "1"),
    "precision": (TEXT, "1"),
    "encoder": (TEXT, "1"),
    "decoder": (TEXT, "1"),
    "network_hidden": (TEXT, "1"),
    "heads": (INT, "1"),
    "queries": (INT, "1"),
    "refinements": (INT, "1"),
    "refine_from": (TEXT, "1"),
    "evaluation_every": (INT, "steps"),
    "evaluation_generators": (INT, "1"),
    "evaluation_inputs": (TEXT, "1"),
    "evaluation_set_sizes": (TEXT, "1"),
    "evaluation_noise": (TEXT, "1"),
    "evaluation_direct_fit": (INT, "1"),
    "evaluation_fit_starts": (INT, "1"),
    "evaluation_fit_iterations": (INT, "1"),
    "evaluation_refine": (TEXT, "1"),
    "parameters": (INT, "1"),
    "flops_per_step": (REAL, "FLOP"),
}
OUTCOMES = {
    "status": (BYTE, "1"),
    "steps_done": (INT, "steps"),
    "loss": (REAL, "1"),
    "loss_ema": (REAL, "1"),
    "r2": (REAL, "1"),
    "r2_stderr": (REAL, "1"),
    "weight_match": (REAL, "1"),
    "weight_match_chance": (REAL, "1"),
    "weight_match_error": (REAL, "1"),
    "weight_match_error_chance": (REAL, "1"),
    "r2_least_squares": (REAL, "1"),
    "r2_least_squares_stderr": (REAL, "1"),
    "r2_affine_fit": (REAL, "1"),
    "r2_affine_fit_stderr": (REAL, "1"),
    "r2_quadratic_fit": (REAL, "1"),
    "r2_quadratic_fit_stderr": (REAL, "1"),
    "wall_seconds": (REAL, "s"),
    "rank_seconds": (REAL, "s"),
    "message": (CHARS, "1"),
    "arithmetic": (CHARS, "1"),
}
CURVES = {"curve_step": (REAL, "steps"), "curve_loss": (REAL, "1"), "curve_r2": (REAL, "1"), "curve_seconds": (REAL, "s")}
TIMELINE = {
    "timeline_run": ("int64", "1"),
    "timeline_first_rank": ("int64", "1"),
    "timeline_ranks": ("int64", "1"),
    "timeline_from_step": ("int64", "steps"),
    "timeline_to_step": ("int64", "steps"),
    "timeline_start_seconds": (REAL, "s"),
    "timeline_end_seconds": (REAL, "s"),
}
COLUMNS = SETTINGS | OUTCOMES | CURVES | TIMELINE


SEGMENTS = 8 * 4 + 1024


def dimensions_of(name: str) -> tuple[str, ...]:
    return ("segment",) if name in TIMELINE else ("run", "point") if name in CURVES else ("run",)


def type_of(dataset: h5py.Dataset) -> str:
    text = h5py.check_string_dtype(dataset.dtype)
    if text is None:
        return str(dataset.dtype)
    return TEXT if text.length is None else f"{CHARS if text.length == 1 else text.length}"


# ---- what is there ----


def test_root_attributes(finished: Sweep, tmp_path: Path) -> None:
    with h5py.File(finished.results) as file:
        found = dict(file.attrs)
    assert found["sweep"] == finished.yaml.read_text()
    assert found["schema_version"] == 2
    assert abs((datetime.fromisoformat(found["created"].replace("Z", "+00:00")).timestamp()) - finished.results.stat().st_mtime) < 600
    versions = json.loads(found["versions"])
    assert {"weightsweep", "arithmetic", "mpi", "hdf5"} <= set(versions) and all(versions.values())
    # `resolved` says everything, so it is a sweep file of its own: of the same runs.
    again = tmp_path / "resolved.yaml"
    again.write_text(found["resolved"])
    assert plan(again)["runs"] == plan(finished.yaml)["runs"]
    for words in ("seed: 1", "pooling: mean", "learning_rate: 0.001", "every: 10", "init: lecun"):
        assert words in found["resolved"]


@pytest.mark.parametrize("name", COLUMNS)
def test_column(finished: Sweep, name: str) -> None:
    kind, unit = COLUMNS[name]
    with h5py.File(finished.results) as file:
        column = file[name]
        assert type_of(column) == kind
        assert text_attribute(column, "units") == unit
        assert len(text_attribute(column, "long_name")) > 3
        dimensions = [column.dims[axis][0].name.lstrip("/") for axis in range(column.ndim)]
        assert dimensions == list(dimensions_of(name)) + ([f"{name}_length"] if kind == CHARS else [])
        assert column.shape == tuple(file[dimension].shape[0] for dimension in dimensions)
        if kind == CHARS:
            assert text_attribute(column, "_Encoding") == "utf-8"


def test_every_column_has_a_unit_and_a_name(finished: Sweep) -> None:
    with h5py.File(finished.results) as file:
        for name, item in file.items():
            if isinstance(item, h5py.Dataset) and not is_dimension(item):
                assert text_attribute(item, "units") in ("1", "s", "steps", "bytes", "FLOP"), name
                assert text_attribute(item, "long_name"), name
                assert item.dims[0][0].name == "/" + dimensions_of(name)[0], name


def test_dimensions_are_netcdf_s_own(finished: Sweep) -> None:
    with h5py.File(finished.results) as file:
        assert file["run"].shape == (4,) and file["point"].shape == (3,) and file["segment"].shape == (SEGMENTS,)
        for name, item in file.items():
            if isinstance(item, h5py.Dataset) and is_dimension(item):
                assert text_attribute(item, "NAME") == f"This is a netCDF dimension but not a netCDF variable.{item.shape[0]:10d}", name


def test_status_flags(finished: Sweep) -> None:
    with h5py.File(finished.results) as file:
        attributes = file["status"].attrs
        assert attributes["flag_values"].dtype == np.uint8 and list(attributes["flag_values"]) == [0, 1, 2, 3, 4]
        assert text_attribute(file["status"], "flag_meanings") == " ".join(STATUS)


def test_values_of_a_finished_sweep(finished: Sweep) -> None:
    file, planned = columns(finished.results), plan(finished.yaml)["runs"]
    for name in ("run_id", "unknowns", "equations", "equation_ratio", "parameters", "flops_per_step"):
        assert list(file[name]) == [each[name] for each in planned], name
    assert file["encoder"] == ["16,24"] * 4 and file["generator_hidden"] == ["2", "2", "5", "5"]
    assert list(file["status"]) == [2] * 4 and list(file["steps_done"]) == [30] * 4
    for name in ("loss", "loss_ema", "r2", "r2_stderr", "wall_seconds", "rank_seconds"):
        assert np.isfinite(file[name]).all(), name
    assert (file["loss"] > 0).all() and (file["r2"] < 1).all() and (file["r2_stderr"] > 0).all()
    assert file["message"] == [""] * 4
    arithmetic = json.loads(h5py.File(finished.results).attrs["versions"])["arithmetic"]
    assert file["arithmetic"] == [arithmetic] * 4 and arithmetic in weightsweep("info").out


def test_curves(finished: Sweep) -> None:
    file = columns(finished.results)
    assert (file["curve_step"] == [10, 20, 30]).all()
    assert (file["curve_loss"][:, -1] == file["loss_ema"]).all() and (file["curve_r2"][:, -1] == file["r2"]).all()
    assert (np.diff(file["curve_seconds"]) > 0).all() and (file["curve_seconds"][:, -1] <= file["wall_seconds"]).all()


def test_curves_have_a_point_at_the_last_step_and_nan_where_not_reached(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "uneven.yaml", axes={"steps": [5, 10, 25, 40]}), tmp_path / "uneven.h5"
    assert run(2, sweep, results, "--quiet").code == 0
    file, nan = columns(results), np.nan
    np.testing.assert_array_equal(file["curve_step"], [[5, nan, nan, nan], [10, nan, nan, nan], [10, 20, 25, nan], [10, 20, 30, 40]])
    for name in CURVES:
        np.testing.assert_array_equal(np.isnan(file[name]), np.isnan(file["curve_step"]))


def test_loss_is_of_the_last_step_and_its_average_starts_at_the_first(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "loss.yaml", axes={"steps": [1, 12]}, evaluation={"every": 1}), tmp_path / "loss.h5"
    assert run(1, sweep, results, "--quiet").code == 0
    file = columns(results)
    average = file["curve_loss"][1]
    assert file["loss"][0] == file["loss_ema"][0] == average[0]
    assert file["loss"][1] == pytest.approx((average[11] - 0.99 * average[10]) / 0.01, rel=1e-9)


# ---- models ----


def test_models_have_pytorch_s_names_and_shapes(finished: Sweep) -> None:
    file, found = columns(finished.results), models(finished.results)
    assert list(found) == sorted(file["run_id"])
    for index, run_id in enumerate(file["run_id"]):
        widths = {"encoder.net": [3, 16, 24, 8], "decoder": [8, 16, file["unknowns"][index]]}
        expected = {}
        for stack, width in widths.items():
            for layer, (inputs, outputs) in enumerate(zip(width, width[1:])):
                expected[f"{stack}.{2 * layer}.weight"] = (outputs, inputs)
                expected[f"{stack}.{2 * layer}.bias"] = (outputs,)
        assert {name: tensor.shape for name, tensor in found[run_id].items()} == expected
        assert {tensor.dtype for tensor in found[run_id].values()} == {np.dtype("f4")}
        assert sum(tensor.size for tensor in found[run_id].values()) == file["parameters"][index]
        assert all(np.isfinite(tensor).all() and tensor.any() for tensor in found[run_id].values())


def test_a_model_infers_weights(tmp_path: Path) -> None:
    """A model in the file, run by plain numpy as the design describes it, explains as much as the column r2 says."""
    training = {"steps": 1500, "batch": 64, "optimizer": "muon", "learning_rate": 0.01, "schedule": "cosine", "warmup_steps": 50, "eval_points": 8}
    sweep = write_sweep(tmp_path / "good.yaml", unknowns=15, embed_dim=16, training=training, network={"encoder": [32, 48], "decoder": [48]}, evaluation={"every": 1500, "generators": 4096})
    results = tmp_path / "good.h5"
    assert run(2, sweep, results, "--quiet").code == 0
    file, (model,) = columns(results), models(results).values()
    random, many, d, h, pairs = np.random.default_rng(1), 4096, 2, 5, 30

    def dense(layer: str, x: np.ndarray) -> np.ndarray:
        return x @ model[f"{layer}.weight"].T + model[f"{layer}.bias"]

    def relu(x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    def generate(first: np.ndarray, second: np.ndarray, x: np.ndarray) -> np.ndarray:
        return np.einsum("gph,gh->gp", relu(np.einsum("gpd,gdh->gph", x, first)), second)

    first, second = random.normal(size=(many, d, h)) / np.sqrt(d), random.normal(size=(many, h)) / np.sqrt(h)
    x = random.normal(size=(many, pairs, d))
    sets = np.concatenate([x, generate(first, second, x)[..., None]], axis=2)
    embedding = dense("encoder.net.4", relu(dense("encoder.net.2", relu(dense("encoder.net.0", sets)))))
    weights = dense("decoder.2", relu(dense("decoder.0", embedding.mean(axis=1))))
    fresh = random.normal(size=(many, 16, d))
    truth = generate(first, second, fresh)
    inferred = generate(weights[:, : d * h].reshape(many, d, h), weights[:, d * h :], fresh)
    r2 = 1 - np.mean((truth - inferred) ** 2) / np.var(truth)
    assert file["r2"][0] > 0.6, "it has learned something"
    assert r2 == pytest.approx(file["r2"][0], abs=0.02 + 4 * file["r2_stderr"][0])


def test_rates(tmp_path: Path) -> None:
    """learning_rate * min(1, (s + 1)/warmup_steps) * (1 + cos(pi s/steps))/2, seen in how far the second of two steps goes."""
    found = []
    for number, training in enumerate([{"steps": 1}, {"steps": 2}, {"steps": 2, "schedule": "cosine"}, {"steps": 1, "warmup_steps": 4}]):
        sweep, results = write_sweep(tmp_path / f"{number}.yaml", training=training), tmp_path / f"{number}.h5"
        assert run(1, sweep, results, "--quiet").code == 0
        (model,) = models(results).values()
        found.append(np.concatenate([tensor.ravel().astype(float) for _, tensor in sorted(model.items())]))
    after_one, after_two, after_two_cosine, after_one_warm = found
    moved = np.abs(after_two - after_one) > 1e-4
    assert moved.mean() > 0.5
    np.testing.assert_allclose((after_two_cosine - after_one)[moved], 0.5 * (after_two - after_one)[moved], rtol=2e-3)
    # Adam's first step is the rate itself, up or down: a quarter of it leaves three quarters of the way.
    distance = np.abs(after_one - after_one_warm)
    np.testing.assert_allclose(np.median(distance), 0.75e-3, rtol=1e-3)


# ---- what is not there yet ----


def test_unknown_values_are_nan(tmp_path: Path, finished: Sweep) -> None:
    first, *others = columns(finished.results)["run_id"]
    results = tmp_path / "part.h5"
    assert run(1, finished.yaml, results, "--quiet", "--only", first).code == 0
    file, found = columns(results), status(results)
    assert list(file["status"]) == [2, 0, 0, 0] and list(file["steps_done"]) == [30, 0, 0, 0]
    for name in ("loss", "loss_ema", "r2", "r2_stderr", "wall_seconds", "rank_seconds"):
        np.testing.assert_array_equal(np.isnan(file[name]), [False, True, True, True], name)
    for name in CURVES:
        assert np.isnan(file[name][1:]).all() and not np.isnan(file[name][0]).any(), name
    assert file["message"] == [""] * 4 and file["arithmetic"][1:] == [""] * 3
    assert (found["done"], found["pending"]) == (1, 3) and 0 < found["fraction"] < 1
    assert found["runs"][1]["r2"] is None and found["runs"][1]["status"] == "pending"
    assert weightsweep("export", results, "--runs").out.splitlines()[2].startswith(others[0])
    assert len(weightsweep("export", results, "--curves").out.splitlines()) == 1 + 3


def test_checkpoints_exist(finished: Sweep) -> None:
    for run_id in columns(finished.results)["run_id"]:
        sequence, step = checkpoint(finished.results, run_id)
        assert sequence >= 1 and step == 30


# ---- readers ----


def load(results: Path, engine: str) -> Any:
    return xarray.load_dataset(results, engine=engine)


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_xarray(finished: Sweep, engine: str) -> None:
    data, file = load(finished.results, engine), columns(finished.results)
    assert dict(data.sizes) == {"run": 4, "point": 3, "segment": SEGMENTS}
    assert set(COLUMNS) <= set(data.variables)
    for name in COLUMNS:
        assert data[name].dims == dimensions_of(name), name
        if name == "status":
            continue
        np.testing.assert_array_equal(data[name].values, np.array(file[name], dtype=data[name].dtype), name)
        assert data[name].attrs["units"] == COLUMNS[name][1]
    assert list(data["status"].values) == [2] * 4 and data["status"].attrs["flag_meanings"] == " ".join(STATUS)
    assert data.attrs["sweep"] == finished.yaml.read_text()


def test_xarray_engines_agree(finished: Sweep) -> None:
    assert load(finished.results, "h5netcdf").equals(load(finished.results, "netcdf4"))


def ncdump(*arguments: str | Path) -> str:
    return subprocess.run(["ncdump", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


def test_ncdump(finished: Sweep) -> None:
    text = ncdump(finished.results)
    for run_id in columns(finished.results)["run_id"]:
        assert f'"{run_id}"' in text
    assert re.search(r"generator_hidden = \"2\", \"2\", \"5\", \"5\" ;", text)
    assert 'string status:flag_meanings = "pending running done diverged failed" ;' in text


# ---- readers, while it is being written ----


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_xarray_while_it_is_written(live: Sweep, engine: str) -> None:
    for _ in range(3):
        data = load(live.results, engine)
        assert dict(data.sizes)["run"] == 3 and set(COLUMNS) <= set(data.variables)
        assert sorted(data["status"].values) == [0, 1, 1]
        assert list(data["generator_hidden"].values) == ["2"] * 3


def test_ncdump_while_it_is_written(live: Sweep) -> None:
    assert 'string status:flag_meanings' in ncdump("-h", live.results)
    assert "run_id = " in ncdump("-v", "run_id,status,r2,message", live.results)


def test_the_program_while_it_is_written(live: Sweep) -> None:
    found = status(live.results)
    assert (found["total"], found["running"], found["pending"], found["done"]) == (3, 2, 1, 0)
    assert [each["status"] for each in found["runs"]].count("running") == 2
    assert "2 running" in weightsweep("status", live.results).out
    for _ in range(3):
        assert weightsweep("verify", live.results).code == 0
    assert weightsweep("export", live.results, "--runs").code == weightsweep("export", live.results, "--curves").code == 0
