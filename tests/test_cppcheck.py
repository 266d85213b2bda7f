"""Static analysis of src by cppcheck: no warning, no performance or portability advice."""

import shutil
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
SUPPRESSED = (
    "missingIncludeSystem",
    "invalidPointerCast",  # the kernels read float vectors as integers, in the processor's own representation
    "unknownMacro",  # of libraries, whose headers are not read
    "wrongPrintfScanfArgNum",  # the compiler checks formats (-Wformat)
    "normalCheckLevelMaxBranches",  # no finding: says that the analysis has a limit
    # cppcheck 2.17 does not see that a function or a loop fills these arrays.
    "uninitvar:src/driver/bench_measure.c",
    "uninitvar:src/kernel/numerics.c",
    "uninitvar:src/kernel/sum_pooling.c",
    "uninitvar:src/train/shard_tree.c",
)


def test_src_has_no_finding() -> None:
    program = shutil.which("cppcheck")
    if program is None:
        pytest.skip("cppcheck is not installed: jobs/install --tests installs it")
    options = ["-j2", "--quiet", "--std=c11", "--enable=warning,performance,portability", "--error-exitcode=1", "-I", "src"]
    options += [f"--suppress={name}" for name in SUPPRESSED]
    checked = subprocess.run([program, *options, "--template={file}:{line}: {id}: {message}", "src"], cwd=HOME, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
