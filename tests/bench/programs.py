"""Starts weightsweep and PyTorch for the benchmarks: cores, environment and settings of each program."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[2]
MPIRUN = HOME / "jobs" / "mpirun"
PYTORCH_STEP = Path(__file__).resolve().with_name("pytorch_step.py")

Line = dict[str, Any]


class BenchError(Exception):
    """A program could not be started, or failed; the message names the program and the reason."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--program", type=Path, help="weightsweep (default: $WEIGHTSWEEP, else the release build)")
    parser.add_argument("--python", help="a Python that has PyTorch (default: $TORCH_PYTHON, else the first found of python3)")
    parser.add_argument("--cpus", default="0,1", help="cores to use, in this order; one thread or rank per core (0,1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every line as JSON to FILE")


def weightsweep_program(given: Path | None) -> Path:
    if given is None and "WEIGHTSWEEP" in os.environ:
        given = Path(os.environ["WEIGHTSWEEP"])
    if given is None:
        script = f'home={HOME}; . "$home/jobs/common.sh"; build_program && program'
        built = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, text=True)
        if built.returncode:
            raise BenchError("weightsweep could not be built; name an existing program with --program")
        given = Path(built.stdout.strip())
    if not os.access(given, os.X_OK):
        raise BenchError(f"{given}: not an executable program")
    return given.resolve()


def torch_python(given: str | None) -> str:
    candidates = [given] if given else [os.environ.get("TORCH_PYTHON"), sys.executable, "python3", "/usr/bin/python3"]
    for candidate in candidates:
        if candidate and shutil.which(candidate):
            imported = subprocess.run([candidate, "-c", "import torch"], capture_output=True)
            if imported.returncode == 0:
                return candidate
    raise BenchError("no Python with PyTorch found: name one with --python PATH (python3 -m venv PATH; PATH/bin/pip install torch)")


def processor() -> tuple[str, set[str]]:
    """Name and flags of the processor in /proc/cpuinfo."""
    name, flags = "unknown", set()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            elif key.strip() == "flags":
                flags = set(value.split())
    except OSError:
        pass
    return name, flags


def environment(threads: int) -> dict[str, str]:
    """Environment of a program: one thread per rank, or `threads` for PyTorch; OpenBLAS chooses its kernels by the processor, also where
    OPENBLAS_CORETYPE forces others."""
    settings = dict(os.environ)
    settings.pop("OPENBLAS_CORETYPE", None)
    if "avx512f" in processor()[1]:
        settings["OPENBLAS_CORETYPE"] = "SkylakeX"
    settings |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1"}
    return settings


class Machine:
    """The two programs and the cores to run them on; a program with `threads` threads uses the first `threads` cores."""

    def __init__(self, options: argparse.Namespace, torch: bool = True):
        self.program = weightsweep_program(options.program)
        self.python = torch_python(options.python) if torch else None
        self.cpus = options.cpus.split(",")
        self.file = options.json.open("w") if options.json else None

    def describe(self) -> Line:
        name, flags = processor()
        info = self.output([str(self.program), "info"], 1)
        facts = dict(line.split(None, 1) for line in info.splitlines() if len(line.split(None, 1)) == 2)
        torch = self.output([self.python, "-c", "import torch; print(torch.__version__)"], 1).strip() if self.python else None
        return {
            "name": "machine",
            "date": time.strftime("%Y-%m-%d"),
            "cpu": name,
            "amx": "amx_bf16" in flags,
            "avx512_bf16": "avx512_bf16" in flags,
            "weightsweep": facts.get("weightsweep", "").strip(),
            "arithmetic": facts.get("arithmetic", "").strip(),
            "torch": torch,
        }

    def output(self, command: list[str], threads: int) -> str:
        if threads > len(self.cpus):
            raise BenchError(f"{threads} threads need {threads} cores, but --cpus names {len(self.cpus)}")
        pinned = ["taskset", "-c", ",".join(self.cpus[:threads]), *command]
        done = subprocess.run(pinned, capture_output=True, text=True, env=environment(threads if command[0] == self.python else 1))
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise BenchError(f"{Path(command[0]).name}: {last[0]}")
        return done.stdout

    def pytorch(self, arguments: list[str], threads: int) -> Line:
        return self.pytorch_timed(arguments, threads)[1]

    def pytorch_timed(self, arguments: list[str], threads: int) -> tuple[float, Line]:
        """Wall seconds from start to end of pytorch_step.py, and the line that it prints."""
        start = time.perf_counter()
        output = self.output([str(self.python), str(PYTORCH_STEP), *arguments, "--threads", str(threads)], threads)
        return time.perf_counter() - start, json.loads(output.splitlines()[-1])

    def plan(self, sweep: Path, settings: list[str]) -> list[Line]:
        return json.loads(self.output([str(self.program), "plan", str(sweep), "--format", "json", *_sets(settings)], 1))["runs"]

    def run(self, sweep: Path, settings: list[str], only: str | None, ranks: int) -> tuple[float, Line, list[Line]]:
        """Wall seconds from start to end of the program, the run's row, and its curve."""
        with tempfile.TemporaryDirectory() as folder:
            results = str(Path(folder) / "results.h5")
            command = [str(self.program), "run", str(sweep), "-o", results, "--progress", "none", *_sets(settings)]
            if only:
                command += ["--only", only]
            if ranks > 1:
                command = [str(MPIRUN), "-n", str(ranks), *command]
            start = time.perf_counter()
            self.output(command, ranks)
            seconds = time.perf_counter() - start
            rows, curves = (
                json.loads(self.output([str(self.program), "export", results, what, "--format", "json"], 1))
                for what in ("--runs", "--curves")
            )
        row = next(row for row in rows if only is None or row["run_id"] == only)
        return seconds, row, [point for point in curves if point["run_id"] == row["run_id"]]

    def say(self, line: Line) -> None:
        if self.file:
            print(json.dumps(line), file=self.file, flush=True)


def _sets(settings: list[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def table(rows: list[list[str]]) -> str:
    """Text table: the first row is the head, the first column is left-aligned, the others are right-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in [rows[0], ["-" * width for width in widths], *rows[1:]]:
        numbers = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append("  ".join([row[0].ljust(widths[0]), *numbers]))
    return "\n".join(lines)


def main(body: Any) -> None:
    try:
        body()
    except BenchError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
