"""The tables of `table`: one row per setting with its mean, interval and seeds, or one row per run; and the answer as JSON."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from weightsweep import answer, grids, importance, published, results, statistics, table
from weightsweep.cases import Case, Setting, cases, text
from weightsweep.outputs import Block
from weightsweep.results import Row
from weightsweep.values import exact, is_list

BLOCK: Block = ("<!-- quick-table:begin -->", "<!-- quick-table:end -->")
FORMATS = ("table", "csv", "json", "markdown", "latex")
_FLOORS = {"r2_affine_fit": "affine fit", "r2_quadratic_fit": "quadratic fit", "r2_direct_fit": "fit of the network"}
_TEXTS = ("file", "run_id", "status", "message", "sentence")  # never a list of numbers, though a run_id of an older file may have only digits
_EMPTY = ("95 % interval", "published %", "difference")  # columns that are left out where no row has a value


@dataclass(frozen=True)
class View:
    """Options of a table: runs instead of settings, the column of R^2, and the published values of every training."""

    runs: bool = False
    by: str = "r2"
    published: bool = False


def render(files: list[xr.Dataset], form: str = "table", view: View = View()) -> str:
    """The tables of several results files in one of FORMATS."""
    if form == "json":
        return json.dumps(document(files, view), indent=1, allow_nan=False) + "\n"
    if form == "csv":
        return _comma_separated(files, view)
    parts = []
    for file in files:
        title = [f"{file.attrs['source']}\n"] if len(files) > 1 else []
        parts.append("\n".join([*title, _runs(file, form, view) if view.runs else _settings(file, form, view)]))
    return "\n".join(parts)


# ---- one row per setting ----


def _settings(dataset: xr.Dataset, form: str, view: View) -> str:
    """A section per case: its label, the answer in words, its settings. One table for all cases if each has one setting, and in LaTeX."""
    found = cases(dataset, view.by)
    write: Callable[[table.Head, table.Cells], str] = {"table": table.text, "markdown": table.markdown, "latex": table.latex}[form]
    single = all(len(case.settings) == 1 for case in found)
    left = _unfinished(dataset)
    if form == "latex":
        return write(*without(*setting_rows(found, view.published), "seconds"))
    if single and form == "markdown":
        return write(*setting_rows(found, view.published))
    if single:
        words = [f"{case.label}: {answer.sentence(case)}{_floors_in_words(case)}" if case.values else answer.sentence(case) + _floors_in_words(case) for case in found]
        return "\n".join([*words, "", write(*setting_rows(found, view.published)).rstrip("\n"), *left]) + "\n"
    title = "**{}**" if form == "markdown" else "{}"
    sections = []
    for case in found:
        head = [title.format(case.label)] if case.values else []
        sections.append("\n".join([*head, *_paragraphs(in_words(case), form), "", write(*setting_rows([case], view.published))]))
    return "\n".join([*sections, *(f"{line}\n" for line in left)])


def without(head: table.Head, cells: table.Cells, name: str) -> tuple[table.Head, table.Cells]:
    kept = [column for column, each in enumerate(head) if each != name]
    return [head[column] for column in kept], [[row[column] for column in kept] for row in cells]


def _paragraphs(lines: list[str], form: str) -> list[str]:
    return [part for line in lines for part in ([line, ""] if form == "markdown" else [line])]


def in_words(case: Case) -> list[str]:
    """The answer, the floors and the importance of the axes, each a line."""
    found = importance.importance(case)
    matter = importance.sentence(found) if found and (len(found.shares) > 1 or found.confounded) else ""  # one axis has all of the variance
    return [line for line in (answer.sentence(case), _floors_in_words(case).strip(), matter) if line]


def floors(case: Case) -> dict[str, float]:
    """R^2 of fits to the same pairs, by column, where the file has them: means over the case's finished runs."""
    found = {}
    for name in _FLOORS:
        column = name + case.by.removeprefix("r2")
        values = np.array([float(run[column]) for setting in case.settings for run in setting.runs if column in run and run["status"].item() == "done"])
        if np.isfinite(values).any():
            found[column] = float(statistics.r2_of(statistics.score(values[np.isfinite(values)]).mean()))
    return found


def _floors_in_words(case: Case) -> str:
    found = floors(case)
    if not found:
        return ""
    names = {column: _FLOORS[column.removesuffix(case.by.removeprefix("r2"))] for column in found}
    parts = [f"{names[column]}{_sets_of(column, case)} {answer.percent(r2)[0]} %" for column, r2 in found.items()]
    above = [f"the {names[column]}" for column, r2 in found.items() if case.complete and case.best.r2 < r2]
    note = f" The best setting is below {' and '.join(above)}." if above else ""
    return f" On the same pairs: {', '.join(parts)}.{note}"


