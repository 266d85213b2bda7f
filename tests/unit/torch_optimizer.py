"""PyTorch's optimizers on given gradients; runs where PyTorch is, and needs nothing else. Parameters start at zero. GRADIENTS.npz holds
each tensor [steps, ...]; adam.npz and muon.npz in FOLDER will hold the parameters after each step likewise: muon's are the
matrices alone, and where this PyTorch has no Muon there is no such file.

torch_optimizer.py RATE GRADIENTS.npz FOLDER"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch


def trace(gradients: dict[str, torch.Tensor], make: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]) -> dict[str, np.ndarray]:
    tensors = {name: torch.nn.Parameter(torch.zeros(values.shape[1:])) for name, values in gradients.items()}
    optimizer = make(list(tensors.values()))
    path: dict[str, list] = {name: [] for name in tensors}
    for step in range(len(next(iter(gradients.values())))):
        for name, tensor in tensors.items():
            tensor.grad = gradients[name][step].clone()
        optimizer.step()
        for name, tensor in tensors.items():
            path[name].append(tensor.detach().numpy().copy())
    return {name: np.array(values) for name, values in path.items()}


def main() -> None:
    rate, folder = float(sys.argv[1]), Path(sys.argv[3])
    gradients = {name: torch.from_numpy(values) for name, values in np.load(sys.argv[2]).items()}
    np.savez(folder / "adam.npz", **trace(gradients, lambda tensors: torch.optim.Adam(tensors, lr=rate)))
    if hasattr(torch.optim, "Muon"):
        matrices = {name: values for name, values in gradients.items() if values.ndim == 3}
        muon = trace(matrices, lambda tensors: torch.optim.Muon(tensors, lr=rate, weight_decay=0, adjust_lr_fn="match_rms_adamw"))
        np.savez(folder / "muon.npz", **muon)


if __name__ == "__main__":
    main()
