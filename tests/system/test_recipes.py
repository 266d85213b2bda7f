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

ROOT: Edits = [  # root: the sum divided by the square root of the number of pairs
    ("src/spec/model_spec.h", '    POOLING(MAX, "max",', '    POOLING(ROOT, "root", root, POOLS_HIDDEN, 1, false) \\\n'),
    ("CMakeLists.txt", "model/pooling_mean.c", "model/pooling_root.c "),
    ("tests/unit/reference.c", "case POOLING_MAX:", "case POOLING_ROOT:\n            pooled[j] = sum / sqrt(n);\n            break;\n"),
    ("analysis/weightsweep/torch_models.py", '    "max": lambda', '    "root": lambda embeddings: embeddings.sum(1) / embeddings.shape[1] ** 0.5,\n'),
]
ROOT_FILE = [  # changes of pooling_mean.c
    ('#include "model/pooling.h"\n', '#include "model/pooling.h"\n\n#include <math.h>\n'),
    ("    if (d->pooling != POOLING_SUM)\n        return;\n", ""),
    ("embedding[i] *= (float)d->pairs;", "embedding[i] *= sqrtf((float)d->pairs);"),
    ("const struct pooling pooling_mean", "const struct pooling pooling_root"),
]
MIDDLE: Edits = [  # middle: the embedding in the middle of their order; rounding selects other pairs
    ("src/spec/model_spec.h", '    POOLING(MAX, "max",', '    POOLING(MIDDLE, "middle", middle, POOLS_SELECTED, 1, false) \\\n'),
    ("CMakeLists.txt", "model/pooling_mean.c", "model/pooling_middle.c "),
    ("tests/unit/reference.c", "case POOLING_MAX:", """case POOLING_MIDDLE:
        for (int p = 0; p < n; p++) {
            int below = 0;
            for (int q = 0; q < n; q++)
                below += embedding[q][j] < embedding[p][j] || (q < p && embedding[q][j] == embedding[p][j]);
            if (below == n / 2)
                pooled[j] = embedding[p][j];
        }
        break;
    """),
    ("analysis/weightsweep/torch_models.py", '    "max": lambda', '    "middle": lambda embeddings: embeddings.sort(1).values[:, embeddings.shape[1] // 2],\n'),
]
SELECT = """static float element(const struct stage *stage, size_t index)
{
    const void *z = plan_of(stage)->embedding;
    return stage->spec.precision == PRECISION_FP32 ? ((const float *)z)[index] : operand_widen_one(((const uint16_t *)z)[index]);
}

static void select_middle(const struct stage *stage, float *value, int32_t *argmax, int sets, size_t stride)
{
    size_t pairs = (size_t)stage->spec.pairs;
    for (size_t i = 0; i < (size_t)sets * stride; i++)
        for (size_t p = 0, first = i / stride * pairs * stride + i % stride; p < pairs; p++) {
            float z = element(stage, first + p * stride);
            size_t below = 0;
            for (size_t q = 0; q < pairs; q++)
                below += element(stage, first + q * stride) < z || (q < p && element(stage, first + q * stride) == z);
            if (below == pairs / 2) {
                value[i] = z;
                argmax[i] = (int32_t)p;
            }
        }
}

"""
MIDDLE_FILE = [  # changes of pooling_max.c
    ('#include "kernel/max_pooling.h"', '#include "kernel/operand.h"'),
    ("static void encode(", SELECT + "static void encode("),
    ("    max_pooling_forward(plan->maxima + at, plan->argmax + at, plan->embedding, sets, d->pairs, stride,\n                        d->precision);\n",
     "    select_middle(stage, plan->maxima + at, plan->argmax + at, sets, (size_t)stride);\n"),
    ("const struct pooling pooling_max", "const struct pooling pooling_middle"),
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
    for edits in (ROOT, MIDDLE, MODEL, TASK):
        for path, place, text in edits:
            replace(copy / path, place, text + place)
    for source, name, changes in (("mean", "root", ROOT_FILE), ("max", "middle", MIDDLE_FILE)):
        new = copy / "src" / "model" / f"pooling_{name}.c"
        shutil.copy(copy / "src" / "model" / f"pooling_{source}.c", new)
        for old, text in changes:
            replace(new, old, text)
    output("cmake", "-S", copy, "-B", copy / "build", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS=-O1 -g0")
    output("cmake", "--build", copy / "build", "-j2", "--target", "training_trace", "test_model", "test_task", "test_sweep_errors")
    return copy / "build" / "tests"


@pytest.mark.parametrize("recipe, edits", [("A pooling", ROOT + MIDDLE), ("A model", MODEL), ("A task", TASK)])
def test_recipe_is_short_and_complete(recipe: str, edits: Edits) -> None:
    assert 0 < len(steps(recipe)) <= MAX_STEPS
    assert {path for path, _, _ in edits} <= {path for step in steps(recipe) for path in step}


@pytest.mark.parametrize("test", [("test_model", "root"), ("test_model", "middle"), ("test_model", "straight"), ("test_task",), ("test_sweep_errors",)], ids=" ".join)
def test_unit_tests_include_it(build: Path, test: tuple[str, ...]) -> None:
    assert b"PASSED" in output(build / test[0], *test[1:])


@pytest.mark.parametrize("settings", ["pooling: root\n", "pooling: middle\n", "model: straight\n", "task: mlp-double\n"])
def test_it_trains(build: Path, tmp_path: Path, settings: str) -> None:
    sweep = tmp_path / "new.yaml"
    sweep.write_text(SWEEP + settings, encoding="utf-8")
    assert output(build / "training_trace", sweep).count(b"loss") == 20


def test_new_pooling_cannot_be_joined(build: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "joined.yaml"
    sweep.write_text(SWEEP + "pooling: root+mean\n", encoding="utf-8")
    result = subprocess.run([build / "training_trace", sweep], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
    assert result.returncode == 2 and b"`root` cannot be joined with another pooling" in result.stdout, result.stdout
