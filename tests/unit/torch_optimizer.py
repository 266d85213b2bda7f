"""An optimizer of PyTorch's on given gradients; runs where PyTorch is, and needs nothing else. Parameters start at zero. GRADIENTS and
PARAMETERS, after each step, are .npz files: each tensor [steps, ...].

torch_optimizer.py adam|muon RATE GRADIENTS PARAMETERS"""

import sys

import numpy as np
import torch


def main() -> None:
    kind, rate, gradients, parameters = sys.argv[1:]
    if kind == "muon" and not hasattr(torch.optim, "Muon"):
        sys.exit(f"PyTorch {torch.__version__} has no Muon (2.9 has)")
    moves = {name: torch.from_numpy(values) for name, values in np.load(gradients).items()}
    tensors = {name: torch.nn.Parameter(torch.zeros(values.shape[1:])) for name, values in moves.items()}
    if kind == "muon":
        optimizer = torch.optim.Muon(tensors.values(), lr=float(rate), weight_decay=0, adjust_lr_fn="match_rms_adamw")
    else:
        optimizer = torch.optim.Adam(tensors.values(), lr=float(rate))
    path: dict[str, list] = {name: [] for name in tensors}
    for step in range(len(next(iter(moves.values())))):
        for name, tensor in tensors.items():
            tensor.grad = moves[name][step].clone()
        optimizer.step()
        for name, tensor in tensors.items():
            path[name].append(tensor.detach().numpy().copy())
    np.savez(parameters, **{name: np.array(values) for name, values in path.items()})


if __name__ == "__main__":
    main()
