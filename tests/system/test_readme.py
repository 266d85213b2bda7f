"""README's Python snippets run as they stand, on the results of README's own sweep, trained for two steps."""

import os
import re
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("WEIGHTSWEEP") or str(HOME / "build" / "release" / "weightsweep")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (HOME / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def test_python_snippets(tmp_path: Path) -> None:
    (sweep,) = [block for block in blocks("yaml") if block.startswith("name: ")]
    (tmp_path / "my.yaml").write_text(sweep)
    short = [word for setting in ("steps=2", "batch=16", "shards=2", "evaluation.every=2", "evaluation.generators=32") for word in ("--set", setting)]
    run = [HOME / "jobs" / "mpirun", "-n", "2", PROGRAM, "run", "my.yaml", "-o", "my.h5", "--progress", "none", *short]
    subprocess.run(run, cwd=tmp_path, check=True, timeout=120)
    snippets = blocks("python")
    assert len(snippets) >= 2
    environment = os.environ | {"PYTHONPATH": str(HOME / "analysis")}
    for snippet in snippets:
        done = subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{snippet}\n{done.stderr}"
    assert done.stdout.count("Best: ") == 6  # a line per case
