"""Fills the blocks of FINDINGS.md: one block per archived sweep, with a line of text, a table and a figure."""

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from weightsweep import answer, effects, one_pass, outputs, results, table
from weightsweep.cases import Case, Setting, cases
from weightsweep.outputs import OutputError
from weightsweep.values import exact

if TYPE_CHECKING:
    from weightsweep.figures import Drawing

PAGE = Path(__file__).resolve().parents[1] / "FINDINGS.md"
_MARK = "<!-- finding {}:{} -->"
_SUMMARY = ("<!-- summary:begin -->", "<!-- summary:end -->")
_BEGIN = re.compile(r"<!-- finding ([\w-]+):begin -->")
_EXTRA = re.compile(r"r2_(?!stderr)[\w.-]+(?<!_stderr)|weight_match(_error)?(_chance)?")  # columns that exist only in some sweeps
_TRAINING = (("optimizer", "{}"), ("learning_rate", "rate {}"), ("schedule", "{}"), ("batch", "batch {:,}"), ("eval_points", "eval_points {:,}"), ("precision", "{}"))


def fill(page: Path, archives: Path, drawings: Path | None) -> list[Path]:
    """Writes every block of the page from the archive of its name; with `drawings`, draws the figures there. Returns the paths written."""
    names = _BEGIN.findall(outputs.read_document(page))
    if not names:
        raise OutputError(f"{page}: has no block {_MARK.format('NAME', 'begin')} ... {_MARK.format('NAME', 'end')}; expected one per archive")
    found = {name: _finished(archives / f"{name}.h5") for name in names}
    drawn = {name: _drawing(runs, drawings) for name, runs in found.items() if drawings and runs is not None and runs.sizes["run"]}
    texts = {}
    for name, runs in found.items():
        picture = f"\n![{name}]({os.path.relpath(drawn[name].path, page.parent)})\n" if name in drawn else ""
        texts[_MARK.format(name, "begin"), _MARK.format(name, "end")] = _text(name, runs, archives / f"{name}-times.csv") + picture
    questions = _questions(outputs.read_document(page))
    finished = {name: (questions[name], runs) for name, runs in found.items() if runs is not None and runs.sizes["run"]}
    if _SUMMARY[0] in outputs.read_document(page):
        texts[_SUMMARY] = table.markdown(*summary(finished))
    outputs.check(output for drawing in drawn.values() for output in drawing.outputs())
    if drawings:
        outputs.make_folder(drawings)
    pictures = [path for drawing in drawn.values() for path in drawing.save()]
    outputs.fill_blocks(page, texts)
    return [page, *pictures]


def _questions(page: str) -> dict[str, str]:
    """The heading above each block, without the names of archives in parentheses."""
    found, question = {}, ""
    for line in page.splitlines():
        if line.startswith("## "):
            question = re.sub(r"\s*\(`.*\)$", "", line.removeprefix("## "))
        if match := _BEGIN.match(line):
            found[match[1]] = question
    return found


def _finished(path: Path) -> xr.Dataset | None:
    return results.done(results.open_runs(path)) if path.is_file() else None


def _text(name: str, runs: xr.Dataset | None, times: Path) -> str:
    if runs is None:
        return f"Not in the archives yet: {name}.\n"
    if not runs.sizes["run"]:
        return f"No run of {name} has finished.\n"
    if one_pass.called_for(runs):
        measured = f"\n{table.markdown(*one_pass.times(runs, times))}" if times.is_file() else ""
        return f"{trained(runs)}\n\n{table.markdown(*one_pass.rows(runs))}{measured}"
    head, cells, constant = rows(runs)
    lines = answers(cases(runs))
    shown = "".join(f"- {line}\n" for line in lines) if len(lines) > 1 else f"{lines[0]}\n"
    of_case = " of a case" if any(value.endswith(")") for value in constant.values()) else ""
    note = f"\nIn every row{of_case}: {'; '.join(f'{name} {value}' for name, value in constant.items())}.\n" if constant else ""
    return f"{trained(runs)}\n\n{shown}\n{table.markdown(head, cells)}{note}"


def trained(runs: xr.Dataset) -> str:
    """One line: number of runs, steps, and the training settings that all runs share."""
    steps = sorted({int(steps) for steps in runs["steps_done"].values})
    number = runs.sizes["run"]
    return f"{number} {'run' if number == 1 else 'runs'} of {' and '.join(f'{count:,}' for count in steps)} steps ({_training(runs)})."


def answers(found: list[Case]) -> list[str]:
    """The answer in words, a line per case; one line for all cases if each has one setting."""
    if all(len(case.settings) == 1 for case in found):
        return [f"R² {_range([case.settings[0].r2 for case in found])} %{f' over {len(found)} cases' if len(found) > 1 else ''}."]
    return [f"{f'{case.label}. ' if case.values else ''}{answer.sentence(case)}" for case in found]


