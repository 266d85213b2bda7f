"""Loads the trained models of a results file, as arrays or as PyTorch modules."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weightsweep import results

if TYPE_CHECKING:
    import torch

Tensors = dict[str, np.ndarray]
Settings = dict[str, object]


def load_model(path: str | Path, run: str | int, torch: bool = False) -> "Tensors | torch.nn.Module":
    """The final parameters of a run, under PyTorch's names: weights [out, in], biases [out], float32.

    `run`: the run_id, its beginning, or the index of the run in the file. With `torch=True` the result is a torch.nn.Module with these
    parameters and the structure of the original experiment's: `load_model(...)(pairs)` maps pairs [batch, equations, inputs + 1] to
    weights [batch, unknowns].
    """
    settings, tensors = read_model(path, run)
    if not torch:
        return tensors
    from weightsweep import torch_models  # deferred: PyTorch is optional

    return torch_models.torch_model(settings, tensors)


def read_model(path: str | Path, run: str | int) -> tuple[Settings, Tensors]:
    """The run's settings (the scalar columns of its row) and its parameters by name."""
    runs = results.open_runs(path)
    ids = [str(value) for value in runs["run_id"].values]
    if isinstance(run, str):
        found = [index for index, name in enumerate(ids) if name.startswith(run)]
        if len(found) != 1:
            raise results.ResultsError(f"{path}: {'several runs begin' if found else 'no run begins'} with '{run}'; its runs are {', '.join(ids[:5])}{', ...' if len(ids) > 5 else ''}")
        run = found[0]
    row = runs.isel(run=run)
    if row["status"].item() != "done":
        raise results.ResultsError(f"{path}: run {ids[run]} is {row['status'].item()}; expected done: only finished runs have a model")
    with results.open_file(path) as file:
        group = file.get(f"models/{ids[run]}")
        if group is None:
            raise results.ResultsError(f"{path}: has no models; archives made with --no-models have none. Use the original results file")
        tensors: dict[str, np.ndarray] = {}
        left = int(row["parameters"].item()) if "parameters" in row.variables else None
        for name in group:  # in the order of the flat vector; datasets after the last tensor were added by other programs
            if left == 0:
                break
            tensors[name] = group[name][()].astype(np.float32)
            left = None if left is None else left - tensors[name].size
    return {str(name): variable.item() for name, variable in row.variables.items() if variable.dims == ()}, tensors
