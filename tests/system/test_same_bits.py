"""Promise 1: the same bits on any number of ranks and in any grouping."""

from pathlib import Path
from typing import Any

import pytest
from choices import choices
from harness import GENERATORS, TINY, differences, models, promised_bits, run, write_sweep

ADAM: dict[str, Any] = {"axes": {"unknowns": [6, 15], "equation_ratio": [1.33, 2.5]}}
MUON: dict[str, Any] = {
    "unknowns": 8,
    "network": {"encoder": [13, 37, 21], "decoder": [19, 11]},  # odd widths, a layer more
    "training": {"batch": 48, "shards": 8, "optimizer": "muon", "schedule": "cosine", "warmup_steps": 5, "eval_points": 3},
    "evaluation": {"every": 7, "generators": 101},  # ragged: neither divides
    "axes": {"seed": [1, 2, 3]},
}
BF16: dict[str, Any] = {"training": {"optimizer": "muon", "precision": "bf16"}, "axes": {"pooling": ["mean", "sum"]}}
POOLINGS: dict[str, Any] = {
    "network": {"encoder": [13, 21], "decoder": [19], "heads": 3, "queries": 2},
    "embed_dim": 12,
    "axes": {"pooling": [word for word in choices("pooling") if word != "mean"] + ["max+mean"], "precision": ["fp32", "bf16"], "equation_range": [[], [3, 14]]},
}
REFINEMENTS: dict[str, Any] = {
    "network": {"encoder": [13, 21], "decoder": [19], "heads": 3, "queries": 2, "refinements": 2},
    "embed_dim": 12,
    "training": {"optimizer": "muon"},
    "axes": {"pooling": ["mean", "max+mean", "attention"], "precision": ["fp32", "bf16"], "refine_from": ["prediction", "least-squares"]},
}
EXTRA: dict[str, Any] = {
    "evaluation": {"generators": 101, "inputs": ["uniform", "wide", "shifted"], "set_sizes": [5, 12, 20], "noise": [0.1, 0.5], "direct_fit": 21, "fit_starts": 3, "refine": [1, 4]},
    "training": {"noise": [0.1, 0.5], "inputs": "shifted"},
    "axes": {"task": ["mlp-inverse", "linear-inverse"]},
}
FLAT: dict[str, Any] = {
    "unknowns": 8,
    "network": {"hidden": [21, 13]},
    "training": {"optimizer": "muon"},
    "axes": {"task": choices("task"), "model": choices("model"), "precision": ["fp32", "bf16"]},
    "exclude": [{"task": "mlp-forward", "model": "deep-sets"}],
}
SHAPES: dict[str, Any] = {
    "unknowns": None,
    "equation_range": [3, 14],
    "training": {"eval_points": 2},
    "axes": GENERATORS,
}
SWEEPS = {"flat": FLAT, "generators": SHAPES, "adam": ADAM, "muon": MUON, "bf16": BF16, "poolings": POOLINGS, "refinements": REFINEMENTS, "extra": EXTRA}


def make(folder: Path, changes: dict[str, Any], ranks: int, *more: str) -> dict[str, bytes]:
    sweep = write_sweep(folder / "sweep.yaml", TINY, **changes)
    results = folder / f"{ranks}{''.join(more)}.h5"
    result = run(ranks, sweep, results, "--quiet", *more)
    assert result.code == 0, result.err
    assert all(models(results).values())
    return promised_bits(results)


@pytest.mark.parametrize("name", SWEEPS)
def test_any_ranks_any_grouping(tmp_path: Path, name: str) -> None:
    alone = make(tmp_path, SWEEPS[name], 1)
    assert len(alone) > 30
    ways = [(2, ()), (3, ()), (4, ()), (5, ()), (2, ("--group", "2")), (4, ("--group", "4"))]
    for ranks, more in ways:
        assert differences(alone, make(tmp_path, SWEEPS[name], ranks, *more)) == [], (ranks, more)


def test_other_seed_gives_other_values(tmp_path: Path) -> None:
    """The comparison can fail."""
    one, other = (make(tmp_path / str(seed), {"seed": seed}, 1) for seed in folders(tmp_path, 1, 2))
    assert differences(one, other) != []


def folders(root: Path, *names: int) -> tuple[int, ...]:
    for name in names:
        (root / str(name)).mkdir()
    return names
