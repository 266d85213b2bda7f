"""Checks exported models with PyTorch. For each folder with a model (settings.json, model.npz, pairs.npy) it prints one JSON line: the
prediction of the module, its R^2 on new generators, its loss there, and its loss after further training. For folders after --classes it
prints the prediction of the original experiment's classes.

torch_check.py FOLDER... --classes FOLDER..."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis" / "weightsweep"))
from seed_classes import CLASSES  # noqa: E402
from torch_models import torch_model  # noqa: E402
from torch_tasks import Settings, answer, draw_weights, losses, outputs, truth  # noqa: E402

GENERATORS = 8192
BATCH = 1024
STEPS = 20
RATE_AFTER_COSINE = 1e-4  # of what has come to rest; a constant rate goes on


def fresh(settings: Settings, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Input of the model for `count` new generators, their weights, and one evaluation input of each."""
    weights = draw_weights(settings, count)
    probes = torch.randn(count, 1, settings["generator_inputs"])
    if settings["task"] == "mlp-forward":
        return torch.cat([probes, weights[:, None]], 2), weights, probes
    x = torch.randn(count, settings["equations"], settings["generator_inputs"])
    return torch.cat([x, outputs(settings, weights, x)], 2), weights, probes


def score(settings: Settings, model: torch.nn.Module) -> dict[str, float]:
    """R^2 over the numbers that the task asks for, with its standard error over the generators; their mean squared error."""
    errors, numbers = [], []
    for _ in range(GENERATORS // BATCH):
        seen, weights, probes = fresh(settings, BATCH)
        numbers.append(truth(settings, weights, probes))
        errors.append((answer(settings, model(seen), probes) - numbers[-1]).square().mean(1))
    error, number = torch.cat(errors).double(), torch.cat(numbers).double()
    spread = (number - number.mean()).square().mean(1)
    ratio = error.mean() / spread.mean()
    stderr = (error - ratio * spread).std() / GENERATORS**0.5 / spread.mean()
    return {"r2": 1 - ratio.item(), "r2_stderr": stderr.item(), "error": error.mean().item()}


def train(settings: Settings, model: torch.nn.Module) -> None:
    rate = RATE_AFTER_COSINE if settings["schedule"] == "cosine" else settings["learning_rate"]
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(STEPS):
        seen, weights, probes = fresh(settings, BATCH)
        optimizer.zero_grad()
        losses(settings, model(seen), weights, probes).mean().backward()
        optimizer.step()


@torch.no_grad()
def score_again(settings: Settings, model: torch.nn.Module) -> dict[str, float]:
    """Always on the same generators."""
    torch.manual_seed(1)
    return score(settings, model)


def check(settings: Settings, tensors: dict[str, np.ndarray], pairs: Tensor) -> dict[str, object]:
    model = torch_model(settings, tensors)
    found = {"output": model(pairs).tolist(), **score_again(settings, model)}
    train(settings, model)
    return {**found, "error_after": score_again(settings, model)["error"]}


def check_class(settings: Settings, tensors: dict[str, np.ndarray], pairs: Tensor) -> dict[str, object]:
    model = CLASSES[str(settings["model"])](settings["equations"], settings["generator_inputs"] + 1, settings["unknowns"])
    model.load_state_dict({name: torch.from_numpy(values) for name, values in tensors.items()})
    return {"output": model(pairs).tolist()}


def main() -> None:
    torch.set_num_threads(1)
    divide = sys.argv.index("--classes")
    for place, folder in enumerate(map(Path, sys.argv)):
        if place in (0, divide):
            continue
        settings = json.loads((folder / "settings.json").read_text())
        says = check if place < divide else check_class
        found = says(settings, dict(np.load(folder / "model.npz")), torch.from_numpy(np.load(folder / "pairs.npy")))
        print(json.dumps({"folder": f"{folder.parent.name}/{folder.name}", **found}))


if __name__ == "__main__":
    main()
