"""Twenty steps of training with every pooling, beside PyTorch's from the same start on the same batches, where it is installed.
The program under test: environment MODEL_TRACE."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STEPS, RATE = 20, 1e-3
SETS, PAIRS, WIDTH, OUTPUTS = 32, 20, 3, 6  # as in model_trace.c
HEADS = 4
TOLERANCE = 5e-3  # of the movement, root mean square: Adam's first steps turn on the sign of gradients that are nearly zero


def batches() -> np.ndarray:
    """Sets that lie around centres of their own, and targets that have something to do with them."""
    random = np.random.default_rng(4)
    centre = random.standard_normal((STEPS, SETS, 1, WIDTH))
    pairs = (random.standard_normal((STEPS, SETS, PAIRS, WIDTH)) + centre).astype(np.float32)
    target = np.concatenate([pairs.mean(2), pairs.std(2)], 2)
    return np.concatenate([pairs.reshape(STEPS, -1), target.reshape(STEPS, -1)], 1, dtype=np.float32)


def ours(pooling: str, numbers: np.ndarray) -> tuple[dict[str, tuple[int, ...]], np.ndarray]:
    done = subprocess.run(
        [os.environ["MODEL_TRACE"], pooling, str(RATE)], input=numbers.tobytes(), capture_output=True, check=True
    )
    shapes = {}
    for line in done.stderr.decode().splitlines():
        name, rows, columns = line.split()
        shapes[name] = (int(rows), int(columns)) if int(columns) else (int(rows),)
    return shapes, np.frombuffer(done.stdout, np.float32).reshape(STEPS + 1, -1)


def split(shapes: dict[str, tuple[int, ...]], vector: np.ndarray) -> dict[str, np.ndarray]:
    ends = np.cumsum([np.prod(shape) for shape in shapes.values()])
    parts = np.split(vector, ends[:-1])
    return {name: part.reshape(shape).copy() for (name, shape), part in zip(shapes.items(), parts)}


@pytest.mark.parametrize("pooling", ["mean", "sum", "max", "moments", "attention"])
def test_twenty_steps(pooling: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    sys.path.insert(0, str(Path(__file__).parents[2] / "analysis" / "weightsweep"))  # this module alone: it needs no h5py
    from torch_models import DeepSets

    numbers = batches()
    shapes, found = ours(pooling, numbers)
    start = split(shapes, found[0])
    model = DeepSets({name: tensor.shape for name, tensor in start.items()}, pooling, HEADS)
    model.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in start.items()})
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for step, batch in enumerate(numbers, 1):
        pairs, target = np.split(batch, [SETS * PAIRS * WIDTH])
        optimizer.zero_grad()
        output = model(torch.from_numpy(pairs).reshape(SETS, PAIRS, WIDTH))
        torch.nn.functional.mse_loss(output, torch.from_numpy(target).reshape(SETS, OUTPUTS)).backward()
        optimizer.step()
        here, theirs = split(shapes, found[step]), model.state_dict()
        for name, first in start.items():
            moved = theirs[name].numpy() - first
            error = here[name] - theirs[name].numpy()
            assert np.sqrt((error**2).mean()) <= TOLERANCE * np.sqrt((moved**2).mean()), (step, name)
