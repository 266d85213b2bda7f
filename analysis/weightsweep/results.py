"""A results file as an xarray.Dataset. The only module that knows how the file is laid out."""

import os
from pathlib import Path

# A reader sets no lock: it must neither wait for the program that is writing the file nor stop it. HDF5 looks once.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")

import h5py
import numpy as np
import xarray as xr

SCHEMA_VERSION = 1

# Settings that follow from others: shown only where they say something of their own.
_COSTS = ("parameters", "flops_per_step")
_FIRST = ("unknowns", "equations")


class ResultsError(Exception):
    """The file cannot be read as a results file; the message says why."""


def open_sweep(path: str | Path) -> xr.Dataset:
    """Everything but the models and checkpoints of a results file, in memory, also while it is being written.

    Dimensions `run` and `point`; settings and run_id are coordinates of `run`, outcomes and curves are variables, each with
    `units` and `long_name`; `status` is text: pending, running, done, diverged or failed. Attributes: those of the file.
    """
    if not Path(path).is_file():
        raise ResultsError(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            version = int(file.attrs.get("schema_version", 0)) if "run_id" in file else 0
        if version == 0:
            raise ResultsError(f"{path}: an HDF5 file, but no results of weightsweep")
        if version > SCHEMA_VERSION:
            raise ResultsError(f"{path}: written by a newer weightsweep (schema {version}; this package knows {SCHEMA_VERSION})")
        dataset = xr.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError, KeyError) as error:
        raise ResultsError(f"{path}: not a file that HDF5 and xarray can read ({error})") from error
    dataset = dataset.drop_vars([name for name, variable in dataset.items() if variable.attrs.get("role") == "checksum"])
    dataset["status"] = _flags_as_text(dataset["status"])
    for name, variable in dataset.items():
        if variable.dtype.kind in "SO":
            dataset[name] = variable.copy(data=np.array([_text(value) for value in variable.values], dtype=object))
    settings = [name for name, variable in dataset.items() if variable.attrs.get("role") == "setting"]
    dataset.attrs["source"] = str(path)
    return dataset.set_coords(["run_id", *settings])


def axes(dataset: xr.Dataset) -> list[str]:
    """The settings that differ between runs, unknowns and equations first, without those that only restate another one."""
    kept: list[str] = []
    for name in sorted(_settings(dataset), key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST)):
        values = dataset[name].values
        if len(set(values)) > 1 and not any(_follows(values, dataset[other].values) for other in kept):
            kept.append(name)
    if "equations" in kept and "equation_ratio" in kept:
        kept.remove("equation_ratio")
    return kept


def _settings(dataset: xr.Dataset) -> list[str]:
    return [str(name) for name, variable in dataset.coords.items() if variable.dims == ("run",) and name not in ("run_id", *_COSTS)]


def _follows(values: np.ndarray, other: np.ndarray) -> bool:
    """Whether `values` is a function of `other`."""
    seen: dict[object, object] = {}
    return all(seen.setdefault(key, value) == value for key, value in zip(other, values, strict=True))


def _flags_as_text(status: xr.DataArray) -> xr.DataArray:
    names = dict(zip(np.atleast_1d(status.attrs["flag_values"]), str(status.attrs["flag_meanings"]).split(), strict=True))
    text = np.array([names.get(value, f"unknown ({value})") for value in status.values], dtype=object)
    attributes = {name: value for name, value in status.attrs.items() if not name.startswith("flag_")}
    return xr.DataArray(text, dims=status.dims, attrs=attributes)


def _text(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.rstrip("\0")
