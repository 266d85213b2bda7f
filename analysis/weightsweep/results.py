"""Reads a results file into an xarray.Dataset. The only module that depends on the layout of the file."""

import errno
import math
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

# Readers take no lock, so they neither wait for the writer nor block it. HDF5 reads this variable once, when it is loaded.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")

import h5py
import numpy as np
import xarray as xr

from weightsweep.values import exact

SCHEMA_VERSION = 2
DIVERGED_BELOW = -100.0  # R^2 at the last step; the squared error is then more than a hundred times the variance

# Columns that follow from the settings.
COSTS = ("parameters", "flops_per_step")
_FIRST = ("unknowns", "equations")

# Columns that tables, figures and pages need, with their dimensions.
_RUN, _POINT = ("run",), ("run", "point")
_REQUIRED = {
    **dict.fromkeys(("run_id", "status", "task", "model", "unknowns", "equations", "steps", "steps_done", "flops_per_step"), _RUN),
    **dict.fromkeys(("loss_ema", "r2", "r2_stderr", "wall_seconds", "message"), _RUN),
    **dict.fromkeys(("curve_step", "curve_loss", "curve_r2", "curve_seconds"), _POINT),
}

Row = dict[str, np.ndarray]  # one run: a 0-d array per column, [point] per curve


class ResultsError(Exception):
    """The file cannot be read as a results file; the message has the reason."""


def open_runs(path: str | Path) -> xr.Dataset:
    """Loads a results file without models and checkpoints into memory. The file may be in use by a writer.

    Dimensions: `run`, `point`, and `segment` (timeline). Settings and run_id are coordinates of `run`; outcomes and curves are variables,
    each with `units` and `long_name`; `status` is text: pending, running, done, diverged or failed. Attributes: those of the file, and
    `source`, its path. The R^2 of a diverged run is NaN, so that it does not enter means; the file keeps the value. A run that an older
    version marked as done with an R^2 below -100 is diverged.
    """
    with open_file(path) as file:
        try:
            dataset = _decoded(file)
        except (MemoryError, ResultsError):
            raise
        except Exception as error:  # damaged bytes raise errors of any type
            raise _damaged(path, error) from error
    missing = [name for name, dims in _REQUIRED.items() if name not in dataset.variables or dataset[name].dims != dims]
    if missing:
        raise _damaged(path, f"column {missing[0]} is missing or has another shape")
    _leave_out_diverged(dataset)
    dataset.attrs["source"] = str(path)
    return dataset


def _decoded(file: h5py.File) -> xr.Dataset:
    """The dataset without checksums, with text as str and settings as coordinates."""
    dataset = xr.Dataset({name: _variable(file[name]) for name in _variables(file)}, attrs=_attributes(file))
    dataset["status"] = _flags_as_text(dataset["status"])
    dataset = dataset.drop_vars([name for name, variable in dataset.items() if variable.attrs.get("role") == "checksum"])
    for name, variable in dataset.items():
        if variable.dtype.kind in "SOUT":  # newer versions of xarray have a string type
            dataset[name] = variable.copy(data=np.array([_text(value) for value in variable.values], dtype=object))
    return dataset.set_coords(["run_id", *(name for name, variable in dataset.items() if variable.attrs.get("role") == "setting")])


@contextmanager
def open_file(path: str | Path) -> Iterator[h5py.File]:
    """Opens the file in h5py for reading. Raises ResultsError if it is not a results file."""
    try:
        if not Path(path).is_file():
            kind = "a folder" if Path(path).is_dir() else "not a regular file"
            raise ResultsError(f"{path}: {kind}; expected a results file" if Path(path).exists() else f"{path}: no such file")
        with open(path, "rb"):  # raises an OSError with the reason, which HDF5 does not report
            file = h5py.File(path, "r")
    except PermissionError as error:
        raise ResultsError(f"{path}: {error.strerror}") from error
    except OSError as error:
        raise _disk_error(path, error) or ResultsError(f"{path}: not a file that HDF5 can read ({error})") from error
    with file:
        try:
            version = int(file.attrs.get("schema_version", 0)) if "run_id" in file else 0
        except Exception as error:
            raise _damaged(path, error) from error
        if version == 0:
            raise ResultsError(f"{path}: an HDF5 file, but not a results file of weightsweep")
        if version > SCHEMA_VERSION:
            raise ResultsError(f"{path}: written by a newer weightsweep (schema version {version}; this package reads up to {SCHEMA_VERSION}): install a newer package")
        yield file