def _range(values: list[float]) -> str:
    low, high = (answer.percent(value)[0] for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def summary(names: dict[str, tuple[str, xr.Dataset]]) -> tuple[list[str], list[list[str]]]:
    """Head and cells of the table at the top of the page: a row per archive. names: question and runs by the archive's name."""
    head = ["question", "sweep", "case", "best setting", "R² %", "effect", "seeds"]
    cells: list[list[str]] = []
    last = ""
    for name, (question, runs) in names.items():
        question, last = "" if question == last else question, question
        found = cases(runs)
        if len(found) > 1 and all(len(case.settings) == 1 for case in found):
            seeds = sorted({len(case.settings[0].scores) for case in found})
            cells.append([question, f"`{name}`", f"{len(found)} cases", "-", _range([case.settings[0].r2 for case in found]), "-", _range_of_counts(seeds)])
            continue
        for case in found:
            cells.append([question, f"`{name}`", case.label or "-", *_summary_row(case)])
            question = ""
    return head, cells


def _range_of_counts(counts: list[int]) -> str:
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _summary_row(case: Case) -> list[str]:
    """The best setting, its R², the effect against the worst setting, and the seeds."""
    if not case.complete:
        return ["none has all seeds", "-", "-", str(case.settings[0].seeds)]
    best, worst = case.best, case.complete[-1]
    mean, low, high = answer.percent(best.r2, *case.interval(best))
    shown = f"{mean} ({low} to {high})" if low != "-" else mean
    if best is worst:
        return ["-", shown, "-", str(best.seeds)]
    ratio, low_ratio, high_ratio = answer.difference(case, best, worst)
    interval = "" if math.isnan(low_ratio) else f" ({low_ratio:.2g} to {high_ratio:.2g})"
    p = case.p_value(best, worst)
    verdict = "one seed, not tested" if math.isnan(p) else "real" if p < 0.05 else "not separable"
    return [best.label, shown, f"leaves {ratio:.2g}{interval} times the unexplained variance of {worst.label}: {verdict}", str(best.seeds)]


def _training(runs: xr.Dataset) -> str:
    """The training settings that all runs share; the others are columns of the table."""
    return ", ".join(form.format(_plain(runs[name].values[0])) for name, form in _TRAINING if name in runs.variables and len(set(runs[name].values)) == 1)


def _plain(value: np.generic) -> object:
    return exact(value.item()) if isinstance(value, np.floating) else value


def rows(runs: xr.Dataset) -> tuple[list[str], list[list[str]], dict[str, str]]:
    """Head and cells of the table, one row per setting in the order of the answer, and the columns that are left out since they have one value,
    or one per case, by name. R² has the 95 % interval of its mean over seeds in parentheses; other columns have means over seeds."""
    found = cases(runs)
    case_names, choices = list(found[0].values), list(found[0].settings[0].values)
    extra = [str(name) for name in runs.data_vars if _EXTRA.fullmatch(str(name)) and np.isfinite(runs[name].values).any()]
    head = [*(case_names + choices or ["unknowns", "equations"]), "R² %", "seeds", "loss", *(f"{name} %" if name.startswith("r2_") else name for name in extra)]
    cells = []
    for case in found:
        for setting in case.settings:
            settings = [results.setting(setting.runs[0], name) or "-" for name in head[: head.index("R² %")]]
            others = [_mean(setting, name, 100 if name.startswith("r2_") else 1) for name in extra]
            mean, low, high = answer.percent(setting.r2, *case.interval(setting))
            shown = f"{mean} ({low} to {high})" if low != "-" else mean
            cells.append([*settings, shown, str(len(setting.scores)), f"{np.mean([run['loss_ema'] for run in setting.runs]):.4f}", *others])
    constant = {name: _constant(found, [row[column] for row in cells]) for column, name in enumerate(head) if column > head.index("R² %")}
    constant = {name: value for name, value in constant.items() if value and (len(cells) > 1 or name == "seeds")}
    kept = [column for column, name in enumerate(head) if name not in constant]
    return [head[column] for column in kept], [[row[column] for column in kept] for row in cells], constant


def _constant(found: list[Case], values: list[str]) -> str:
    """The value of a column that is the same in all rows, or in all rows of each case: "0.34 (unknowns 15), 0.35 (unknowns 50)". Else empty."""
    if len(set(values)) == 1:
        return values[0]
    each, of_case = iter(values), []
    for case in found:
        own = {next(each) for _ in case.settings}
        of_case.append(f"{min(own)} ({case.label})")
        if len(own) > 1:
            return ""
    return "" if all(len(case.settings) == 1 for case in found) else ", ".join(of_case)


def _mean(setting: Setting, name: str, scale: float) -> str:
    """Mean of a column over the seeds."""
    values = scale * np.array([float(run[name]) for run in setting.runs])
    return f"{values.mean():.2f}" if np.isfinite(values).any() else "-"


def _drawing(runs: xr.Dataset, folder: Path) -> "Drawing":
    from weightsweep import figures  # deferred: importing matplotlib is slow

    called = figures.called_for(runs)
    by_values = sorted(effects.axes(runs), key=lambda name: -len(set(runs[name].values)))  # the axis with the most values
    first = "weights" if "objective" in results.varied(runs) else "loss" if set(runs["task"].values) == {"mlp-forward"} else "shift"
    name = next(name for name in ("fits", first, *by_values, "loss") if name in called)
    return figures.Drawing(name, [runs], folder, pdf=False)  # a Markdown page cannot show a PDF
