"""Training loss against the step: mean of each setting, with the range of its seeds."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightsweep import published, results
from weightsweep.cases import Case, Setting, cases
from weightsweep.figures import style
from weightsweep.results import Row

MAX_PANELS = 4
MAX_LINES = 8  # settings per panel
_BAR_STEP = 1.035  # ratio of the places of neighbouring bars
MAX_BANDS = 4  # settings of a panel up to which bands can be told apart


def loss_curves(runs: xr.Dataset, with_published: bool = False) -> Figure:
    """Training loss (moving average) against the step, one panel per number of unknowns.

    A line is the geometric mean over the seeds of a setting; a band reaches from the lowest to the highest seed, or a bar at the last step if the
    panel has more than MAX_BANDS settings. A panel with more than MAX_LINES settings shows the best ones and says so. Thin dotted lines: published curves, if a run repeats the published training, or
    with `with_published`.
    """
    found = cases(runs)
    parts = sorted({int(case.settings[0].runs[0]["unknowns"]) for case in found})
    while len(parts) > MAX_PANELS:
        parts = [-1]  # one panel for all
    figure, panels = style.panels(len(parts))
    for panel, unknowns in zip(panels, parts):
        mine = [case for case in found if unknowns in (-1, int(case.settings[0].runs[0]["unknowns"]))]
        title = f"{unknowns} unknowns" if len(parts) > 1 else ""
        _panel(panel, mine, title, results.varied(runs), with_published)
    return figure


def _panel(axes: Axes, found: list[Case], title: str, varied: list[str], with_published: bool) -> None:
    lines = [(case, setting) for case in found for setting in case.settings if any(np.isfinite(run["curve_step"]).any() for run in setting.runs)]
    drawn, twins = _distinct(lines)
    shown = _best(drawn)
    rows = [run for case in found for setting in case.settings for run in setting.runs]
    repeated = {(case.unknowns, case.equations) for case in published.repeated(rows)}
    names = [name for name in varied if name not in ("seed", "unknowns" if title else "")]
    grey = 0
    for index, (_, setting) in enumerate(shown):
        first = setting.runs[0]
        looks = style.series(index)
        label = style.label(first, names) or "loss"
        same = twins.get(id(setting), [])
        if len(same) == 1:
            twin = same[0].runs[0]
            label += f" (= {', '.join(style.short(results.setting(twin, name)) for name in names if twin[name].item() != first[name].item())})"
        elif same:
            label += f" (= {len(same)} other settings)"
        step, mean, low, high = _mean(setting.runs)
        axes.plot(step, mean, **looks | {"marker": None}, label=label, zorder=2)
        if len(setting.runs) > 1 and len(shown) <= MAX_BANDS:
            axes.fill_between(step, low, high, color=looks["color"], alpha=0.2, linewidth=0, zorder=2)
        elif len(setting.runs) > 1 and len(step):
            axes.errorbar(step[-1] * _BAR_STEP ** (index + 1), mean[-1], [[mean[-1] - low[-1]], [high[-1] - mean[-1]]], color=looks["color"], marker="_", capsize=1.5, linewidth=1, zorder=3)
        cell = (int(first["unknowns"]), int(first["equations"]))
        curve = published.loss_curves(first["task"].item(), first["model"].item()).get(cell)
        if curve and (with_published or cell in repeated):
            axes.plot(curve.step, curve.loss_ema, color=looks["color"], linestyle=":", linewidth=0.8, label=None if grey else "published (thin, dotted)", zorder=1)
            grey += 1
    told = [title, f"the best {len(shown)} of {len(drawn)} settings" if len(shown) < len(drawn) else "", f"{'bands' if len(shown) <= MAX_BANDS else 'bars at the end'}: lowest to highest seed" if any(len(setting.runs) > 1 for _, setting in shown) else ""]
    hidden = sum(run["status"].item() == "diverged" for _, setting in drawn for run in setting.runs) - sum(run["status"].item() == "diverged" for _, setting in shown for run in setting.runs)
    told += [f"{hidden} diverged run{'' if hidden == 1 else 's'} left out"] if hidden else []
    axes.set(xlabel="training step", ylabel="training loss")
    style.log_scale(axes.xaxis)
    style.log_scale(axes.yaxis)
    cut = _clip(axes, [run for _, setting in shown for run in setting.runs])
    style.note(axes, "; ".join(filter(None, [*told, cut])))
    style.legend(axes)


def _distinct(lines: list[tuple[Case, Setting]]) -> tuple[list[tuple[Case, Setting]], dict[int, list[Setting]]]:
    """The settings without those whose curves repeat another setting's bit by bit (a model that ignores a setting), and these twins by the id of the
    setting that is kept."""
    seen: dict[bytes, Setting] = {}
    kept, twins = [], {}
    for case, setting in lines:
        key = b"".join(run["curve_loss"].tobytes() for run in setting.runs)
        if key in seen:
            twins.setdefault(id(seen[key]), []).append(setting)
        else:
            seen[key] = setting
            kept.append((case, setting))
    return kept, twins


def _best(lines: list[tuple[Case, Setting]]) -> list[tuple[Case, Setting]]:
    """The best MAX_LINES settings, the cases in turn, in the order of the file."""
    turns: dict[int, int] = {}
    ranked = []
    for place, (case, _) in enumerate(lines):  # best first within a case
        turns[id(case)] = turns.get(id(case), 0) + 1
        ranked.append((turns[id(case)], place))
    chosen = sorted(place for _, place in sorted(ranked)[:MAX_LINES])
    return [lines[place] for place in chosen]


def _mean(runs: list[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Step, geometric mean, minimum and maximum over the runs that have started, at the steps that all of them have reached."""
    started = [run for run in runs if np.isfinite(run["curve_step"]).any()]
    curves = [dict(zip(run["curve_step"][np.isfinite(run["curve_step"])], run["curve_loss"])) for run in started]
    steps = sorted(set.intersection(*(set(curve) for curve in curves)))
    values = np.array([[curve[step] for step in steps] for curve in curves])
    values = np.where(values > 0, values, np.nan)
    return np.array(steps), np.exp(np.log(values).mean(0)), values.min(0), values.max(0)


def _clip(axes: Axes, runs: list[Row]) -> str:
    """Ends the axis at ten times the median of the largest losses of the runs that did not diverge, if a run exceeds thirty times the median.
    Returns a note that says so."""
    largest = np.array([np.max(run["curve_loss"], initial=0, where=np.isfinite(run["curve_loss"])) for run in runs])
    kept = [loss for run, loss in zip(runs, largest) if run["status"].item() != "diverged"]
    middle = float(np.median(kept)) if kept else 0.0
    beyond = [run for run, loss in zip(runs, largest) if loss > 30 * middle]
    if not beyond or middle <= 0:
        return ""
    axes.set_ylim(top=10 * middle)
    style.log_scale(axes.yaxis)
    what = "diverged run" if all(run["status"].item() == "diverged" for run in beyond) else "run"
    return f"{len(beyond)} {what}{'' if len(beyond) == 1 else 's'} cut off at the top"