def _damaged(path: str | Path, error: object) -> Exception:
    return _disk_error(path, error) or ResultsError(f"{path}: damaged ({error}); `weightsweep verify` names the damaged parts")


def _disk_error(path: str | Path, error: object) -> OSError | None:
    """The OSError if the disk or the file system failed (the file may be undamaged), else None. HDF5 reports the cause only as text."""
    found = [number for number in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT) if os.strerror(number) in str(error)]
    return OSError(found[0], os.strerror(found[0]), str(path)) if found else None


def _variables(file: h5py.File) -> list[str]:
    """Names of the columns, curves and timeline columns in creation order, since `status` must be read first while a run is written. Datasets
    that other programs added are omitted: they come after the first /internal/immutable[0] datasets. Older files have no such count."""
    names: list[bytes] = []
    try:
        file.id.links.iterate(names.append, idx_type=h5py.h5.INDEX_CRT_ORDER)
    except RuntimeError:  # the file does not track the creation order
        names = [name.encode() for name in file]
    datasets = (name.decode() for name in names if isinstance(file.get(name), h5py.Dataset))
    if "immutable" in file.get("internal", ()):
        ours = list(islice(datasets, int(file["internal/immutable"][0])))
    else:
        ours = [name for name in datasets if "role" in file[name].attrs or name == "status" or name.startswith(("curve_", "timeline_"))]
    return [name for name in ours if file[name].attrs.get("CLASS") != b"DIMENSION_SCALE"]


def _variable(item: h5py.Dataset) -> xr.Variable:
    dimensions = [scales[0].name.lstrip("/") for scales in item.dims]
    values = item[...]
    if h5py.check_string_dtype(item.dtype) is not None:
        values = np.array([b"".join(row) if item.ndim == 2 else row for row in values], dtype=object)  # char arrays and texts
    return xr.Variable(dimensions[: values.ndim], values, _attributes(item))


