"""Runs where PyTorch is; needs nothing else. Takes a folder of models (settings.json, model.npz, pairs.npy) and says, a JSON line
each, what the module predicts, which R^2 it has on fresh generators, and how its loss moves when it is trained further.

torch_check.py FOLDER..."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis" / "weightsweep"))
from torch_models import torch_model  # noqa: E402

GENERATORS = 16384
BATCH = 1024
STEPS = 20


def generators(settings: dict, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights of fresh generators, LeCun normal, and pairs of each."""
    d, h = settings["generator_inputs"], int(settings["generator_hidden"])
    weights = torch.cat([torch.randn(count, d * h) / d**0.5, torch.randn(count, h) / h**0.5], 1)
    x = torch.randn(count, settings["equations"], d)
    return weights, torch.cat([x, apply(weights, x, h)[..., None]], 2)


def apply(weights: torch.Tensor, x: torch.Tensor, h: int) -> torch.Tensor:
    """y [count, points] of x [count, points, d]"""
    d = x.shape[2]
    hidden = torch.relu(torch.einsum("bpd,bdh->bph", x, weights[:, : d * h].view(-1, d, h)))
    return torch.einsum("bph,bh->bp", hidden, weights[:, d * h :])


def functional_loss(model: torch.nn.Module, settings: dict, count: int) -> torch.Tensor:
    """Squared error of each of `count` fresh generators at one fresh input."""
    weights, pairs = generators(settings, count)
    h = int(settings["generator_hidden"])
    x = torch.randn(count, 1, settings["generator_inputs"])
    return (apply(model(pairs), x, h) - apply(weights, x, h)).square().squeeze(1)


def main() -> None:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    for folder in map(Path, sys.argv[1:]):
        settings = json.loads((folder / "settings.json").read_text())
        model = torch_model(settings, dict(np.load(folder / "model.npz")))
        answer: dict = {"folder": folder.name}
        with torch.no_grad():
            answer["weights"] = model(torch.from_numpy(np.load(folder / "pairs.npy"))).tolist()
            if settings["task"] == "mlp-inverse":
                errors = torch.cat([functional_loss(model, settings, BATCH) for _ in range(GENERATORS // BATCH)]) / 0.5
                answer["r2"], answer["r2_stderr"] = 1 - errors.mean().item(), errors.std().item() / GENERATORS**0.5
        if settings["task"] == "mlp-inverse":
            optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
            losses = []
            for _ in range(STEPS):
                optimizer.zero_grad()
                loss = functional_loss(model, settings, BATCH).mean()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            answer["losses"] = losses
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
