"""Differences between two results files, A and B, in the settings that they share."""

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from weightsweep import results, statistics, table
from weightsweep.answer import Sweep, dataset_of, p_text, percent, ratio_sentence, runs_of
from weightsweep.cases import AnswerError, Key, check_column, is_case_setting, label, text
from weightsweep.results import Row

_IGNORED = ("seed", "equation_ratio")  # equation_ratio follows from unknowns and equations
Scores = dict[int, float]  # log10(1 - R^2) by seed


@dataclass(frozen=True)
class Difference:
    """One setting in both files. It is tested with the residual variance of all settings of its case that have every shared seed in both files,
    and with Holm's correction for these settings."""

    values: dict[str, object]  # the settings that differ between the shared runs
    r2_a: float  # 1 - 10^m, m the mean over the seeds that both files have
    r2_b: float
    ratio: tuple[float, float, float]  # (1 - R^2 of B) / (1 - R^2 of A), and its 95 % interval: NaN with one seed, or if a seed is missing
    p_value: float  # NaN with one seed, or if a seed is missing
    seeds: int  # finished in both files
    used: tuple[int, ...]  # these seeds
    seeds_of_case: int
    tests: int  # settings of the case that are tested

    @property
    def real(self) -> bool:
        return self.p_value < 1 - statistics.LEVEL

    @property
    def sentence(self) -> str:
        a, b = percent(self.r2_a)[0], percent(self.r2_b)[0]
        count = f"seed{'' if self.seeds == 1 else 's'} {self.seeds_text}"
        words = f"{label(self.values) or 'the only shared setting'}: {a} % in A, {b} % in B ({count})"
        if self.r2_a == self.r2_b:
            return f"{words}; the same."
        if self.seeds < self.seeds_of_case:
            return f"{words}; not tested, because a seed is missing."
        return ratio_sentence(words, self.ratio, self.p_value, 1, "in B")

    @property
    def seeds_text(self) -> str:
        """The seeds that the means are over, for example "2, 3", or "2 of the 3 shared"."""
        return ", ".join(map(str, self.used)) + (f" of the {self.seeds_of_case} shared" if self.seeds < self.seeds_of_case else "")

    @property
    def verdict(self) -> str:
        """B beside A, in a word or two."""
        if self.r2_a == self.r2_b:
            return "the same"
        return "not tested" if math.isnan(self.p_value) else "not separable" if not self.real else "better" if self.ratio[0] < 1 else "worse"


@dataclass(frozen=True)
class Comparison:
    differences: list[Difference]
    apart: dict[str, tuple[str, str]]  # settings that are constant in either file and differ between A and B

    @property
    def sentence(self) -> str:
        """One line: the settings that tell the files apart, and how often B is better or worse."""
        verdicts = [each.verdict for each in self.differences]
        count, counts = len(verdicts), {name: verdicts.count(name) for name in ("better", "worse", "not separable", "the same", "not tested")}
        parts = [f"{name} in {counts[name]}" for name in counts if counts[name] or name in ("better", "worse", "not separable")]
        one = any(each.seeds_of_case == 1 for each in self.differences)
        why = (" (one seed)" if one else " (a seed is missing)") if counts["not tested"] else ""
        apart = "; ".join(f"{name} {one} in A, {other} in B" for name, (one, other) in self.apart.items())
        return (
            f"{count} shared setting{'' if count == 1 else 's'}{f' ({apart})' if apart else ''}: "
            f"B is {', '.join(parts)}{why}."
        )

    @property
    def note(self) -> str:
        """The meaning of the numbers, said once for all of them."""
        tests = sorted({each.tests for each in self.differences if not math.isnan(each.p_value)})
        corrected = f" after Holm's correction for {' or '.join(map(str, tests))} tests" if tests and tests != [1] else ""
        return f"Ratio: (1 - R^2 in B) / (1 - R^2 in A), with its 95 % interval; p{corrected}; means over the seeds that both files have." if tests else ""

    def rows(self) -> tuple[table.Head, table.Cells]:
        """Head and cells of a table, one row per setting."""
        names = list(self.differences[0].values)
        head = [*names, "A %", "B %", "ratio", "95 % interval", "p", "seeds", "B is"]
        return head, [[*(text(name, each.values[name]) for name in names), *_cells(each)] for each in self.differences]


def _cells(each: Difference) -> list[str]:
    ratio, low, high = ("-" if math.isnan(value) else f"{value:.3g}" for value in each.ratio)
    p = "-" if math.isnan(each.p_value) else p_text(each.p_value).removeprefix("p ").removeprefix("= ")
    return [percent(each.r2_a)[0], percent(each.r2_b)[0], ratio, "-" if low == "-" else f"{low} to {high}", p, each.seeds_text, each.verdict]


