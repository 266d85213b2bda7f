"""Follows the recipes of src/README.md: adds a pooling, a model and a task to a copy of the source, builds, tests and runs it.

Each addition is minimal and changes only files that its recipe names, so a recipe that omits a file fails here."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import h5py
import pytest

HOME = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
Edits = list[tuple[str, str, str]]  # file, what stands there, what shall stand there

POOLING: Edits = [  # root: the sum over the root of the number of pairs
    ("src/spec/model_spec.h", "POOLING_ATTENTION }", "POOLING_ATTENTION, POOLING_ROOT }"),
    ("src/sweep/settings.c", '"moments", "attention",', '"moments", "attention", "root",'),
    ("src/spec/model_spec.h", "model->pooling == POOLING_SUM;", "model->pooling == POOLING_SUM || model->pooling == POOLING_ROOT;"),
    ("src/model/pooling.h", "pooling_moments, ", "pooling_moments, pooling_root, "),
    ("src/model/deep_sets.c", "[POOLING_MAX]", "[POOLING_ROOT] = &pooling_root, [POOLING_MAX]"),
    ("CMakeLists.txt", "model/pooling_mean.c", "model/pooling_mean.c model/pooling_root.c"),
    ("tests/unit/reference.c", "? most : sum / n;", "? most : model->pooling == POOLING_ROOT ? sum / sqrt(n) : sum / n;"),
    (
        "tests/unit/test_model.c",
        "    {{MODEL_DEEP_SETS, POOLING_MAX, 3,",
        "    {{MODEL_DEEP_SETS, POOLING_ROOT, 3, 20, 13, {2, {20, 33}}, {1, {11}}, .outputs = 15}, 50, false},\n    {{MODEL_DEEP_SETS, POOLING_MAX, 3,",
    ),
]
NEW_FILE: Edits = [  # what the mean's file becomes
    ("", '#include "model/pooling.h"\n', '#include "model/pooling.h"\n\n#include <math.h>\n'),
    ("", "    if (d->pooling != POOLING_SUM)\n        return;\n", ""),
    ("", "embedding[i] *= (float)d->pairs;", "embedding[i] *= sqrtf((float)d->pairs);"),
    ("", "const struct pooling pooling_mean", "const struct pooling pooling_root"),
]
MODEL: Edits = [  # straight: the linear one by another name
    ("src/spec/model_spec.h", "MODEL_DEEP_SETS }", "MODEL_DEEP_SETS, MODEL_STRAIGHT }"),
    ("src/sweep/settings.c", '"deep-sets",', '"deep-sets", "straight",'),
    ("src/sweep/settings.c", "| 1u << MODEL_RES_LINEAR", "| 1u << MODEL_RES_LINEAR | 1u << MODEL_STRAIGHT"),
    ("src/model/model.c", "[MODEL_DEEP_SETS] =", "[MODEL_STRAIGHT] = &flat_network, [MODEL_DEEP_SETS] ="),
    (
        "tests/unit/test_model.c",
        "    {{MODEL_RES_LINEAR, .pair_width = 3,",
        "    {{MODEL_STRAIGHT, .pair_width = 3, .pairs = 7, .hidden = {1, {19}}, .outputs = 5}, 50, false},\n    {{MODEL_RES_LINEAR, .pair_width = 3,",
    ),
]
TASK: Edits = [  # mlp-double: pairs of a generator -> twice its weights, by their own error
    ("src/spec/task_spec.h", "    TASK_MLP_INVERSE, ", "    TASK_MLP_INVERSE,\n    TASK_MLP_DOUBLE, "),
    ("src/sweep/settings.c", '"mlp-inverse", NULL};', '"mlp-inverse", "mlp-double", NULL};'),
    (
        "src/task/task.c",
        "            float error = prediction[i] - target[i];",
        "            float error = prediction[i] - (task->spec.kind == TASK_MLP_DOUBLE ? 2 : 1) * target[i];",
    ),
    (
        "tests/unit/reference.c",
        "        loss += squared_error(predicted + set * outputs, truth + set * outputs, outputs);",
        "        for (int k = 0; k < outputs; k++)\n"
        "            loss += pow(predicted[set * outputs + k] - (task->kind == TASK_MLP_DOUBLE ? 2 : 1) * truth[set * outputs + k], 2) / outputs;",
    ),
    (
        "tests/unit/test_task.c",
        "    {TASK_MLP_FORWARD, {2,",
        "    {TASK_MLP_DOUBLE, {3, {1, {7}}, 1, ACTIVATION_RELU, INIT_LECUN}, 5, .eval_points = 1},\n    {TASK_MLP_FORWARD, {2,",
    ),
    ("tests/unit/test_task.c", "bool weights = of->kind == TASK_LINEAR_INVERSE;", "bool weights = of->kind == TASK_LINEAR_INVERSE || of->kind == TASK_MLP_DOUBLE;"),
]
SWEEP = "name: new\nunknowns: 6\nequation_ratio: 2\ntraining: {steps: 20, batch: 16, shards: 2}\nevaluation: {every: 10, generators: 64}\n"
SETS = "embed_dim: 8\nnetwork: {encoder: [8], decoder: [8]}\n"


def named(recipe: str) -> set[str]:
    """The files that the steps of a recipe name."""
    text = (HOME / "src" / "README.md").read_text(encoding="utf-8").partition(f"\n## {recipe}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\d+\. `([^`]+)`", text, re.MULTILINE))


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path}: where is `{old}`?"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def done(*command: object) -> None:
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=ENVIRONMENT)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("recipes") / "weightsweep"
    shutil.copytree(HOME, copy, ignore=lambda folder, names: [name for name in names if name in (".git", "results") or name.startswith("build")])
    for edits in (POOLING, MODEL, TASK):
        for path, old, new in edits:
            replace(copy / path, old, new)
    fresh = copy / "src/model/pooling_root.c"
    shutil.copy(copy / "src/model/pooling_mean.c", fresh)
    for _, old, new in NEW_FILE:
        replace(fresh, old, new)
    done("cmake", "-S", copy, "-B", copy / "build", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS=-O1")
    done("cmake", "--build", copy / "build", "-j2", "--target", "weightsweep", "test_model", "test_task")
    return copy / "build"


@pytest.mark.parametrize("recipe, edits", [("A pooling", POOLING), ("A model", MODEL), ("A task", TASK)])
def test_the_recipe_names_every_file(recipe: str, edits: Edits) -> None:
    assert {path for path, _, _ in edits} <= named(recipe)


@pytest.mark.parametrize("test", ["model", "task"])
def test_its_unit_tests(build: Path, test: str) -> None:
    done(build / "tests" / f"test_{test}")


@pytest.mark.parametrize("settings", [SETS + "pooling: root\n", "model: straight\n", SETS + "task: mlp-double\n"])
def test_it_trains(build: Path, tmp_path: Path, settings: str) -> None:
    sweep, results = tmp_path / "new.yaml", tmp_path / "new.h5"
    sweep.write_text(SWEEP + settings, encoding="utf-8")
    done(HOME / "jobs" / "mpirun", "-n", 1, build / "weightsweep", "run", sweep, "-o", results, "--progress", "none")
    done(build / "weightsweep", "verify", results)
    with h5py.File(results) as file:
        key, word = settings.splitlines()[-1].split(": ")
        assert file[key].asstr()[0] == word and file["status"][0] == 2 and file["steps_done"][0] == 20
