"""Cases and settings of a sweep. Runs of one case are measured on the same problem: they agree in the task, the generator, the equations,
training_inputs and training_noise. Runs of one setting differ only in their seed."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from weightsweep import grids, results, statistics
from weightsweep.results import ResultsError, Row
from weightsweep.values import exact, is_list

_CASE = ("task", "unknowns", "equations", "training_inputs", "training_noise")
_AMOUNTS = ("training_noise",)  # a number or a range [min, max]; other settings whose text is a list of numbers are lists
_FOLLOWS = ("equation_ratio",)  # from unknowns and equations
Key = tuple[str, ...]


class AnswerError(ResultsError):
    """The runs do not determine the answer; the message has the reason."""


@dataclass(frozen=True, eq=False)
class Setting:
    """The runs that differ only in their seed."""

    values: dict[str, object]  # the choices that differ between runs of the sweep
    runs: list[Row]  # by ascending seed
    scores: np.ndarray  # log10(1 - R^2) of the finished runs
    seeds: int  # number of seeds of the case

    @property
    def label(self) -> str:
        return label(self.values)

    @property
    def complete(self) -> bool:
        """True if the setting has a finished run for every seed of the case."""
        return len(self.scores) == self.seeds

    @property
    def waiting(self) -> bool:
        """True if a run of the setting has not ended."""
        return any(run["status"].item() in ("pending", "running") for run in self.runs)

    @property
    def mean_score(self) -> float:
        return float(np.mean(self.scores)) if len(self.scores) else math.nan

    @property
    def r2(self) -> float:
        """The mean R^2 over the seeds: 1 - 10^m, m the mean of log10(1 - R^2). NaN if no run has finished."""
        return float(statistics.r2_of(self.mean_score))

    @property
    def seeds_text(self) -> str:
        """For example "1 seed", "3 seeds", "2 of 3 seeds"."""
        plural = "" if self.seeds == 1 else "s"
        return f"{self.seeds} seed{plural}" if self.complete else f"{len(self.scores)} of {self.seeds} seed{plural}"


@dataclass(frozen=True, eq=False)
class Case:
    """The settings of one case, best first: complete settings by their mean, then incomplete ones by theirs."""

    values: dict[str, object]  # the settings of the case that differ between runs of the sweep
    settings: list[Setting]
    by: str  # the column of R^2

    @property
    def label(self) -> str:
        return label(self.values)

    @property
    def choices(self) -> list[str]:
        """Names of the choices that differ between the settings of this case."""
        names = list(self.settings[0].values)
        return [name for name in names if len({text(name, setting.values[name]) for setting in self.settings}) > 1]

    @cached_property
    def complete(self) -> list[Setting]:
        return [setting for setting in self.settings if setting.complete]

    @property
    def incomplete(self) -> list[Setting]:
        return [setting for setting in self.settings if not setting.complete]

    @property
    def best(self) -> Setting:
        """The complete setting of the highest mean. Raises AnswerError if no setting is complete."""
        if not self.complete:
            raise AnswerError(f"no setting{f' of {self.label}' if self.values else ''} has all its seeds; expected a finished run with {self.by} for each of {seeds_of(self.settings)}")
        return self.complete[0]

    @cached_property
    def analysis(self) -> statistics.Analysis:
        """The analysis of the complete settings, in their order."""
        return statistics.analyse(np.array([setting.scores for setting in self.complete]).reshape(len(self.complete), -1))

    @cached_property
    def _p_values(self) -> np.ndarray:
        """P-values [complete, complete] of all pairs, after Holm's correction."""
        pairs, p = statistics.pair_p_values(self.analysis)
        matrix = np.full((len(self.complete), len(self.complete)), np.nan)
        matrix[pairs] = p
        return np.fmin(matrix, matrix.T)

    @property
    def equal(self) -> bool:
        """True if the column does not depend on the setting: several complete settings have the same value for every seed."""
        scores = np.array([setting.scores for setting in self.complete])
        return len(scores) > 1 and bool((np.ptp(scores, axis=0) < 1e-12).all())

    def interval(self, setting: Setting) -> tuple[float, float]:
        """The 95 % interval of the setting's R^2: low, high. NaN for an incomplete setting and for one seed."""
        half = float(self.analysis.half_width) if setting.complete else math.nan
        low, high = statistics.r2_of(np.array([setting.mean_score + half, setting.mean_score - half]))
        return float(low), float(high)

    def p_value(self, a: Setting, b: Setting) -> float:
        """P-value of the difference of two complete settings, after Holm's correction for all pairs of the case; NaN with one seed."""
        return float(self._p_values[self.complete.index(a), self.complete.index(b)])

    @property
    def not_separable(self) -> list[Setting]:
        """Complete settings whose difference from the best is not real at the 5 % level. With one seed: all others."""
        return [setting for setting, p in zip(self.complete[1:], self._p_values[0, 1:] if self.complete else [], strict=True) if not p < 1 - statistics.LEVEL]


