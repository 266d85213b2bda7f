"""Effect of one axis on R^2. The other axes are averaged only over combinations that have every value of the axis (pairs), so that all values
are measured on the same combinations. Intervals come from the seeds alone, never from the spread over other axes: from the residual of the case, so that
a point which is one setting has the interval of the table."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from weightsweep import results, statistics
from weightsweep.answer import Sweep, runs_of
from weightsweep.cases import Case, cases
from weightsweep.results import Row
from weightsweep.values import order


FLOORS = {"r2_affine_fit": "affine fit", "r2_quadratic_fit": "quadratic fit", "r2_least_squares": "least squares"}  # columns of R^2 that need no training


@dataclass(frozen=True)
class Line:
    """R^2 against the values of an axis, for runs that agree in the settings `fixed`."""

    fixed: Row  # a run of the line: its settings are those of the line
    values: list[object]  # of the axis, ascending
    r2: np.ndarray  # [values] 1 - 10^m, m the mean of log10(1 - R^2)
    low: np.ndarray  # [values] 95 % interval over the seeds; NaN with one seed
    high: np.ndarray
    combinations: int  # of the other axes, over which each value is a mean
    left_out: int  # combinations that lack a value or a seed
    seeds: int


def axes(runs: xr.Dataset) -> list[str]:
    """The axes of the sweep whose effect can be shown: all but the seed and the settings of attention, which `rows` counts as part of the pooling."""
    return [name for name in results.grid_axes(runs) if name != "seed" and name not in _parts(runs)]


def _parts(runs: xr.Dataset) -> list[str]:
    """The settings that vary and that only some of the poolings use."""
    if "pooling" not in runs or len(set(runs["pooling"].values)) < 2:
        return []
    return [name for name in results.varied(runs) if any(results.idle({"pooling": np.asarray(pooling)}, name) for pooling in set(runs["pooling"].values))]


def rows(runs: xr.Dataset, statuses: tuple[str, ...] = ("done",)) -> list[Row]:
    """The runs with one of the statuses. Where poolings differ in settings that only some of them use, these are part of the pooling: "attention, heads 8"."""
    found, parts = [row for row in results.rows(runs) if row["status"].item() in statuses], _parts(runs)
    for row in found if parts else ():
        told = [f"{name} {results.setting(row, name)}" for name in parts if not results.idle(row, name)]
        row["pooling"] = np.asarray(", ".join([row["pooling"].item(), *told]), dtype=object)
    return found


def lines(runs: xr.Dataset, axis: str, fixed: list[str], by: str = "r2") -> list[Line]:
    """R^2 against `axis`: one Line per combination of the settings `fixed`, averaged over the rest of the axes."""
    return lines_of(rows(runs), axes(runs), axis, fixed, by, cases_of(runs, by) if by in runs else None)


def cases_of(runs: xr.Dataset, by: str = "r2") -> dict[str, Case]:
    """The case of each run, by run_id."""
    return {str(run["run_id"]): case for case in cases(runs, by) for setting in case.settings for run in setting.runs}


def effect(sweep: Sweep, axis: str, per: list[str] | None = None, by: str = "r2") -> xr.Dataset:
    """R^2 against `axis` along the dimension `value`: one row per value of the axis and combination of the settings `per`.

    `sweep`: a dataset of open_sweep or open_runs, or the path of a results file. Variables: the axis and the settings `per`, `r2` and its
    95 % interval `r2_low`, `r2_high` over the seeds (NaN with one seed), `combinations` of the other axes that a row is the mean of, `seeds`.
    `weightsweep.effect(sweep, "pooling").to_dataframe()` is a pandas table. Raises ResultsError if `axis` or one of `per` is no axis of the sweep.
    """
    runs = runs_of(sweep)
    unknown = [name for name in (axis, *(per or [])) if name not in axes(runs)]
    if unknown:
        raise results.ResultsError(f"'{unknown[0]}' is no axis of the sweep; expected one of {', '.join(axes(runs)) or 'none: it has no axis but the seed'}")
    found = [(line, place) for line in lines(runs, axis, per or [], by) for place in range(len(line.values))]
    columns: dict[str, list[object]] = {axis: [line.values[place] for line, place in found]}
    columns |= {name: [line.fixed[name].item() for line, _ in found] for name in per or []}
    columns |= {"r2": [line.r2[place] for line, place in found], "r2_low": [line.low[place] for line, place in found], "r2_high": [line.high[place] for line, place in found]}
    columns |= {"combinations": [line.combinations for line, _ in found], "seeds": [line.seeds for line, _ in found]}
    return xr.Dataset({name: ("value", np.array(values, dtype=object if any(isinstance(each, str) for each in values) else None)) for name, values in columns.items()})


def lines_of(finished: list[Row], names: list[str], axis: str, fixed: list[str], by: str = "r2", of: dict[str, Case] | None = None) -> list[Line]:
    """As `lines`, from the runs of `rows`, the names of the axes, and the cases of `cases_of`: without these, intervals are those of the line's runs alone."""
    rest = [name for name in names if name not in (axis, *fixed)]
    found = results.groups([row for row in finished if by in row and np.isfinite(row[by])], fixed)
    return [_line(found[key], axis, rest, by, of or {}) for key in sorted(found, key=lambda key: [order(part) for part in key])]