def _attributes(item: h5py.File | h5py.Dataset) -> dict[str, object]:
    """Attributes that are text, numbers or small arrays, without those of HDF5 dimension scales and of types that numpy lacks."""
    kept = {}
    for name in item.attrs:
        if name not in ("DIMENSION_LIST", "_Encoding") and item.attrs.get_id(name).dtype.kind in "OSiuf":
            value = item.attrs[name]
            kept[name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return kept


def rows(runs: xr.Dataset) -> list[Row]:
    """One Row per run, with its columns and its curves [point]."""
    columns = {str(name): variable.values for name, variable in runs.variables.items() if variable.dims[:1] == ("run",)}
    return [{name: np.asarray(values[run]) for name, values in columns.items()} for run in range(runs.sizes["run"])]


def done(runs: xr.Dataset) -> xr.Dataset:
    return runs.isel(run=np.flatnonzero(runs["status"].values == "done"))


def groups(runs: Iterable[Row], names: list[str]) -> dict[tuple[object, ...], list[Row]]:
    """Groups the runs by the values of the settings `names`."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for run in runs:
        found.setdefault(tuple(_one_nan(run[name].item()) for name in names), []).append(run)
    return found


def _one_nan(value: object) -> object:
    """The value as a dictionary key; every NaN becomes the same object, so that NaNs are equal keys."""
    return math.nan if isinstance(value, float) and math.isnan(value) else value


def file_axes(runs: xr.Dataset) -> list[str]:
    """The columns of the axes in the resolved sweep file, in its order; none if the file has no axes."""
    block = re.search(r"^axes:\n((?:  .*\n)+)", str(runs.attrs.get("resolved", "")), re.MULTILINE)
    columns = []
    for key in re.findall(r"^  ([\w.]+):", block.group(1), re.MULTILINE) if block else []:
        found = [name for name in (key.replace(".", "_"), key.rpartition(".")[2]) if name in setting_names(runs)]
        columns += found[:1]
    return columns


def grid_axes(runs: xr.Dataset) -> list[str]:
    """The settings that vary and do not follow from another one, with equations or equation_ratio, whichever the file has as axis."""
    kept = [name for name in _by_preference(runs) if len(set(_numbered(runs, name))) > 1]
    if "equation_ratio" in kept and "equations" in kept:
        kept.remove("equation_ratio" if "equations" in file_axes(runs) else "equations")
    for name in list(reversed(kept)):
        if any(_follows(runs[name].values, runs[other].values) for other in kept if other != name):
            kept.remove(name)
    return kept


def axes(dataset: xr.Dataset) -> list[str]:
    """The settings that differ between runs, unknowns and equations first, without those that follow from an earlier one."""
    kept: list[str] = []
    for name in _by_preference(dataset):
        values = _numbered(dataset, name)
        if len(set(values)) > 1 and not any(_follows(values, _numbered(dataset, other)) for other in kept):
            kept.append(name)
    if "equations" in kept and "equation_ratio" in kept:
        kept.remove("equation_ratio")
    return kept


def varied(dataset: xr.Dataset) -> list[str]:
    """The settings that differ between runs, without those that follow from the unknowns; without the unknowns if these follow from axes of the file."""
    differ = [name for name in _by_preference(dataset) if len(set(_numbered(dataset, name))) > 1]
    if "equations" in differ and "equation_ratio" in differ:
        differ.remove("equation_ratio")
    own = file_axes(dataset)
    kept = [name for name in differ if name == "unknowns" or name in own or not _follows(_numbered(dataset, name), _numbered(dataset, "unknowns"))]
    return [name for name in kept if name != "unknowns" or not _derived(name, own)]


def setting(run: Row, name: str) -> str:
    """A setting of the run as text; empty for an empty list, and for a setting that its model does not use."""
    return "" if idle(run, name) else exact(run[name].item())


def idle(run: Row, name: str) -> bool:
    """True for a setting that the run's model does not use."""
    return name in ("heads", "queries") and "attention" not in str(run["pooling"].item()).split("+")


def setting_names(dataset: xr.Dataset) -> list[str]:
    return [str(name) for name, variable in dataset.coords.items() if variable.dims == ("run",) and name not in ("run_id", *COSTS)]


def _by_preference(dataset: xr.Dataset) -> list[str]:
    """The settings in the order of the file, but unknowns and equations first, or last where they follow from other axes of the file."""
    own = file_axes(dataset)
    return sorted(setting_names(dataset), key=lambda name: len(_FIRST) if name not in _FIRST else _FIRST.index(name) + (_derived(name, own) * 2 * len(_FIRST)))


def _derived(name: str, axes: list[str]) -> bool:
    """True if the unknowns or the equations follow from axes of the file such as generator_hidden."""
    return bool(axes) and name not in axes and any(each.startswith("generator_") for each in axes) and not (name == "equations" and "equation_ratio" in axes)


def _numbered(dataset: xr.Dataset, name: str) -> np.ndarray:
    """The index of each value among the sorted distinct values; all NaN have one index."""
    return np.unique(dataset[name].values, return_inverse=True)[1]


def _follows(values: np.ndarray, other: np.ndarray) -> bool:
    """True if `values` is a function of `other`."""
    seen: dict[object, object] = {}
    return all(seen.setdefault(key, value) == value for key, value in zip(other, values, strict=True))


def _leave_out_diverged(dataset: xr.Dataset) -> None:
    """Sets every R^2 column of diverged runs to NaN."""
    for run in np.flatnonzero((dataset["status"].values == "done") & (dataset["r2"].values < DIVERGED_BELOW)):
        dataset["status"].values[run] = "diverged"
        dataset["message"].values[run] = dataset["message"].values[run] or f"R^2 is {dataset['r2'].values[run]:.3g} at the last step"
    diverged = dataset["status"].values == "diverged"
    for name, variable in dataset.data_vars.items():
        if (name == "r2" or str(name).startswith("r2_")) and variable.dims == ("run",) and variable.dtype.kind == "f":
            dataset[name] = variable.copy(data=np.where(diverged, np.nan, variable.values))


def _flags_as_text(status: xr.DataArray) -> xr.DataArray:
    names = dict(zip(np.atleast_1d(status.attrs["flag_values"]), str(status.attrs["flag_meanings"]).split(), strict=True))
    text = np.array([names.get(value, f"unknown ({value})") for value in status.values], dtype=object)
    attributes = {name: value for name, value in status.attrs.items() if not name.startswith("flag_")}
    return xr.DataArray(text, dims=status.dims, attrs=attributes)


def _text(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.rstrip("\0")