def _sets_of(column: str, case: Case) -> str:
    """The held-out sets on which a floor is scored, where they are not all: " on the first 256 sets". Regressions and the model are scored on all."""
    if not column.startswith("r2_direct_fit"):
        return ""
    runs = [run for setting in case.settings for run in setting.runs]
    counts = sorted({int(run["evaluation_direct_fit"]) for run in runs if run["evaluation_direct_fit"] < run["evaluation_generators"]})
    return f" on the first {' or '.join(f'{count:,}' for count in counts if count)} sets" if any(counts) else ""


def setting_rows(found: list[Case], with_published: bool = False) -> tuple[table.Head, table.Cells]:
    """Head and cells, one row per setting. With several cases the first columns are the settings of the case; where each case has one
    setting, the first columns are the unknowns and the equations."""
    single = all(len(case.settings) == 1 for case in found)
    of_case = list(found[0].values) if len(found) > 1 else []
    of_case = list(dict.fromkeys(["unknowns", "equations", *of_case])) if single else of_case
    choices = list(dict.fromkeys(name for case in found for name in (case.choices if len(found) == 1 else found[0].settings[0].values)))
    name = "R²" if not found or found[0].by == "r2" else found[0].by
    head = [*of_case, *choices, f"{name} %", "95 % interval", "seeds", "against the best", "seconds", "published %", "difference"]
    cells = [[text(each, setting.runs[0][each].item()) for each in of_case] + _setting_row(case, setting, choices, with_published) for case in found for setting in case.settings]
    empty = {name for name in _EMPTY if all(row[head.index(name)] == "-" for row in cells)}
    if single:
        empty.add("against the best")
    kept = [column for column, name in enumerate(head) if name not in empty]
    return [head[column] for column in kept], [[row[column] for column in kept] for row in cells]


def _setting_row(case: Case, setting: Setting, choices: list[str], with_published: bool) -> list[str]:
    mean, low, high = answer.percent(setting.r2, *case.interval(setting))
    seconds = [float(run["wall_seconds"]) for run in setting.runs if run["status"].item() == "done"]
    known = _published(setting.runs[0], with_published) if case.by == "r2" else math.nan
    return [
        *(text(name, setting.values[name]) for name in choices),
        mean,
        f"{low} to {high}" if low != "-" else "-",
        setting.seeds_text.removesuffix("s").removesuffix(" seed"),
        _against(case, setting),
        _seconds(float(np.mean(seconds)) if seconds else math.nan),
        _number(100 * known, ".1f"),
        _number(100 * (setting.r2 - known), "+.2f"),
    ]


def _against(case: Case, setting: Setting) -> str:
    """The setting beside the best one: "best", "separable", "not separable", or "equal" where all are."""
    if not setting.complete:
        return "not finished" if setting.waiting else "cannot be best"
    if case.equal:
        return "equal"
    if setting is case.best:
        return "best"
    p = case.p_value(case.best, setting)
    return "-" if math.isnan(p) else "separable" if p < 1 - statistics.LEVEL else "not separable"


def _published(run: Row, any_training: bool) -> float:
    """The published R^2 of the run's case, if the run repeats the published training; of any training if `any_training`."""
    if not any_training and not published.repeated([run]):
        return math.nan
    return published.r2(run["task"].item(), run["model"].item()).get((int(run["unknowns"]), int(run["equations"])), math.nan)


def _unfinished(dataset: xr.Dataset) -> list[str]:
    """One line that counts the runs that are not done."""
    status = list(grids.as_runs(dataset)["status"].values)
    counts = [f"{status.count(name)} {name}" for name in ("running", "pending", "diverged", "failed") if name in status]
    return [f"{len(status)} run{'' if len(status) == 1 else 's'}, of which {', '.join(counts)}: --runs lists them."] if counts else []


# ---- one row per run ----


def _runs(dataset: xr.Dataset, form: str, view: View) -> str:
    write = {"table": table.text, "markdown": table.markdown, "latex": table.latex}[form]
    note = "Error: standard error of the evaluation over the held-out generators of one run; the spread of the seeds is not in it.\n"
    return write(*run_rows(dataset, view)) + (note if form == "table" else "")


def run_rows(dataset: xr.Dataset, view: View = View()) -> tuple[table.Head, table.Cells]:
    """Head and cells, one row per run in the order of the file."""
    runs = grids.as_runs(dataset)
    shown = ["unknowns", "equations", *(name for name in results.axes(runs) if name not in ("unknowns", "equations"))]
    head = ["run", *shown, "steps", "R² %" if view.by == "r2" else f"{view.by} %", "error", "published %", "difference", "seconds", "status"]
    cells = [_run_row(run, shown, view) for run in results.rows(runs)]
    kept = [column for column, name in enumerate(head) if name not in _EMPTY or any(row[column] != "-" for row in cells)]
    return [head[column] for column in kept], [[row[column] for column in kept] for row in cells]