def label(values: dict[str, object]) -> str:
    """The settings in words: "pooling max, embed_dim 512"."""
    return ", ".join(f"{name} {text(name, value)}" for name, value in values.items() if value is not None)


def text(name: str, value: object) -> str:
    """The value of the setting `name` as in a sweep file; "-" for a setting that the run's model does not use."""
    if value is None:
        return "-"
    one_number = name in _AMOUNTS and "," not in str(value)
    return f"[{value}]" if isinstance(value, str) and is_list(value) and not one_number else exact(value)


def seeds_of(settings: list[Setting]) -> str:
    seeds = sorted({int(run["seed"]) for setting in settings for run in setting.runs})
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"


def is_case_setting(name: str) -> bool:
    return name in _CASE or name.startswith("generator_")


def r2_columns(runs: xr.Dataset) -> list[str]:
    """Columns that --by takes."""
    return [str(name) for name, variable in runs.data_vars.items() if variable.dims == ("run",) and (name == "r2" or str(name).startswith("r2_")) and not str(name).endswith("_stderr")]


def check_column(runs: xr.Dataset, by: str) -> None:
    if by not in r2_columns(runs):
        raise AnswerError(f"no column of R^2 '{by}'; expected one of {', '.join(r2_columns(runs))}")


def cases(dataset: xr.Dataset, by: str = "r2") -> list[Case]:
    """The cases of a sweep in the order of the file. `by`: the column of R^2 by which the settings are ranked."""
    runs = grids.as_runs(dataset)
    check_column(runs, by)
    names = [name for name in results.setting_names(runs) if name not in _FOLLOWS and name != "seed"]
    varied = [name for name in results.varied(runs) if name in names]
    found: dict[Key, dict[Key, list[Row]]] = {}
    for row in results.rows(runs):
        case = found.setdefault(_key(row, names, is_case_setting), {})
        case.setdefault(_key(row, names, lambda name: not is_case_setting(name)), []).append(row)
    return [_case(list(settings.values()), varied, by) for settings in found.values()]


def _key(row: Row, names: list[str], chosen: Callable[[str], bool]) -> Key:
    return tuple(exact(row[name].item()) for name in names if chosen(name))


def _case(groups: list[list[Row]], varied: list[str], by: str) -> Case:
    seeds = len({int(row["seed"]) for group in groups for row in group})
    settings = [_setting(group, [name for name in varied if not is_case_setting(name)], by, seeds) for group in groups]
    settings.sort(key=lambda setting: (not setting.complete, math.isnan(setting.mean_score), setting.mean_score))  # stable: ties in the order of the file
    return Case(_values(groups[0][0], [name for name in varied if is_case_setting(name)]), settings, by)


def _setting(group: list[Row], choices: list[str], by: str, seeds: int) -> Setting:
    runs = sorted(group, key=lambda row: int(row["seed"]))
    r2 = np.array([float(row[by]) for row in runs if row["status"].item() == "done"])
    return Setting(_values(runs[0], choices), runs, statistics.score(r2[np.isfinite(r2)]), seeds)


def _values(row: Row, names: list[str]) -> dict[str, object]:
    """Settings by name; None for a setting that the run's model does not use."""
    return {name: None if results.idle(row, name) else row[name].item() for name in names}