def _line(rows: list[Row], axis: str, rest: list[str], by: str, of: dict[str, Case]) -> Line:
    values = sorted({row[axis].item() for row in rows}, key=order)
    seeds = sorted({int(row["seed"]) for row in rows}) if "seed" in rows[0] else [0]
    groups = list(results.groups(rows, rest).values())
    scores = np.full((len(groups), len(values), len(seeds)), np.nan)
    for place, group in enumerate(groups):
        for row in group:
            scores[place, values.index(row[axis].item()), seeds.index(int(row["seed"]) if "seed" in row else 0)] = statistics.score(row[by])
    kept, at, shared = _complete(scores)
    analysis = statistics.analyse(scores[np.ix_(kept, at, shared)].mean(0))
    half = [_half_width(point, analysis, len(kept), len(shared)) for point in _cases_at(groups, kept, axis, [values[place] for place in at], of)]
    low, high = statistics.r2_of(analysis.mean + half), statistics.r2_of(analysis.mean - half)
    return Line(rows[0], [values[place] for place in at], statistics.r2_of(analysis.mean), low, high, len(kept), len(groups) - len(kept), len(shared))


def _cases_at(groups: list[list[Row]], kept: np.ndarray, axis: str, values: list[object], of: dict[str, Case]) -> list[list[Case]]:
    """The cases whose settings are averaged at each value of the axis."""
    found: list[dict[int, Case]] = [{} for _ in values]
    for row in (row for place in kept for row in groups[place]) if of else ():
        if row[axis].item() in values:
            case = of[str(row["run_id"])]
            found[values.index(row[axis].item())][id(case)] = case
    return [list(each.values()) for each in found]


def _half_width(found: list[Case], line: statistics.Analysis, combined: int, seeds: int) -> float:
    """Half width of the interval of a mean over `combined` settings: from the case, or from the line's own analysis where the settings are of several
    cases or the case has none with all seeds."""
    known = len(found) == 1 and seeds > 1 and found[0].complete and found[0].analysis.seeds > 1
    return float(found[0].analysis.half_width_of(combined, seeds) if known else line.half_width)


def _complete(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the combinations, values and seeds that form a full block of scores [combinations, values, seeds]. As long as no combination
    is complete, the value or the seed with the fewest scores is dropped."""
    at, of = np.arange(scores.shape[1]), np.arange(scores.shape[2])
    while True:
        known = np.isfinite(scores[:, at][:, :, of])
        kept = np.flatnonzero(known.all((1, 2)))
        if len(kept):
            return kept, at, of
        by_value, by_seed = known.mean((0, 2)), known.mean((0, 1))
        if len(of) > 1 and (len(at) == 1 or by_seed.min() <= by_value.min()):
            of = np.delete(of, by_seed.argmin())
        else:
            at = np.delete(at, by_value.argmin())
