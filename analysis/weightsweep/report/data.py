"""Data of the page as lists and dictionaries for JSON: no NaN, exact columns, curves of at most POINTS points with five digits."""

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import xarray as xr

from weightsweep import published, results
from weightsweep.values import is_list

POINTS = 200  # maximum points per curve, evenly spaced
DIGITS = 5  # significant digits of curve values and of displayed outcomes
_OUTCOMES = ("steps_done", "loss_ema", "r2", "r2_stderr")
_LAST = ("wall_seconds", "message")
_OPTIONAL = ("r2_", "weight_match")  # prefixes of the columns of extra evaluations


def content(runs: xr.Dataset) -> dict[str, object]:
    """The data of the page without the figures."""
    axes = results.axes(runs)
    names = ["run_id", "status", *dict.fromkeys(["unknowns", "equations", *axes]), *_OUTCOMES, *_extra(runs), *_LAST]
    cells = [_column(runs[name].values) for name in names]
    return {
        "name": _name(runs),
        "source": str(runs.attrs["source"]),
        "created": str(runs.attrs.get("created", "")),
        "resolved": str(runs.attrs.get("resolved", "")),
        "versions": _versions(runs),
        "counts": dict(Counter(runs["status"].values)),
        "axes": [name for name in dict.fromkeys(["unknowns", "equations", *axes]) if len(set(runs[name].values)) > 1 and name in names] or ["run_id"],
        "columns": [_head(runs, name) for name in names],
        "rows": [list(row) for row in zip(*cells)],
        "curves": [_curve(runs, run) for run in range(runs.sizes["run"])],
        "published": _published(runs),
    }


def _extra(runs: xr.Dataset) -> list[str]:
    found = [str(name) for name in runs if str(name).startswith(_OPTIONAL) and name not in _OUTCOMES]
    return [name for name in found if runs[name].dims == ("run",) and np.isfinite(runs[name].values).any()]


def _name(runs: xr.Dataset) -> str:
    """Name of the sweep, from its resolved settings."""
    for line in str(runs.attrs.get("resolved", "")).splitlines():
        key, _, value = line.partition(":")
        if key == "name":
            try:
                return str(json.loads(value))
            except ValueError:
                return value.strip()
    return "sweep"


def _versions(runs: xr.Dataset) -> list[tuple[str, str]]:
    text = str(runs.attrs.get("versions", "{}"))
    try:
        return [(str(key), str(value)) for key, value in json.loads(text).items()]
    except (ValueError, AttributeError):
        return [("versions", text)]


def _head(runs: xr.Dataset, name: str) -> dict[str, object]:
    attributes = runs[name].attrs
    unit = str(attributes.get("units", "1"))
    about = str(attributes.get("long_name", name)) + ("" if unit == "1" else f" ({unit})")
    exact = name in runs.coords or runs[name].dtype.kind != "f"
    return {"name": name, "about": about, "kind": _kind(runs, name), "digits": None if exact else DIGITS}


def _kind(runs: xr.Dataset, name: str) -> str:
    """Kind of a column for sorting and filtering: "number", "list" or "text"."""
    if runs[name].dtype.kind != "O":
        return "number"
    values = {str(value) for value in runs[name].values}
    return "list" if name in runs.coords and name != "run_id" and any(values) and all(map(is_list, values)) else "text"


def _column(values: np.ndarray) -> list[Any]:
    if values.dtype.kind == "O":
        return [str(value) for value in values]
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _rounded(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in values.tolist()]


def _curve(runs: xr.Dataset, run: int) -> dict[str, list[Any]]:
    reached = np.flatnonzero(np.isfinite(runs["curve_step"].values[run]))
    if len(reached) > POINTS:
        reached = reached[np.unique(np.linspace(0, len(reached) - 1, POINTS).round().astype(int))]
    return {name: _rounded(runs[f"curve_{name}"].values[run][reached]) for name in ("step", "seconds", "loss", "r2")}


def _published(runs: xr.Dataset) -> list[dict[str, object]]:
    """Published loss curves of the cells in this sweep."""
    here = set(zip(runs["unknowns"].values.tolist(), runs["equations"].values.tolist()))
    kinds = sorted(set(zip(runs["task"].values, runs["model"].values)))
    return [
        {"unknowns": cell[0], "equations": cell[1], "step": curve.step, "loss": curve.loss_ema}
        for task, model in kinds
        for cell, curve in published.loss_curves(task, model).items()
        if cell in here
    ]
