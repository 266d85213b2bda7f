"""R^2 of one forward pass beside regressions and fits to the same sets, under the noise on y for which each model was trained."""

import csv
import math
from pathlib import Path

import numpy as np
import xarray as xr

from weightsweep import answer, results, statistics, table
from weightsweep.cases import cases
from weightsweep.results import Row
from weightsweep.values import order

PASS = "r2"
_FITS = {"r2_direct_fit": "fit", "r2_quadratic_fit": "quadratic", "r2_affine_fit": "affine"}
_CASE = ["unknowns", "equations", "training_noise"]


def called_for(runs: xr.Dataset) -> bool:
    """True if models of one setting were trained for several values of noise and several numbers of pairs, with fits under the same noise."""
    done = results.done(runs)
    if not {"training_noise", "r2_direct_fit"} <= set(done.variables) or any(len(set(done[name].values)) < 2 for name in ("training_noise", "equation_ratio")):
        return False
    found = cells(done)
    one_setting_each = all(len(case.settings) == 1 for case in cases(done)) and len(found) == len(results.groups(results.rows(done), _CASE))
    return one_setting_each and all(np.isfinite(r2(cell, "r2_direct_fit")).all() for cell in found)


def methods(runs: xr.Dataset) -> dict[str, str]:
    """Names of the methods, by their columns of R^2 on pairs without noise."""
    refined = sorted((str(name) for name in runs if str(name).removeprefix("r2_refine_").isdigit()), key=_iterations)
    return {PASS: "one pass", **{name: f"{_iterations(name)} iteration{'' if _iterations(name) == 1 else 's'}" for name in refined}, **_FITS}


def _iterations(name: str) -> int:
    return int(name.removeprefix("r2_refine_"))


def cells(runs: xr.Dataset) -> list[list[Row]]:
    """The finished runs of the best setting of each case, which differ in their seed, by ascending unknowns, equations and noise."""
    found = [case.settings[0].runs for case in cases(results.done(runs))]
    return sorted(found, key=lambda cell: [order(cell[0][name].item()) for name in _CASE])


def r2(cell: list[Row], method: str) -> np.ndarray:
    """R^2 [seeds] of a method under the noise of the training; NaN where the run has no such column."""
    noise = cell[0]["training_noise"].item()
    name = method if noise == "0" else f"{method}_noise_{noise}"
    return np.array([float(run.get(name, math.nan)) for run in cell])


def rows(runs: xr.Dataset) -> tuple[table.Head, table.Cells]:
    """Head and cells of a table of R^2 in %, one row per case: means over the seeds, and the 95 % interval of one pass in parentheses. The best
    method of a row is bold."""
    named = methods(runs)
    found = []
    for cell in cells(runs):
        scores = [statistics.mean_interval(r2(cell, method)) for method in named]
        texts = [answer.percent(mean)[0] for mean, _, _ in scores]
        best = int(np.nanargmax([mean for mean, _, _ in scores]))
        texts[best] = f"**{texts[best]}**"
        low, high = answer.percent(*scores[0])[1:]
        texts[0] += f" ({low} to {high})" if low != "-" else ""
        found.append([*(results.setting(cell[0], name) or "-" for name in _CASE), *texts])
    return [*_CASE[:2], "noise", *(f"{name} %" for name in named.values())], found


def times(runs: xr.Dataset, measured: Path) -> tuple[table.Head, table.Cells]:
    """Head and cells of a table of milliseconds per set, from the file that tests/bench/per_set writes. The last column has the number of sets
    whose fits take as long as the training of one model and its passes."""
    with measured.open(encoding="utf-8") as file:
        ms = {(row["unknowns"], row["equations"], row["method"]): float(row["milliseconds"]) for row in csv.DictReader(file)}
    named = {method: name for method, name in methods(runs).items() if any(key[2] == method for key in ms)}
    trained: dict[tuple[str, str], list[float]] = {}
    for run in results.rows(results.done(runs)):
        seconds = run["curve_seconds"][np.isfinite(run["curve_seconds"])]
        trained.setdefault((str(run["unknowns"]), str(run["equations"])), []).append(float(seconds[-1]))
    found = []
    for (unknowns, equations), seconds in sorted(trained.items(), key=lambda item: [int(part) for part in item[0]]):
        each = [ms[unknowns, equations, method] for method in named]
        training = float(np.median(seconds))
        sets = 1000 * training / (ms[unknowns, equations, "r2_direct_fit"] - ms[unknowns, equations, PASS])
        found.append([unknowns, equations, *(f"{value:.3g}" for value in each), f"{training:.0f}", f"{float(f'{sets:.2g}'):,.0f}"])
    return ["unknowns", "equations", *(f"{name}, ms" for name in named.values()), "training, s", "sets"], found
