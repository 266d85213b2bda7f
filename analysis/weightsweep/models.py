"""Loads the trained models of a results file, as arrays or as PyTorch modules."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from weightsweep import results
from weightsweep.cases import AnswerError, cases, text

if TYPE_CHECKING:
    import torch

Run = str | int | xr.DataArray | None
Tensors = dict[str, np.ndarray]
Settings = dict[str, object]


def load_model(path: str | Path, run: Run = None, torch: bool = False, **settings: object) -> "Tensors | torch.nn.Module":
    """The final parameters of a run, under PyTorch's names: weights [out, in], biases [out], float32.

    `run`: the run_id, its beginning, the index of the run in the file, an element of `open_sweep(path).run_id`, "best": the run with the
    smallest seed of the best setting, or conditions as on the command line ("pooling=max,seed=1", "best,unknowns=50"). `settings` must single out one run or, with "best", one case: `load_model("a.h5", pooling="max", seed=1)`,
    `load_model("a.h5", "best", unknowns=50)`. With `torch=True` the result is a torch.nn.Module with these parameters and the structure of the
    original experiment's: `load_model(...)(pairs)` maps pairs [batch, equations, inputs + 1] to weights [batch, unknowns].
    """
    found, tensors = read_model(path, run, **settings)
    if not torch:
        return tensors
    from weightsweep import torch_models  # deferred: PyTorch is optional

    return torch_models.torch_model(found, tensors)


def read_model(path: str | Path, run: Run = None, **settings: object) -> tuple[Settings, Tensors]:
    """The run's settings (the scalar columns of its row) and its parameters by name."""
    runs = results.open_runs(path)
    ids = [str(value) for value in runs["run_id"].values]
    index = _find(path, runs, run.item() if isinstance(run, xr.DataArray) else run, settings)
    row = runs.isel(run=index)
    if row["status"].item() != "done":
        raise results.ResultsError(f"{path}: run {ids[index]} is {row['status'].item()}; expected done: only finished runs have a model")
    with results.open_file(path) as file:
        group = file.get(f"models/{ids[index]}")
        if group is None:
            raise results.ResultsError(f"{path}: has no models; archives made with --no-models have none. Use the original results file")
        tensors: Tensors = {}
        left = int(row["parameters"].item()) if "parameters" in row.variables else None
        for name in group:  # in the order of the flat vector; datasets after the last tensor were added by other programs
            if left == 0:
                break
            tensors[name] = group[name][()].astype(np.float32)
            left = None if left is None else left - tensors[name].size
    return {str(name): variable.values.item() for name, variable in row.variables.items() if variable.dims == ()}, tensors


def _find(path: str | Path, runs: xr.Dataset, run: str | int | None, settings: Settings) -> int:
    """Index of the run in the file."""
    ids = [str(value) for value in runs["run_id"].values]
    if isinstance(run, str) and "=" in run:
        run, conditions = _conditions(runs, run)
        settings = conditions | settings
    chosen = [index for index in range(len(ids)) if all(_holds(path, runs, name, value, index) for name, value in settings.items())]
    if run == "best":
        found = cases(runs.isel(run=chosen)) if chosen else []
        if len(found) > 1:
            raise AnswerError(f"{path}: several cases ({'; '.join(case.label for case in found[:5])}{'; ...' if len(found) > 5 else ''}); expected settings that leave one, as in load_model(path, 'best', unknowns=50)")
        if found:
            return ids.index(found[0].best.runs[0]["run_id"].item())
    elif isinstance(run, str):
        chosen = [index for index in chosen if ids[index].startswith(run)]
    elif run is not None:
        if not -len(ids) <= run < len(ids):
            raise results.ResultsError(f"{path}: no run of index {run}; it has {len(ids)} run{'' if len(ids) == 1 else 's'}")
        return run % len(ids)
    if len(chosen) != 1:
        named = f" begin{'' if chosen else 's'} with '{run}'" if run not in (None, "best") else " match" if chosen else " matches"
        held = f" ({', '.join(f'{name} {value}' for name, value in settings.items())})" if settings else ""
        raise results.ResultsError(f"{path}: {f'{len(chosen)} runs' if chosen else 'no run'}{named}{held}; expected one. Its runs are {', '.join(ids[:5])}{', ...' if len(ids) > 5 else ''}")
    return chosen[0]


def _conditions(runs: xr.Dataset, words: str) -> tuple[str | None, Settings]:
    """The parts of "best,unknowns=50,encoder=[128,256]": "best" or the beginning of an id (None without one), and the settings by column."""
    run: str | None = None
    settings: Settings = {}
    for word in re.split(r",(?![^\[]*\])", words):
        key, equals, value = word.partition("=")
        column = key.replace(".", "_")
        name = column if column in results.setting_names(runs) else key.rpartition(".")[2]
        if not equals:
            run = word
            continue
        try:
            settings[name] = json.loads(value)
        except ValueError:  # text
            settings[name] = value
    return run, settings


def _holds(path: str | Path, runs: xr.Dataset, name: str, value: object, index: int) -> bool:
    if name not in results.setting_names(runs):
        raise results.ResultsError(f"{path}: no setting '{name}'; expected one of {', '.join(results.setting_names(runs))}")
    here = runs[name].values[index]
    if isinstance(value, list | tuple):
        return bool(here == ",".join(map(str, value)))
    return bool(text(name, here.item() if isinstance(here, np.generic) else here) == text(name, value) or here == value)