def _run_row(run: Row, shown: list[str], view: View) -> list[str]:
    done, steps = int(run["steps_done"]), int(run["steps"])
    r2, error = float(run[view.by]), float(run.get(f"{view.by}_stderr", math.nan))
    known = _published(run, view.published) if view.by == "r2" else math.nan
    message = _one_line(run["message"].item())
    return [
        run["run_id"].item(),
        *(text(name, run[name].item()) for name in shown),
        f"{steps:,}" if done == steps else f"{done:,} of {steps:,}",
        answer.percent(r2)[0],
        _number(100 * error, ".2f"),
        _number(100 * known, ".1f"),
        _number(100 * (r2 - known) if done == steps else math.nan, "+.2f"),
        _seconds(float(run["wall_seconds"])),
        run["status"].item() + (f": {message}" if message else ""),
    ]


def _one_line(message: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", message).strip()


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _seconds(value: float) -> str:
    return _number(value, ",.0f" if value >= 9.95 else ".2g")


# ---- for programs ----


def document(files: list[xr.Dataset], view: View = View()) -> dict[str, object]:
    """The answer as a JSON document; None stands for an unknown number."""
    if view.runs:
        return {"runs": [plain(each) for file in files for each in _run_records(file, view, len(files) > 1)]}
    return {"by": view.by, "cases": [{"file": str(file.attrs["source"]), **case_document(case)} for file in files for case in cases(file, view.by)]}


def case_document(case: Case) -> dict[str, object]:
    """One case: its settings, the best one, the answer in words, floors, importance, and the difference of every setting from the best."""
    shares = importance.importance(case)
    best = case.best if case.complete and not case.equal else None
    return {
        "case": plain(case.values),
        "sentence": answer.sentence(case),
        "best": best and {**plain(best.values), "run_id": best.runs[0]["run_id"].item()},
        "floors": floors(case),
        "importance": shares and {
            "shares": {" x ".join(names): share for names, share in shares.shares.items()},
            "rest": shares.rest, "settings": shares.settings, "left_out": shares.left_out, "exact": shares.exact, "confounded": list(shares.confounded),
        },
        "settings": [plain(answer.setting_record(case, setting)) | {"run_ids": [run["run_id"].item() for run in setting.runs]} for setting in case.settings],
        "differences": [plain(_difference(case, setting)) for setting in case.complete[1:]],
    }  # fmt: skip


def _difference(case: Case, other: Setting) -> dict[str, object]:
    ratio, low, high = answer.difference(case, case.best, other)
    p = case.p_value(case.best, other)
    return {**other.values, "ratio": ratio, "ratio_low": low, "ratio_high": high, "p_value": p, "real": bool(p < 1 - statistics.LEVEL),
            "sentence": answer.difference_sentence(case, case.best, other)}  # fmt: skip


def _run_records(dataset: xr.Dataset, view: View, with_file: bool) -> list[dict[str, object]]:
    runs = grids.as_runs(dataset)
    columns = ["run_id", "unknowns", "equations", *(name for name in results.axes(runs) if name not in ("unknowns", "equations")), "steps", "steps_done"]
    columns += [name for name in (view.by, f"{view.by}_stderr", "wall_seconds", "status", "message") if name in runs.variables]
    file = {"file": str(dataset.attrs["source"])} if with_file else {}
    return [{**file, **{name: run[name].item() for name in columns}} for run in results.rows(runs)]


def plain(values: dict[str, object]) -> dict[str, object]:
    """Values for JSON: a list of numbers as a list, an unknown number as None."""
    return {name: _plain(value, name in _TEXTS) for name, value in values.items()}


def _plain(value: object, is_text: bool) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return json.loads(f"[{value}]") if isinstance(value, str) and not is_text and is_list(value) else value


def _comma_separated(files: list[xr.Dataset], view: View) -> str:
    records: list[dict[str, object]] = []
    for file in files:
        if view.runs:
            records += _run_records(file, view, len(files) > 1)
            continue
        source = {"file": str(file.attrs["source"])} if len(files) > 1 else {}
        records += [{**source, **answer.setting_record(case, setting)} for case in cases(file, view.by) for setting in case.settings]
    head = list(dict.fromkeys(name for record in records for name in record))
    return table.comma_separated(head, [[_cell(record.get(name)) for name in head] for record in records])


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).lower() if isinstance(value, bool) else exact(value)
