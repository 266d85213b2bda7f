"""Format of the C files: clang-format with the repository's .clang-format, and lines of src within its limit of columns."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
LIMIT = 110


def c_files(folder: str) -> list[Path]:
    return sorted(path for path in (HOME / folder).rglob("*") if path.suffix in (".c", ".h"))


def test_limit_is_that_of_clang_format() -> None:
    assert re.search(rf"^ColumnLimit: {LIMIT}$", (HOME / ".clang-format").read_text(), re.MULTILINE)


def test_c_files_are_formatted() -> None:
    program = shutil.which("clang-format")
    if program is None:
        pytest.skip("clang-format is not installed: jobs/install --tests installs it")
    checked = subprocess.run([program, "--dry-run", "-Werror", *c_files("src"), *c_files("tests")], cwd=HOME, capture_output=True, text=True)
    found = [line.removeprefix(f"{HOME}/") for line in checked.stderr.splitlines() if ": error: " in line]
    assert checked.returncode == 0, "run clang-format -i on these files:\n" + "\n".join(found)


def test_lines_of_src_are_within_the_limit() -> None:
    lines = [(path, number, line) for path in c_files("src") for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]
    long = [f"{path.relative_to(HOME)}:{number}: {len(line)} columns" for path, number, line in lines if len(line) > LIMIT]
    assert not long, f"expected at most {LIMIT} columns:\n" + "\n".join(long)
