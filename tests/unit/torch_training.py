"""Trains in PyTorch what training_trace trained, from the same start on the same batches; runs where PyTorch is, and needs nothing
else. A folder holds settings.json and ours.npz: every tensor [steps + 1, ...], and a step's batch as pairs.0, weights.0, probes.0.
Writes theirs.npz beside them: every tensor, and the losses. In double, so that what differs is our rounding.

torch_training.py FOLDER..."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch

HOME = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(HOME / "analysis" / "weightsweep"), str(HOME / "tests" / "analysis")]
from torch_models import torch_model  # noqa: E402
from torch_tasks import Settings, losses  # noqa: E402


def rate(settings: Settings, step: int) -> float:
    value = settings["learning_rate"] * min(1, (step + 1) / max(settings["warmup_steps"], 1))
    return value * (1 + math.cos(math.pi * step / settings["steps"])) / 2 if settings["schedule"] == "cosine" else value


def train(settings: Settings, ours: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = [name for name in ours if name.endswith((".weight", ".bias", ".query"))]
    model = torch_model(settings, {name: ours[name][0] for name in names}).double()
    optimizer = torch.optim.Adam(model.parameters())
    found: dict[str, list] = {name: [] for name in ["loss", *names]}
    for step in range(settings["steps"]):
        pairs, weights, probes = (torch.from_numpy(ours[f"{name}.{step}"]).double() for name in ("pairs", "weights", "probes"))
        optimizer.param_groups[0]["lr"] = rate(settings, step)
        optimizer.zero_grad()
        predictions = model.predictions(pairs) if settings["refinements"] else [model(pairs)]
        stages = [losses(settings, prediction, weights, probes).mean() for prediction in predictions]
        sum(stages).backward()
        optimizer.step()
        found["loss"].append(stages[-1].item())
        for name, tensor in model.state_dict().items():
            found[name].append(tensor.numpy().copy())
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    torch.set_num_threads(1)
    for folder in map(Path, sys.argv[1:]):
        settings = json.loads((folder / "settings.json").read_text())
        np.savez(folder / "theirs.npz", **train(settings, dict(np.load(folder / "ours.npz"))))


if __name__ == "__main__":
    main()