def differences(a: xr.Dataset, b: xr.Dataset, by: str = "r2") -> Comparison:
    """Compares the settings that have finished runs of the same seed in both files. A choice that is constant in either file and differs between
    them (optimizer adam in A, muon in B) is what is compared. Raises AnswerError if the files share no setting."""
    for each in (a, b):
        check_column(each, by)
    names = _names(a, b)
    every = [results.rows(each) for each in (a, b)]
    apart = _apart(every, names)
    names = [name for name in names if name not in apart]
    of_a, of_b = (_scores(rows, names, by) for rows in every)
    shared = {key: rows for key, (rows, _) in of_a.items() if key in of_b and rows.keys() & of_b[key][0].keys()}
    if not shared:
        present = {name: [list(dict.fromkeys(_value(row, name) for row in rows)) for rows in every] for name in [*names, "seed"]}
        differ = ", ".join(f"{name} ({', '.join(one)} in A; {', '.join(other)} in B)" for name, (one, other) in present.items() if not {*one} & {*other})
        raise AnswerError(f"{a.attrs['source']} (A) and {b.attrs['source']} (B) share no setting with finished runs of the same seed{f'; they differ in {differ}' if differ else ''}")
    differ = sorted(dict.fromkeys([*results.varied(a), *results.varied(b)]), key=lambda name: not is_case_setting(name))
    shown = [names.index(name) for name in differ if name in names and len({key[names.index(name)] for key in shared}) > 1]
    grouped: dict[Key, list[Key]] = {}
    for key in shared:
        grouped.setdefault(tuple(value for name, value in zip(names, key, strict=True) if is_case_setting(name)), []).append(key)
    found: list[Difference] = []
    for keys in grouped.values():
        keys.sort(key=lambda key: (-len(of_a[key][0]), sum(of_a[key][0].values()) / len(of_a[key][0])))  # the order of `table A`
        values = [{names[place]: of_a[key][1][names[place]].item() for place in shown} for key in keys]
        found += _of_case(values, [(of_a[key][0], of_b[key][0]) for key in keys])
    return Comparison(found, apart)


def _names(a: xr.Dataset, b: xr.Dataset) -> list[str]:
    """The settings by which runs are matched: without those that only one file has and that are constant there (files of older versions)."""
    names = [name for name in dict.fromkeys([*results.setting_names(a), *results.setting_names(b)]) if name not in _IGNORED]
    return [name for name in names if all(name in each.variables for each in (a, b)) or any(name in results.varied(each) for each in (a, b))]


def _of_case(values: list[dict[str, object]], scores: list[tuple[Scores, Scores]]) -> list[Difference]:
    seeds = sorted(set.intersection(*(set().union(*(pair[side] for pair in scores)) for side in (0, 1))))
    whole = [place for place, pair in enumerate(scores) if all(seed in side for side in pair for seed in seeds)]
    y = np.array([[side[seed] for seed in seeds] for place in whole for side in scores[place]]).reshape(-1, len(seeds))
    analysis = statistics.analyse(y) if whole else None
    changes = analysis.mean[1::2] - analysis.mean[::2] if analysis else np.array([])
    p = statistics.holm(statistics.p_value(changes, analysis.difference_error, analysis.degrees)) if analysis else np.array([])
    half = float(statistics.student_quantile(analysis.degrees) * analysis.difference_error) if analysis and analysis.degrees else math.nan
    found = []
    for place, (one, other) in enumerate(scores):
        common = [seed for seed in seeds if seed in one and seed in other]
        mean_a, mean_b = (float(np.mean([side[seed] for seed in common])) for side in (one, other))
        tested = place in whole
        change, width = mean_b - mean_a, half if tested else math.nan
        ratio = (10**change, 10 ** (change - width), 10 ** (change + width))
        found.append(Difference(values[place], float(statistics.r2_of(mean_a)), float(statistics.r2_of(mean_b)), ratio,
                                float(p[whole.index(place)]) if tested else math.nan, len(common), tuple(common), len(seeds), len(whole)))  # fmt: skip
    return found


def _scores(rows: list[Row], names: list[str], by: str) -> dict[Key, tuple[Scores, Row]]:
    """The scores of the finished runs by seed, and a row, by setting."""
    found: dict[Key, tuple[Scores, Row]] = {}
    for row in rows:
        r2 = float(row[by])
        if row["status"].item() == "done" and math.isfinite(r2):
            found.setdefault(tuple(_value(row, name) for name in names), ({}, row))[0][int(row["seed"])] = float(statistics.score(r2))
    return found


def _apart(every: list[list[Row]], names: list[str]) -> dict[str, tuple[str, str]]:
    found = {}
    for name in names:
        one, other = ({_value(row, name) for row in rows} for rows in every)
        if not is_case_setting(name) and len(one) == len(other) == 1 and one != other:
            found[name] = (one.pop(), other.pop())
    return found


def _value(row: Row, name: str) -> str:
    """The setting as text; "" for a setting that files of older versions do not have."""
    return text(name, row[name].item()) if name in row else ""


def compare(a: Sweep, b: Sweep, by: str = "r2") -> xr.Dataset:
    """Differences between two sweeps in the settings that they share, along the dimension `setting`.

    `a`, `b`: datasets of open_sweep or open_runs, or paths of results files. Variables: `r2_a`, `r2_b` (means over the shared seeds), `ratio` of
    1 - R^2 (B over A) and its 95 % interval `ratio_low`, `ratio_high`, `p_value` after Holm's correction, `real`, `seeds`, `sentence`.
    The attribute `sentence` has the summary, `note` what the numbers mean. `by`: another column of R^2. Raises AnswerError if the sweeps share no setting.
    """
    found = differences(runs_of(a), runs_of(b), by)
    dataset = dataset_of([record(each) for each in found.differences], "setting", list(found.differences[0].values))
    return dataset.assign_attrs(sentence=found.sentence, note=found.note)


def record(each: Difference) -> dict[str, object]:
    ratio, low, high = each.ratio
    return {**each.values, "r2_a": each.r2_a, "r2_b": each.r2_b, "ratio": ratio, "ratio_low": low, "ratio_high": high, "p_value": each.p_value,
            "real": each.real, "seeds": each.seeds, "seeds_of_case": each.seeds_of_case, "sentence": each.sentence}  # fmt: skip
