"""The answer of a sweep: which setting is best, and which differences are real. In words, and as datasets."""

import math
from pathlib import Path

import numpy as np
import xarray as xr

from weightsweep import grids, results, statistics
from weightsweep.cases import AnswerError, Case, Setting, cases

_NAMED = 4  # settings that a sentence names; more are counted

Sweep = xr.Dataset | str | Path


def runs_of(sweep: Sweep) -> xr.Dataset:
    """The runs of a dataset of open_sweep or open_runs, or of a results file."""
    return grids.as_runs(sweep) if isinstance(sweep, xr.Dataset) else results.open_runs(sweep)


def percent(r2: float, *bounds: float) -> list[str]:
    """R^2 and further values in percent, with enough decimals for two significant digits of 1 - R^2, at least two."""
    decimals = 2 if not r2 < 1 else max(2, min(9, -math.floor(math.log10(1 - r2)) - 1))
    return ["-" if math.isnan(value) else f"{100 * value:.{decimals}f}" for value in (r2, *bounds)]


def measured(case: Case, setting: Setting) -> str:
    """For example "R^2 98.25 % (98.21 to 98.29, 3 seeds)"."""
    mean, low, high = percent(setting.r2, *case.interval(setting))
    interval = "" if low == "-" else f"{low} to {high}, "
    return f"{'R^2' if case.by == 'r2' else case.by} {mean} % ({interval}{setting.seeds_text})"


def sentence(case: Case) -> str:
    """The answer of a case in words. It begins with "Best: ", unless all settings are equal."""
    if not case.complete:
        return f"Best: none, since no setting has all its seeds. {_incomplete(case)}".rstrip()
    if case.equal:
        return f"All settings are equal: {case.by} does not depend on them. {measured(case, case.best)}. {_incomplete(case)}".rstrip()
    best, others, close = case.best, len(case.complete) - 1, case.not_separable
    words = f"Best: {best.label or 'the only setting'}: {measured(case, best)}."
    if others and best.seeds == 1:
        words += " With one seed no difference is called real."
    elif others and close:
        words += f" Not separable from any of the {others} others." if len(close) == others > _NAMED else f" Not separable from{'' if len(close) <= _NAMED else f' {len(close)} of {others} others'}: {_listed(close)}."
    elif others:
        words += f" Separable from {'the other setting' if others == 1 else f'all {others} others'}."
    return f"{words} {_incomplete(case)}".rstrip()


def _listed(settings: list[Setting]) -> str:
    more = len(settings) - _NAMED
    return "; ".join(setting.label for setting in settings[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _incomplete(case: Case) -> str:
    waiting = sum(setting.waiting for setting in case.incomplete)
    lost, total = len(case.incomplete) - waiting, f"{len(case.settings)} setting{'' if len(case.settings) == 1 else 's'}"
    words = [f"{waiting} of {total} {'is' if waiting == 1 else 'are'} not finished."] if waiting else []
    return " ".join([*words, *([f"{lost} of {total} without all seeds cannot be best."] if lost and case.complete else [])])


def difference(case: Case, a: Setting, b: Setting) -> tuple[float, float, float]:
    """(1 - R^2 of a) / (1 - R^2 of b), and the 95 % interval of this ratio: ratio, low, high. NaN where the seeds do not determine it."""
    half = float(statistics.student_quantile(case.analysis.degrees) * case.analysis.difference_error) if case.analysis.degrees else math.nan
    each = a.mean_score - b.mean_score
    return 10**each, 10 ** (each - half), 10 ** (each + half)


def difference_sentence(case: Case, a: Setting, b: Setting) -> str:
    """The difference of two complete settings in words."""
    return ratio_sentence(f"{a.label}: {percent(a.r2)[0]} %, {b.label}: {percent(b.r2)[0]} %", difference(case, a, b), case.p_value(a, b), math.comb(len(case.complete), 2))


def ratio_sentence(values: str, ratio: tuple[float, float, float], p: float, tests: int, where: str = "") -> str:
    """`values` with the ratio of 1 - R^2 (ratio, low, high), and whether the difference is real; `p` is corrected for `tests` tests."""
    large = "equal" if f"{ratio[0]:.3g}" == "1" else f"{ratio[0]:.3g} times as large{f' {where}' if where else ''}"
    words = f"{values}; 1 - R^2 is {large}"
    if math.isnan(p):
        return f"{words}. With one seed no difference is called real."
    verdict = "real" if p < 1 - statistics.LEVEL else "not separable"
    corrected = "" if tests == 1 else f" after Holm's correction for {tests} tests"
    return f"{words} (95 % interval {ratio[1]:.3g} to {ratio[2]:.3g}): {verdict} ({p_text(p)}{corrected})."


def p_text(p: float) -> str:
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def best(sweep: Sweep, by: str = "r2") -> xr.Dataset:
    """The best setting of each case, along the dimension `case`.

    `sweep`: a dataset of open_sweep or open_runs, or the path of a results file. Variables: `r2` and its 95 % interval `r2_low`, `r2_high`,
    `seeds`, `run_id` (the run of the smallest seed), `sentence`, and the settings that differ between runs of the sweep. Raises AnswerError
    if no setting of a case has all its seeds. `by`: another column of R^2.
    """
    found = cases(runs_of(sweep), by)
    records = []
    for case in found:
        setting = case.best
        low, high = case.interval(setting)
        records.append({**case.values, **setting.values, "r2": setting.r2, "r2_low": low, "r2_high": high, "seeds": setting.seeds,
                        "run_id": setting.runs[0]["run_id"].item(), "sentence": sentence(case)})  # fmt: skip
    return dataset_of(records, "case", [name for case in found[:1] for name in (*case.values, *case.best.values)])


def by_setting(sweep: Sweep, by: str = "r2") -> xr.Dataset:
    """One row per setting along the dimension `setting`, ordered by case and, within a case, best first.

    Variables: `r2` (mean over the seeds) and its 95 % interval `r2_low`, `r2_high`; `seeds` (finished runs) and `seeds_of_case`; `best`;
    `separable` (its difference from the best is real); `p_value` of this difference after Holm's correction. Coordinates: the settings that
    differ between runs. `by_setting(sweep).to_dataframe()` is a pandas table.
    """
    found = cases(runs_of(sweep), by)
    records = [setting_record(case, setting) for case in found for setting in case.settings]
    names = [*found[0].values, *found[0].settings[0].values] if found else []
    return dataset_of(records, "setting", names)


def setting_record(case: Case, setting: Setting) -> dict[str, object]:
    """One row of by_setting."""
    low, high = case.interval(setting)
    leads = setting.complete and not case.equal and setting is case.best
    p = case.p_value(case.best, setting) if setting.complete and setting is not case.best else math.nan
    return {**case.values, **setting.values, "r2": setting.r2, "r2_low": low, "r2_high": high, "seeds": len(setting.scores),
            "seeds_of_case": setting.seeds, "best": leads, "separable": bool(p < 1 - statistics.LEVEL), "p_value": p}  # fmt: skip


def dataset_of(records: list[dict[str, object]], dimension: str, coordinates: list[str]) -> xr.Dataset:
    columns: dict[str, tuple[str, np.ndarray]] = {}
    for name in records[0] if records else ():
        values = [record[name] for record in records]
        columns[name] = (dimension, np.array(values, dtype=object if any(value is None or isinstance(value, str) for value in values) else None))
    return xr.Dataset(columns).set_coords([name for name in coordinates if name in columns])


__all__ = ["AnswerError", "best", "by_setting"]
