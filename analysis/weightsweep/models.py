"""The trained models of a results file: as arrays, and as PyTorch modules."""

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

    `run`: its run_id, or the beginning of it, or its place in the file. With `torch`, a torch.nn.Module that holds them, written as the
    original experiment's was: `load_model(...)(pairs)`, pairs [batch, equations, inputs + 1], gives the weights [batch, unknowns].
    """
    settings, tensors = read_model(path, run)
    if not torch:
        return tensors
    from weightsweep import torch_models  # PyTorch is not needed otherwise

    return torch_models.torch_model(settings, tensors)


def read_model(path: str | Path, run: str | int) -> tuple[Settings, Tensors]:
    """The run's settings (columns of its row) and its parameters."""
    runs = results.open_runs(path)
    ids = [str(value) for value in runs["run_id"].values]
    if isinstance(run, str):
        found = [place for place, name in enumerate(ids) if name.startswith(run)]
        if len(found) != 1:
            raise results.ResultsError(f"{path}: {'several runs begin' if found else 'no run begins'} with '{run}'; its runs are {', '.join(ids[:5])}{', ...' if len(ids) > 5 else ''}")
        run = found[0]
    row = runs.isel(run=run)
    if row["status"].item() != "done":
        raise results.ResultsError(f"{path}: run {ids[run]} is {row['status'].item()}; a model is there once its run is done")
    with results.open_file(path) as file:
        group = file.get(f"models/{ids[run]}")
        if group is None:
            raise results.ResultsError(f"{path}: holds no models (an archive made with --no-models?)")
        tensors: dict[str, np.ndarray] = {}
        left = int(row["parameters"].item()) if "parameters" in row.variables else None
        for name in group:  # in the order of the flat vector; members after the last tensor are another program's
            if left == 0:
                break
            tensors[name] = group[name][()].astype(np.float32)
            left = None if left is None else left - tensors[name].size
    return {str(name): variable.item() for name, variable in row.variables.items() if variable.dims == ()}, tensors
