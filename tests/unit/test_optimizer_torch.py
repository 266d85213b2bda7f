"""The optimizers against PyTorch's own, where it is installed. The program under test: environment OPTIMIZER_TRACE."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bench"))
from programs import BenchError, torch_python  # noqa: E402

STEPS = 10
RATE = 0.01
ADAM_TOLERANCE = 2e-6  # of the largest movement: both compute in fp32
MUON_FP32_TOLERANCE = 1e-5
MUON_BF16_TOLERANCE = 0.1  # PyTorch's Newton-Schulz is bf16, whose errors in small singular values it enlarges

Tensors = dict[str, np.ndarray]


def trace(*arguments: str, numbers: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([os.environ["OPTIMIZER_TRACE"], *arguments], input=numbers, capture_output=True, check=False)


class Problem:
    """Shapes of the tensors, and a gradient a step. The parameters start at zero, so that errors are those of the movement."""

    def __init__(self) -> None:
        random = np.random.default_rng(1)
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.hidden: set[str] = set()
        for line in trace().stderr.decode().splitlines():
            name, rows, columns, hidden = line.split()
            self.shapes[name] = (int(rows), int(columns)) if int(columns) else (int(rows),)
            if int(hidden):
                self.hidden.add(name)
        size = sum(int(np.prod(shape)) for shape in self.shapes.values())
        self.gradients = random.standard_normal((STEPS, size), np.float32)

    def split(self, vector: np.ndarray) -> Tensors:
        ends = np.cumsum([np.prod(shape) for shape in self.shapes.values()])
        parts = np.split(vector, ends[:-1])
        return {name: part.reshape(shape) for (name, shape), part in zip(self.shapes.items(), parts)}

    def ours(self, optimizer: str) -> Iterator[Tensors]:
        done = trace(optimizer, str(RATE), numbers=self.gradients.tobytes())
        assert done.returncode == 0
        return map(self.split, np.frombuffer(done.stdout, np.float32).reshape(STEPS, -1))


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem()


@pytest.fixture(scope="module")
def traced(problem: Problem, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what PyTorch's optimizers make of the same gradients."""
    try:
        python = torch_python(None)
    except BenchError:
        pytest.skip("no Python with PyTorch (TORCH_PYTHON names one)")
    folder = tmp_path_factory.mktemp("optimizers")
    gradients = [problem.split(gradient) for gradient in problem.gradients]
    np.savez(folder / "gradients.npz", **{name: np.array([parts[name] for parts in gradients]) for name in problem.shapes})
    command = [python, HERE / "torch_optimizer.py", str(RATE), folder / "gradients.npz", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def torchs(traced: Path, optimizer: str, names: set[str]) -> Iterator[Tensors]:
    """The parameters after each step of PyTorch's optimizer."""
    if not (traced / f"{optimizer}.npz").exists():
        pytest.skip("this PyTorch has no Muon (2.9 has)")
    path = dict(np.load(traced / f"{optimizer}.npz"))
    return ({name: path[name][step] for name in names} for step in range(STEPS))


def compare(problem: Problem, ours: Iterator[Tensors], theirs: Iterator[Tensors], tolerance: float) -> None:
    steps = 0
    for mine, yours in zip(ours, theirs, strict=True):
        steps += 1
        for name in yours:
            assert np.abs(mine[name] - yours[name]).max() <= tolerance * np.abs(yours[name]).max(), (steps, name)
    assert steps == STEPS


def test_adam(problem: Problem, traced: Path) -> None:
    compare(problem, problem.ours("adam"), torchs(traced, "adam", set(problem.shapes)), ADAM_TOLERANCE)


def test_muon(problem: Problem, traced: Path) -> None:
    compare(problem, problem.ours("muon"), torchs(traced, "muon", problem.hidden), MUON_BF16_TOLERANCE)


def test_muon_leaves_the_rest_to_adam(problem: Problem, traced: Path) -> None:
    rest = set(problem.shapes) - problem.hidden
    compare(problem, problem.ours("muon"), torchs(traced, "adam", rest), ADAM_TOLERANCE)


def orthogonalised(u: np.ndarray) -> np.ndarray:
    u = u / max(np.linalg.norm(u), 1e-7)
    for _ in range(5):
        gram = u @ u.T
        u = 3.4445 * u + (-4.7750 * gram + 2.0315 * gram @ gram) @ u
    return u


def muon_in_numpy(problem: Problem) -> Iterator[Tensors]:
    """Muon as PyTorch has it, but in double throughout."""
    parameters = {name: np.zeros(problem.shapes[name]) for name in sorted(problem.hidden)}
    momentum = {name: np.zeros(problem.shapes[name]) for name in parameters}
    for gradient in problem.gradients.astype(np.float64):
        parts = problem.split(gradient)
        for name, p in parameters.items():
            g, m = parts[name], momentum[name]
            m += 0.05 * (g - m)
            u = g + 0.95 * (m - g)
            u = orthogonalised(u.T).T if p.shape[0] > p.shape[1] else orthogonalised(u)
            p -= 0.2 * max(p.shape) ** 0.5 * RATE * u
        yield {name: p.copy() for name, p in parameters.items()}


def test_muon_without_torch(problem: Problem) -> None:
    compare(problem, problem.ours("muon"), muon_in_numpy(problem), MUON_FP32_TOLERANCE)
