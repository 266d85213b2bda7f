"""A sweep as a dense grid over its axes, and back to one row per run."""

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from weightsweep import results
from weightsweep.values import order

if TYPE_CHECKING:
    import pandas


def open_sweep(path: str | Path) -> xr.Dataset:
    """Loads a results file like open_runs, with the sweep's axes as dimensions: `open_sweep("a.h5").r2.sel(unknowns=15).mean("seed")`.

    Each axis of the sweep file is a dimension, also if it has one value; other settings are not. A setting that follows from some axes
    (equations, from unknowns and equation_ratio) is a coordinate over these axes. A combination without a run (`exclude`) has NaN, and "" in
    text columns. The R^2 of a diverged run is NaN. The result has the dimension `run` if the axes do not tell all runs apart.
    """
    return as_grid(results.open_runs(path))


def as_grid(runs: xr.Dataset) -> xr.Dataset:
    """The dataset of open_sweep, from that of open_runs."""
    names = results.file_axes(runs) or results.grid_axes(runs)
    values = [np.array(sorted(set(runs[name].values), key=order), dtype=runs[name].dtype) for name in names]
    if not names or any(value != value for each in values for value in each):
        return runs
    places = [{value: place for place, value in enumerate(each)} for each in values]
    cells = tuple(np.array([of[value] for value in runs[name].values], dtype=int) for name, of in zip(names, places, strict=True))
    present = np.zeros([len(each) for each in values], dtype=bool)
    present[cells] = True
    if present.sum() != runs.sizes["run"]:
        return runs
    variables: dict[Hashable, xr.Variable] = {name: xr.Variable(name, each, runs[name].attrs) for name, each in zip(names, values, strict=True)}
    follows = {*results.setting_names(runs), *results.COSTS}
    for name, variable in runs.variables.items():
        if name in names or variable.dims[:1] != ("run",):
            variables.setdefault(name, variable)
            continue
        data = np.empty((*present.shape, *variable.shape[1:]), variable.dtype)
        data[cells] = variable.values
        kept, data, filled = _reduced(data, present, names) if name in follows else (names, data, present)
        variables[name] = xr.Variable([*kept, *variable.dims[1:]], _with_holes(data, filled), variable.attrs)
    return xr.Dataset(variables, attrs=runs.attrs).set_coords([name for name in runs.coords if name in variables])


def _reduced(data: np.ndarray, present: np.ndarray, names: list[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """A setting without the axes along which it is constant: the remaining axes, the values, and where they are defined."""
    kept = list(names)
    for name in names:
        axis = kept.index(name)
        first = np.expand_dims(present.argmax(axis), axis)
        one = np.take_along_axis(data, first, axis)
        if np.all((data == one) | ~present):
            data, present = one.squeeze(axis), present.any(axis)
            kept.remove(name)
    return kept, data, present


def _with_holes(data: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The data with NaN, "" or false where no run is present. Integers become floats if there are such cells."""
    if present.all():
        return data
    data = data.astype(float) if data.dtype.kind in "iu" else data.copy()
    data[~present] = "" if data.dtype.kind in "OU" else np.nan
    return data


def as_runs(dataset: xr.Dataset) -> xr.Dataset:
    """Flattens a grid to the dimension `run`, in row-major order, without the combinations that have no run. A dataset with the dimension `run`
    is returned unchanged."""
    if "run" in dataset.dims:
        return dataset
    names = list(dataset["run_id"].dims)
    shape = {name: dataset.sizes[name] for name in names}
    present = np.flatnonzero(dataset["run_id"].values.reshape(-1) != "")
    variables = {}
    for name, variable in dataset.variables.items():
        if "segment" in variable.dims:
            variables[name] = variable
            continue
        rest = [dimension for dimension in variable.dims if dimension not in names]
        full = variable.set_dims({**shape, **{dimension: dataset.sizes[dimension] for dimension in rest}}).transpose(*names, *rest)
        variables[name] = xr.Variable(["run", *rest], full.values.reshape(-1, *full.shape[len(names) :])[present], variable.attrs)
    return xr.Dataset(variables, attrs=dataset.attrs).set_coords(list(dataset.coords))


def to_pandas(dataset: xr.Dataset, curves: bool = False) -> "pandas.DataFrame":
    """One row per run. With `curves`, one row per point that the curves of a run have reached, with run_id and the axes."""
    runs = as_runs(dataset)
    if not curves:
        return runs[[name for name, variable in runs.variables.items() if variable.dims == ("run",)]].to_dataframe().reset_index(drop=True)
    names = ["run_id", *results.axes(runs), *(str(name) for name in runs if runs[name].dims == ("run", "point"))]
    table = runs[names].reset_coords().to_dataframe().reset_index()
    return table[table["curve_step"].notna()][names].reset_index(drop=True)
