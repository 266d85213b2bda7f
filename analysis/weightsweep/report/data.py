"""Data of the page as lists and dictionaries for JSON: no NaN, exact columns, curves of at most POINTS points with five digits."""

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import xarray as xr

from weightsweep import answer_table, cases, effects, importance, published, results
from weightsweep.values import geometric, is_list

POINTS = 200  # maximum points per curve, evenly spaced
DIGITS = 5  # significant digits of curve values and of displayed outcomes
_OUTCOMES = ("steps_done", "loss_ema", "r2", "r2_stderr")
_LAST = ("wall_seconds", "message")
_OPTIONAL = ("r2_", "weight_match")  # prefixes of the columns of extra evaluations


def content(runs: xr.Dataset) -> dict[str, object]:
    """The data of the page without the figures."""
    axes = results.axes(runs)
    named = list(dict.fromkeys(["unknowns", "equations", *axes]))
    shown = ["run_id", "status", *named, *_OUTCOMES, *_extra(runs), *_LAST]
    names = [*shown, *(name for name in _columns(runs) if name not in shown)]
    rows = results.rows(runs)
    found = cases.cases(runs)
    return {
        "name": _name(runs),
        "source": str(runs.attrs["source"]),
        "created": str(runs.attrs.get("created", "")),
        "resolved": str(runs.attrs.get("resolved", "")),
        "versions": _versions(runs),
        "counts": dict(Counter(runs["status"].values)),
        "count": runs.sizes["run"],
        "axes": [name for name in named if name in axes],
        "shown": shown,
        "columns": [_head(runs, name) for name in names],
        "names": [_label(run, axes) or str(run["run_id"]) for run in rows],
        **_settings(runs, found),
        "answer": _answer(found),
        "effects": _effects(runs),
        "curves": _curves(runs),
        "published": _published(runs),
    }


def _settings(runs: xr.Dataset, found: list[cases.Case]) -> dict[str, list[Any]]:
    """The label of each setting, and for each run the places of its setting and of its case."""
    places = {str(name): place for place, name in enumerate(runs["run_id"].values)}
    labels: list[str] = []
    setting, of_case = [0] * len(places), [0] * len(places)
    for number, case in enumerate(found):
        for each in case.settings:
            for run in each.runs:
                place = places[str(run["run_id"])]
                setting[place], of_case[place] = len(labels), number
            labels.append(", ".join(filter(None, (case.label, each.label))) or "all runs")
    return {"labels": labels, "settings": setting, "cases": of_case}


def _answer(found: list[cases.Case]) -> list[dict[str, object]]:
    """A block per case; one block for all cases if each has one setting. A block: the answer in words, the shares of the axes, and the table of
    `weightsweep table`, one row per setting, best first."""
    if len(found) > 1 and all(len(case.settings) == 1 for case in found):
        floors = [f"{case.label}: {line}" for case in found for line in answer_table.in_words(case)[1:]]
        return [{"label": "", "words": ["Each case has one setting. Mean over its seeds:", *floors], "shares": [], "matter": "", **_rows(found)}]
    return [_case(case) for case in found]


def _case(case: cases.Case) -> dict[str, object]:
    weights = importance.importance(case)
    shares = [[" x ".join(names), round(share, 4)] for names, share in weights.shares.items() if share >= 0.005] if weights else []
    words = answer_table.in_words(case)
    matter = words.pop().rpartition(": ")[0] if len(shares) > 1 else ""  # the page draws the shares
    return {"label": case.label, "words": words, "shares": shares if matter else [], "matter": matter, **_rows([case])}


def _rows(found: list[cases.Case]) -> dict[str, object]:
    head, cells = answer_table.without(*answer_table.setting_rows(found), "seconds")
    settings = [(case, setting) for case in found for setting in case.settings]
    best = [len(case.settings) > 1 and setting.complete and not case.equal and setting is case.best for case, setting in settings]
    return {"head": head, "rows": [{"cells": row, "run": str(setting.runs[0]["run_id"]), "best": first} for row, (_, setting), first in zip(cells, settings, best)]}


def _effects(runs: xr.Dataset) -> list[dict[str, object]]:
    """R^2 against each axis, with one line per case, per value of another axis, or one line for all."""
    rows, names, own = effects.rows(runs), effects.axes(runs), effects.cases_of(runs)
    of_case = [name for name in names if cases.is_case_setting(name) or name == "equation_ratio"]
    found = []
    for axis in names:
        cases_ = [name for name in of_case if name != axis]
        for by in dict.fromkeys([tuple(cases_), *((name,) for name in names if name != axis), ()]):
            lines = effects.lines_of(rows, names, axis, list(by), of=own)
            floors = [(label, line) for column, label in effects.FLOORS.items() for line in effects.lines_of(rows, names, axis, list(by), column)]
            if lines:
                found.append({
                    "axis": axis, "by": ", ".join(by), "scale": _scale(runs, axis), "about": _about(runs, axis),
                    "rest": [name for name in names if name not in (axis, *by)],
                    "lines": [_line(line, _label(line.fixed, list(by))) for line in lines],
                    "floors": [_line(line, label) for label, line in floors],
                })  # fmt: skip
    return found


