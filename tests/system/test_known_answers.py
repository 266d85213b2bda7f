"""Known answers: short trainings in fp32 have the same bits on every processor and with every compiler, library and distribution. They
cover every model, pooling, task, optimizer, activation and extra evaluation.

tests/known_answers.txt holds the version of the numerics and the digests of each run: of its model, its curve and its row. After a change
of the program that changes bits: raise NUMERICS_PORTABLE in src/kernel/numerics.h, and write the file anew with

    jobs/python tests/system/test_known_answers.py --write"""

import hashlib
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "contract")]  # for --write; pytest.ini has them too

from choices import choices  # noqa: E402
from harness import GENERATORS, TINY, columns, models, weightsweep, write_sweep  # noqa: E402

ANSWERS = ROOT / "tests" / "known_answers.txt"
TASKS = choices("task")
SETS: dict[str, Any] = {"encoder": [13, 21], "decoder": [19], "heads": 3, "queries": 2}
SMALL: dict[str, Any] = {"embed_dim": 12, "unknowns": 8}
SWEEPS: dict[str, dict[str, Any]] = {
    "poolings": SMALL | {"network": SETS, "axes": {"pooling": choices("pooling"), "optimizer": ["adam", "muon"]}},
    "tasks": SMALL | {"network": {"hidden": [21, 21]}, "axes": {"task": TASKS, "model": choices("model"), "optimizer": ["adam", "muon"]}, "exclude": [{"task": "mlp-forward", "model": "deep-sets"}]},
    "settings": {
        "unknowns": None,
        "equation_range": [3, 14],
        "training": {"schedule": "cosine", "warmup_steps": 5, "eval_points": 2},
        "axes": GENERATORS,
    },
    "evaluations": SMALL
    | {
        "evaluation": {"generators": 101, "inputs": ["uniform", "wide", "shifted"], "set_sizes": [5, 12], "noise": [0.1], "direct_fit": 9, "fit_starts": 3, "refine": [1, 4]},
        "axes": {"task": ["mlp-inverse", "linear-inverse"]},
    },
    "refinements": SMALL | {"network": {"encoder": [13, 21], "decoder": [19], "refinements": 1}, "axes": {"refine_from": ["prediction", "least-squares"], "pooling": ["mean", "max", "max+mean", "moments+sum+max"]}},
    "wide": {"network": {"encoder": [128, 256], "decoder": [256, 128]}, "embed_dim": 128, "unknowns": 15, "training": {"steps": 3, "batch": 64, "shards": 4}},
}
ROW = re.compile(r"status|steps_done|loss|loss_ema|r2|r2_stderr|r2_\w+|weight_match\w*")
CURVE = ["curve_step", "curve_loss", "curve_r2"]


def digest(parts: list[bytes]) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def answers(name: str, folder: Path) -> dict[str, str]:
    """Trains a sweep: the line of each run."""
    sweep, results = write_sweep(folder / f"{name}.yaml", TINY, **SWEEPS[name]), folder / f"{name}.h5"
    result = weightsweep("run", sweep, "-o", results, "--quiet")
    assert result.code == 0, result.err
    table, tensors = columns(results), models(results)
    row = sorted(column for column in table if ROW.fullmatch(column))
    lines = {}
    for i, run_id in enumerate(table["run_id"]):
        model = digest([tensors[run_id][key].tobytes() for key in sorted(tensors[run_id])])
        curve = digest([table[key][i].tobytes() for key in CURVE])
        lines[f"{name} {run_id}"] = f"model {model} curve {curve} row {digest([table[key][i].tobytes() for key in row])}"
    return lines


def read() -> tuple[str, dict[str, str]]:
    version, *lines = ANSWERS.read_text(encoding="utf-8").splitlines()
    return version, {" ".join(words[:2]): " ".join(words[2:]) for words in map(str.split, lines)}


def arithmetic() -> str:
    line = next(line for line in weightsweep("info").out.splitlines() if line.startswith("arithmetic"))
    return line.removeprefix("arithmetic").strip()


def test_file_is_of_this_version_and_lists_all_runs() -> None:
    version, known = read()
    assert version == arithmetic()
    assert {line.split()[0] for line in known} == SWEEPS.keys()


@pytest.mark.parametrize("name", SWEEPS)
def test_known_answers(name: str, tmp_path: Path) -> None:
    known = {run: line for run, line in read()[1].items() if run.startswith(f"{name} ")}
    got = answers(name, tmp_path)
    other = [f"{run}: {got.get(run, 'not trained')}, known {known.get(run, 'nothing')}" for run in got.keys() | known.keys() if got.get(run) != known.get(run)]
    assert not other, "\n".join(
        [f"{len(other)} of {len(got)} runs have other bits than {ANSWERS.name}. This machine breaks the promise of the same bits, or a change of the program", *sorted(other), str(__doc__)]
    )


def test_different_seed_changes_the_digests(tmp_path: Path) -> None:
    """The comparison can fail."""
    SWEEPS["other"] = SWEEPS["wide"] | {"seed": 2}
    try:
        (one,), (other,) = answers("wide", tmp_path).values(), answers("other", tmp_path).values()
    finally:
        del SWEEPS["other"]
    assert not set(one.split()[1::2]) & set(other.split()[1::2])


def write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = [arithmetic(), *(f"{run} {line}" for name in SWEEPS for run, line in answers(name, Path(folder)).items())]
    ANSWERS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    write()
