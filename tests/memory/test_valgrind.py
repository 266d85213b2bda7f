"""Every subcommand under valgrind's memcheck: no uninitialised or out-of-bounds access, no uninitialised byte in a file or a message, and no
leak. valgrind.supp has the suppressions for MPI and PMIx.

valgrind 3.19 supports AVX2 but neither AVX-512 nor AMX, and its CPUID says so; the variables limit libraries that detect them otherwise."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from harness import HOME, MPIRUN, PROGRAM, Job, Result, call, csv_rows, write_sweep

HERE = Path(__file__).parent
SPAWN = os.environ.get("SPAWN_LIBRARY") or str(HOME / "build" / "release" / "tests" / "libspawn.so")
FOUND = 99  # valgrind's exit code
LIMIT = 600  # seconds: some thirty times slower, and others may be at work
OPTIONS = [
    "--quiet",
    f"--error-exitcode={FOUND}",
    "--leak-check=full",
    "--show-leak-kinds=definite,possible",
    "--errors-for-leak-kinds=definite,possible",
    "--keep-debuginfo=yes",  # of Open MPI's plug-ins, which are gone at the end
    "--num-callers=40",
    f"--suppressions={HERE / 'valgrind.supp'}",
]
LIBRARIES = {"OPENBLAS_CORETYPE": "Haswell", "DNNL_MAX_CPU_ISA": "AVX2"}

pytestmark = pytest.mark.skipif(not shutil.which("valgrind"), reason="no valgrind here: jobs/install --valgrind installs it on Debian and Ubuntu")


def checked(*arguments: str | Path, ranks: int = 1, code: int = 0) -> Result:
    launcher = [MPIRUN, "-n", str(ranks)] if ranks > 1 else []
    environment = LIBRARIES | {"LD_PRELOAD": SPAWN, "SPAWN_PROGRAM": PROGRAM}
    with Job(*launcher, "valgrind", *OPTIONS, PROGRAM, *arguments, env=environment) as job:
        result = job.wait(LIMIT)
    assert result.code == code, result.err
    return result


# ---- training ----

# Few steps of odd shapes, so that edges of tiles, vectors and shards are met.
SMALL: dict[str, Any] = {"training": {"steps": 4, "batch": 12, "shards": 4}, "evaluation": {"every": 3, "generators": 37}}
SETS: dict[str, Any] = SMALL | {"unknowns": 8, "equation_ratio": 1.4, "embed_dim": 6, "network": {"encoder": [13, 21], "decoder": [11]}}
FLAT: dict[str, Any] = SMALL | {"unknowns": 8, "equation_ratio": 2, "network": {"hidden": [13, 21, 9]}}
PRECISIONS = {"precision": ["fp32", "bf16"]}

SWEEPS: dict[str, dict[str, Any]] = {
    "adam": SETS | {"axes": {"pooling": ["mean", "sum", "max", "moments"]} | PRECISIONS},
    "muon": SETS | {"training": SMALL["training"] | {"optimizer": "muon", "schedule": "cosine", "eval_points": 3}, "axes": PRECISIONS},
    "attention": SETS | {"pooling": "attention", "network": SETS["network"] | {"heads": 3, "queries": 2}, "axes": PRECISIONS},
    "flat": FLAT | {"axes": {"task": ["mlp-forward", "linear-inverse", "mlp-inverse"], "model": ["linear", "x-linear", "res-linear"]}},
    "sizes": SETS | {"equation_range": [3, 14], "generator": {"inputs": 3, "hidden": [4], "activation": "gelu", "outputs": 2}, "unknowns": None},
    "extra": SETS | {"evaluation": {"every": 4, "generators": 37, "inputs": ["wide"], "set_sizes": [5], "noise": [0.1], "direct_fit": 3, "fit_starts": 2, "refine": [2]}},
}


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("name", SWEEPS)
def test_training(tmp_path: Path, name: str, ranks: int) -> None:
    """Alone, and each run shared by two ranks."""
    sweep = write_sweep(tmp_path / "sweep.yaml", {"name": name}, **SWEEPS[name])
    checked("run", sweep, "-o", tmp_path / "x.h5", "--quiet", "--checkpoint-every", "1e-6", "--group", str(ranks), ranks=ranks)


# ---- going on ----


def test_stopped_extended_and_continued(tmp_path: Path) -> None:
    """Ranks without work join those that have some; the file is made, left, opened again and copied into a larger one."""
    results = tmp_path / "x.h5"
    small = write_sweep(tmp_path / "small.yaml", {"name": "grows"}, **SETS | {"training": SMALL["training"] | {"steps": 60}, "axes": {"seed": [1, 2, 3]}})
    checked("run", small, "-o", results, "--quiet", "--time-limit", "1", ranks=2, code=75)
    checked("run", small, "-o", results, "--quiet", ranks=2)
    larger = write_sweep(tmp_path / "larger.yaml", {"name": "grows"}, **SETS | {"training": SMALL["training"] | {"steps": 70}, "axes": {"seed": [1, 2, 3, 4]}})
    checked("run", larger, "-o", results, "--quiet", "--grow", ranks=2)


def test_run_diverges_and_retry(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "lost.yaml", training={"steps": 10, "learning_rate": 100})
    checked("run", sweep, "-o", tmp_path / "lost.h5", "--quiet", code=5)
    checked("run", sweep, "-o", tmp_path / "lost.h5", "--quiet", "--retry", code=5)


# ---- reading ----


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("done") / "x.h5"
    sweep = write_sweep(results.with_name("sweep.yaml"), {"name": "done"}, **SETS | {"axes": {"seed": [1, 2]}})
    checked("run", sweep, "-o", results, "--quiet")
    return results


def test_tables(done: Path) -> None:
    checked("plan", done.with_name("sweep.yaml"), "--ranks", "1,4", "--format", "json")
    checked("info")
    checked("look", "--all", done)
    checked("status", done)
    checked("verify", done)
    for table in ("--runs", "--curves", "--timeline"):
        checked("export", done, table)
    checked("export", done, "--runs", "--format", "json")


def test_files(done: Path, tmp_path: Path) -> None:
    run = csv_rows(checked("export", done, "--runs").out)[0]["run_id"]
    for name in ("model.npz", "model.safetensors"):
        checked("export", done, "--model", run, "-o", tmp_path / name)
    checked("export", done, "--archive", "-o", tmp_path / "archive.h5")
    checked("verify", tmp_path / "archive.h5")
    (tmp_path / "pairs.csv").write_text("x1,x2,x3,y\n" + "".join(f"{i / 7},{-i / 5},{1 - i},{i / 3}\n" for i in range(11)))
    checked("predict", done, "--run", run, "--pairs", tmp_path / "pairs.csv")
    (tmp_path / "sets.csv").write_text("set,x1,x2,x3,y\n" + "".join(f"{i % 3},{i / 7},{-i / 5},{1 - i},{i / 3}\n" for i in range(11)))
    for form in ("table", "csv", "json"):
        checked("predict", done, "--run", run, "--pairs", tmp_path / "sets.csv", "--refine", "2", "--starts", "3", "--format", form)


def test_refusals(done: Path, tmp_path: Path) -> None:
    """Ways out with something still open."""
    sweep = done.with_name("sweep.yaml")
    checked("plan", sweep, "--set", "stepz=3", code=2)
    checked("run", sweep, "-o", done, "--quiet", "--set", "steps=5", code=3)
    (tmp_path / "cut.h5").write_bytes(done.read_bytes()[:40000])
    for subcommand in ("look", "status", "verify"):
        checked(subcommand, tmp_path / "cut.h5", code=3)


def test_valgrind_finds_errors(tmp_path: Path) -> None:
    """A program that leaks, and one that asks what was never set."""
    for name, body in {"leaks": "malloc(100);", "asks": "return *(char *)malloc(1) ? 3 : 4;"}.items():
        source = tmp_path / f"{name}.c"
        source.write_text(f"#include <stdlib.h>\nint main(void) {{ {body} }}\n")
        assert call("cc", "-w", "-O0", "-g", source, "-o", tmp_path / name).code == 0
        assert call("valgrind", *OPTIONS, tmp_path / name).code == FOUND