def _line(line: effects.Line, label: str) -> dict[str, object]:
    """A line of the effect of an axis: points [value, R^2, low, high]."""
    points = [[value, *_rounded(np.array(each), 8)] for value, *each in zip(line.values, line.r2, line.low, line.high)]
    return {"label": label, "points": points, "combinations": line.combinations, "left_out": line.left_out, "seeds": line.seeds}


def _columns(runs: xr.Dataset) -> list[str]:
    """Every column of one value per run, in the order of the file."""
    return [str(name) for name, variable in runs.variables.items() if variable.dims == ("run",) and not str(name).startswith("timeline_")]


def _label(run: results.Row, names: list[str]) -> str:
    """The settings `names` of a run as text: "equations 30, pooling max"."""
    told = [(name, results.setting(run, name)) for name in names]
    return ", ".join(f"{name} {value}" for name, value in told if value)


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
    """A column: its description, how it is shown and sorted, and its values, or its one value if it is constant."""
    exact = name in runs.coords or runs[name].dtype.kind != "f"
    r2 = name.startswith("r2") and not name.endswith("_stderr")
    values = _column(runs[name].values)
    head = {"name": name, "about": _about(runs, name), "kind": _kind(runs, name), "digits": None if exact else DIGITS, "percent": r2, "scale": _scale(runs, name)}
    head["best"] = -1 if r2 or name.startswith("weight_match") and "_error" not in name else 1  # sign of the order in which the best comes first
    same = len(values) > 1 and all(value == values[0] for value in values) and name not in ("status", "run_id")
    return head | ({"value": values[0]} if same else {"values": values})


def _about(runs: xr.Dataset, name: str) -> str:
    attributes = runs[name].attrs
    unit = str(attributes.get("units", "1"))
    return str(attributes.get("long_name", name)) + ("" if unit == "1" else f" ({unit})")


def _kind(runs: xr.Dataset, name: str) -> str:
    """Kind of a column for sorting and filtering: "number", "list" or "text"."""
    if runs[name].dtype.kind != "O":
        return "number"
    values = {str(value) for value in runs[name].values}
    return "list" if name in runs.coords and name != "run_id" and any(values) and all(map(is_list, values)) else "text"


def _scale(runs: xr.Dataset, name: str) -> str:
    """Scale of a column as an axis: "category" for text, "stretched" for R^2, "log" for numbers that grow geometrically, else "linear"."""
    if runs[name].dtype.kind == "O":
        return "category"
    if name.startswith("r2") and not name.endswith("_stderr"):
        return "stretched"
    return "log" if geometric(runs[name].values) else "linear"


def _column(values: np.ndarray) -> list[Any]:
    if values.dtype.kind == "O":
        return [str(value) for value in values]
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _rounded(values: np.ndarray, digits: int = DIGITS) -> list[float | None]:
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in values.tolist()]


def _curves(runs: xr.Dataset) -> list[dict[str, list[Any]]]:
    """The curve of each run, at most POINTS points. All runs keep the same steps, so that means over seeds can be taken."""
    names = ("step", "seconds", "loss", "r2")
    values = {name: runs[f"curve_{name}"].values for name in names}
    steps = np.unique(values["step"][np.isfinite(values["step"])])
    kept = steps[np.unique(np.linspace(0, len(steps) - 1, POINTS).round().astype(int))] if len(steps) > POINTS else steps
    reached, shown = np.isfinite(values["step"]), np.isin(values["step"], kept)
    curves = []
    for run in range(runs.sizes["run"]):
        last = np.flatnonzero(reached[run])[-1:]
        places = np.union1d(np.flatnonzero(shown[run]), last)
        curves.append({name: _rounded(values[name][run][places]) for name in names})
    return curves


def _published(runs: xr.Dataset) -> list[dict[str, object]]:
    """Published loss curves of the cells in this sweep. `repeated` is true if a run repeats the published training."""
    here = set(zip(runs["unknowns"].values.tolist(), runs["equations"].values.tolist()))
    kinds = sorted(set(zip(runs["task"].values, runs["model"].values)))
    repeated = {(case.unknowns, case.equations) for case in published.repeated(results.rows(runs))}
    return [
        {"unknowns": cell[0], "equations": cell[1], "step": curve.step, "loss": curve.loss_ema, "repeated": cell in repeated}
        for task, model in kinds
        for cell, curve in published.loss_curves(task, model).items()
        if cell in here
    ]
