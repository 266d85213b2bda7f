"""Follows the recipes of src/README.md: adds a pooling, a model and a task to a copy of the source, builds it, runs their unit tests and
trains. Each addition is minimal and changes only files that its recipe names, so a recipe that omits a file fails here."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
MAX_STEPS = 5
Edits = list[tuple[str, str, str]]  # file, text in it, text inserted before that text

POOLING: Edits = [  # root: the sum divided by the square root of the number of pairs
    ("src/spec/model_spec.h", '    POOLING(MAX, "max",', '    POOLING(ROOT, "root", root, POOLS_HIDDEN, 1, false) \\\n'),
    ("CMakeLists.txt", "model/pooling_mean.c", "model/pooling_root.c "),
    ("tests/unit/reference.c", "case POOLING_MAX:", "case POOLING_ROOT:\n            pooled[j] = sum / sqrt(n);\n            break;\n"),
    ("analysis/weightsweep/torch_models.py", '    "max": lambda', '    "root": lambda embeddings: embeddings.sum(1) / embeddings.shape[1] ** 0.5,\n'),
]
POOLING_FILE = [  # changes of pooling_mean.c
    ('#include "model/pooling.h"\n', '#include "model/pooling.h"\n\n#include <math.h>\n'),
    ("    if (d->pooling != POOLING_SUM)\n        return;\n", ""),
    ("embedding[i] *= (float)d->pairs;", "embedding[i] *= sqrtf((float)d->pairs);"),
    ("const struct pooling pooling_mean", "const struct pooling pooling_root"),
]
MODEL: Edits = [  # straight: the linear model by another name
    ("src/spec/model_spec.h", '    MODEL(DEEP_SETS, "deep-sets",', '    MODEL(STRAIGHT, "straight", flat, false, linear_tensors) \\\n'),
    ("tests/unit/reference.c", "case MODEL_LINEAR:", "case MODEL_STRAIGHT:\n"),
    ("analysis/weightsweep/torch_models.py", '"deep-sets": ', '"straight": Linear, '),
]
DOUBLE_LOSS = """static void double_loss(struct task *task, const float *output, float scale)
{
    int outputs = task_outputs(&task->spec), lanes = task->lanes;
    const float *prediction = predicted(task, output), *target = output_target(task);
    float *loss = task->workspace.loss, *gradient = task->workspace.gradient;
    for (int i = 0; i < lanes; i++)
        loss[i] = 0;
    for (int i = 0; i < outputs * lanes; i++) {
        float error = prediction[i] - 2 * target[i];
        loss[i % lanes] += error * error / (float)outputs;
        gradient[i] = 2 * scale * error / (float)outputs;
    }
}

"""
DOUBLE_REFERENCE = """    if (task->kind == TASK_MLP_DOUBLE) {
        for (int i = 0; i < batch->sets * outputs; i++)
            loss += pow(predicted[i] - 2 * truth[i], 2) / outputs;
        return loss;
    }
"""
TASK: Edits = [  # mlp-double: pairs of a generator -> twice its weights, by their own error
    ("src/spec/task_spec.h", '    TASK(MLP_INVERSE, "mlp-inverse",', '    TASK(MLP_DOUBLE, "mlp-double", double_loss, true, true, false) \\\n'),
    ("src/task/task.c", "#define LOSS(", DOUBLE_LOSS),
    ("tests/unit/reference.c", "    for (int set = 0; set < batch->sets; set++)\n        loss += squared_error(predicted + set * outputs", DOUBLE_REFERENCE),
    ("tests/analysis/torch_tasks.py", '    if settings["task"] == "mlp-inverse" and', '    if settings["task"] == "mlp-double":\n        return (prediction - 2 * weights).square().mean(1)\n'),
]
SWEEP = "name: new\nunknowns: 6\nequation_ratio: 2\ntraining: {steps: 20, batch: 16, shards: 2}\nevaluation: {every: 10, generators: 64}\n"


def steps(recipe: str) -> list[list[str]]:
    """The files that each step of a recipe names."""
    text = (HOME / "src" / "README.md").read_text(encoding="utf-8").partition(f"\n## {recipe}\n")[2].strip().partition("\n\n")[0]
    return [re.findall(r"`([\w./]+\.\w+)`", step) for step in re.split(r"^\d+\. ", text, flags=re.MULTILINE)[1:]]


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path}: where is `{old}`?"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def output(*command: object) -> bytes:
    result = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
    assert result.returncode == 0, result.stdout[-8000:].decode(errors="replace")
    return result.stdout


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("recipes") / "weightsweep"
    shutil.copytree(HOME, copy, ignore=lambda folder, names: [name for name in names if name in (".git", "results") or name.startswith("build")])
    for edits in (POOLING, MODEL, TASK):
        for path, place, text in edits:
            replace(copy / path, place, text + place)
    new = copy / "src" / "model" / "pooling_root.c"
    shutil.copy(copy / "src" / "model" / "pooling_mean.c", new)
    for old, text in POOLING_FILE:
        replace(new, old, text)
    output("cmake", "-S", copy, "-B", copy / "build", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS=-O1 -g0")
    output("cmake", "--build", copy / "build", "-j2", "--target", "training_trace", "test_model", "test_task")
    return copy / "build" / "tests"


@pytest.mark.parametrize("recipe, edits", [("A pooling", POOLING), ("A model", MODEL), ("A task", TASK)])
def test_recipe_is_short_and_complete(recipe: str, edits: Edits) -> None:
    assert 0 < len(steps(recipe)) <= MAX_STEPS
    assert {path for path, _, _ in edits} <= {path for step in steps(recipe) for path in step}


@pytest.mark.parametrize("test", [("test_model", "root"), ("test_model", "straight"), ("test_task",)], ids=" ".join)
def test_unit_tests_include_it(build: Path, test: tuple[str, ...]) -> None:
    assert b"PASSED" in output(build / test[0], *test[1:])


@pytest.mark.parametrize("settings", ["pooling: root\n", "model: straight\n", "task: mlp-double\n"])
def test_it_trains(build: Path, tmp_path: Path, settings: str) -> None:
    sweep = tmp_path / "new.yaml"
    sweep.write_text(SWEEP + settings, encoding="utf-8")
    assert output(build / "training_trace", sweep).count(b"loss") == 20


def test_new_pooling_cannot_be_joined(build: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "joined.yaml"
    sweep.write_text(SWEEP + "pooling: root+mean\n", encoding="utf-8")
    result = subprocess.run([build / "training_trace", sweep], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
    assert result.returncode == 2 and b"`root` cannot be joined with another pooling" in result.stdout, result.stdout
