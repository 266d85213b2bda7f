"""bench: one JSON object per line, with the contract's names; fractions follow from the GEMM rates."""

import json

import pytest
from choices import choices
from harness import weightsweep

STEP = ("model", "pooling", "precision", "unknowns", "equations", "embed_dim", "ms", "gflops", "fraction")
GEMM = ("precision", "library", "m", "n", "k", "gflops")


@pytest.fixture(scope="module")
def lines():
    done = weightsweep("bench", "--quick", "--format", "json")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def named(lines, name):
    return [line for line in lines if line["name"] == name]


def test_everything_is_measured(lines):
    for name in ("machine", "gemm", "step", "step_muon", "step_refinements", "normals", "optimizer", "allreduce", "evaluation", "checkpoint"):
        assert named(lines, name), name
    assert all(set(GEMM) <= set(line) and line["gflops"] > 0 for line in named(lines, "gemm"))
    assert all(set(STEP) <= set(line) and line["ms"] > 0 for line in named(lines, "step"))
    assert all({"batch", "optimizer"} <= set(line) for name in ("step_muon", "step_refinements") for line in named(lines, name))


def test_every_library_multiplies_the_same_shapes(lines):
    found = {}
    for line in named(lines, "gemm"):
        found.setdefault((line["precision"], line["library"]), []).append((line["m"], line["n"], line["k"], line["product"]))
    named_libraries = weightsweep("info").out
    for library in ("portable", "OpenBLAS", "oneDNN"):
        assert (("fp32", library) in found) is (f"{library} " in named_libraries)
    assert len({tuple(shapes) for (precision, _), shapes in found.items() if precision == "fp32"}) == 1


def test_one_line_for_each_combination(lines):
    steps = [tuple(line[key] for key in STEP[:6]) for line in named(lines, "step")]
    assert len(set(steps)) == len(steps)
    for pooling in choices("pooling"):
        for precision in ("fp32", "bf16"):
            for shape in ((15, 45), (50, 150)):
                assert ("deep-sets", pooling, precision, *shape, 128) in steps


def test_fractions_are_of_the_best_product_above(lines):
    best = {}
    for line in lines:
        if line["name"] == "gemm":
            best[line["precision"]] = max(best.get(line["precision"], 0), line["gflops"])
        elif "fraction" in line:
            assert line["fraction"] == pytest.approx(line["gflops"] / best[line["precision"]], rel=1e-3)
