"""The words of a setting, as the program under test lists them: tests that loop over models, poolings or tasks include new ones."""

import os
import re
import subprocess
from pathlib import Path

PROGRAM = os.environ.get("WEIGHTSWEEP") or str(Path(__file__).resolve().parents[1] / "build" / "release" / "weightsweep")


def choices(setting: str) -> list[str]:
    """The words that `plan --help` lists, such as ["mean", "sum", ...] of "pooling"."""
    text = subprocess.run([PROGRAM, "plan", "--help"], capture_output=True, text=True, check=True).stdout
    row = next(line for line in text.splitlines() if line.startswith(f"{setting} "))
    return re.findall("`([^`]+)`", row)


def flow(words: list[str]) -> str:
    """The words as a list in YAML."""
    return f"[{', '.join(words)}]"
