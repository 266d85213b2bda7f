"""Shared by the black-box tests: the program and mpirun as a user starts them, sweep files, and the content of results files.

Every process has a time limit, and its remaining children are ended by their process ids. WEIGHTSWEEP names the program; the
default is the release build."""

import json
import os
import re
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

HOME = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("WEIGHTSWEEP") or str(HOME / "build" / "release" / "weightsweep")
SANITIZED = "ASAN_OPTIONS" in os.environ  # tests/run --sanitize
MPIRUN = HOME / "jobs" / "mpirun"
LIMIT = 600 if SANITIZED else 120  # seconds: what takes longer hangs
KILLED = 128 + signal.SIGKILL

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores SIGINT, and so would all that it starts

STATUS = ["pending", "running", "done", "diverged", "failed"]
PENDING, RUNNING, DONE, DIVERGED, FAILED = range(5)


def environment() -> dict[str, str]:
    """One thread per rank and no search for networks, also without jobs/mpirun."""
    return os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMPI_MCA_pml": "ob1"}


NO_MPI = {"OMPI_MCA_pml": "none", "PMI_PORT": "nowhere:1"}  # Open MPI and MPICH cannot start


# ---- processes ----


# Hydra (MPICH, Intel MPI) gives each rank a session of its own: there, this variable's value tells whose child a process is.
VERSION = subprocess.run([os.environ.get("MPIRUN", "mpirun"), "--version"], capture_output=True, text=True).stdout
HYDRA = "HYDRA" in VERSION or "Intel(R) MPI" in VERSION
MARK = "WEIGHTSWEEP_TEST_JOB"
marks: dict[int, str] = {}  # leader -> value


def is_marked(pid: str, mark: str) -> bool:
    try:
        return f"{MARK}={mark}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def session(leader: int) -> dict[int, int]:
    """The living processes of a job: pid -> parent. Open MPI gives each rank a process group of its own in the session of mpirun."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # gone by now
        if fields[0] not in "ZX" and (int(fields[3]) == leader or (HYDRA and is_marked(entry, marks.get(leader, "none")))):
            found[int(entry)] = int(fields[1])
    return found


@dataclass
class Result:
    code: int
    out: str
    err: str

    def says(self, *words: str) -> bool:
        """Whether it explains itself with all of these, on standard error alone."""
        return all(word in self.err for word in words)


class Job:
    """A process in a session of its own, in a `with`: it and its children are gone afterwards, whatever happens."""

    def __init__(self, *command: str | Path, env: dict[str, str] | None = None, **options: Any) -> None:
        mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self._out, self._err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
        # A killed mpirun leaves a folder named by its process id in TMPDIR; Open MPI 5's does not start where that id came again.
        self._tmp = tempfile.TemporaryDirectory(prefix="weightsweep-job-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=options.pop("stdout", self._out),
            stderr=self._err,
            env=environment() | {MARK: mark, "TMPDIR": self._tmp.name} | (env or {}),
            start_new_session=True,
            **options,
        )
        marks[self.process.pid] = mark

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._out.close()
        self._err.close()
        self._tmp.cleanup()

    def end(self) -> None:
        """Kills what is left of it."""
        for pid in session(self.process.pid):
            send(pid, signal.SIGKILL)
        self.process.wait(LIMIT)
        self.gone()

    def end_if_stuck(self) -> None:
        """Open MPI's mpirun can lock itself up at its end when a rank was killed while it connected: jobs/common.sh ends it then, and so do
        we. Ranks that live on are another matter."""
        try:
            wait_until(lambda: self.process.poll() is not None, "mpirun's end", 30)
        except AssertionError:
            if set(session(self.process.pid)) == {self.process.pid}:
                print("mpirun was stuck without a rank")
                send(self.process.pid, signal.SIGKILL)

    def gone(self) -> None:
        """Waits until nothing of it lives: when mpirun is killed, or once it has its code, ranks take a moment longer."""
        wait_until(lambda: not session(self.process.pid), "the end of all ranks", 30)

    def ranks(self, count: int) -> list[int]:
        """The process ids of the ranks, in their order, once all have been started."""
        found: list[int] = []

        def all_there() -> bool:
            launchers = {self.process.pid} | {pid for pid in session(self.process.pid) if command_of(pid) == "hydra_pmi_proxy"}
            children = (pid for pid, parent in session(self.process.pid).items() if parent in launchers)
            found[:] = sorted(pid for pid in children if command_of(pid) == Path(PROGRAM).name)
            return len(found) == count or self.process.poll() is not None

        wait_until(all_there, "all ranks")
        return found

    def wait(self, limit: float = LIMIT) -> Result:
        try:
            wait_until(lambda: self.process.poll() is not None, "its end", limit)
        except AssertionError:
            self.end()
            raise AssertionError(f"{self.process.args} hangs\n{self.text(self._err)}") from None
        code = self.process.returncode
        return Result(code if code >= 0 else 128 - code, self.text(self._out), self.text(self._err))

    def printed(self) -> str:
        """Its standard output so far."""
        return os.pread(self._out.fileno(), 1 << 20, 0).decode()

    @staticmethod
    def text(stream: Any) -> str:
        stream.seek(0)
        return stream.read()


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def own_mounts() -> bool:
    """Whether a process can have mounts of its own: it needs root, and not the root of a chroot."""
    return subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode == 0


def send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def wait_until(condition: Callable[[], bool], what: str, limit: float = LIMIT) -> None:
    left, before = limit, time.monotonic()
    while not condition():
        now = time.monotonic()
        left -= min(now - before, 1)  # what took longer may have been a machine that was suspended
        before = now
        assert left > 0, f"waited {limit} s for {what}"
        time.sleep(0.005)


def call(*command: str | Path, **options: Any) -> Result:
    with Job(*command, **options) as job:
        return job.wait()


def weightsweep(*arguments: str | Path, **options: Any) -> Result:
    return call(PROGRAM, *arguments, **options)


def mpirun(ranks: int, *arguments: str | Path) -> list[str | Path]:
    return [MPIRUN, "-n", str(ranks), PROGRAM, "run", *arguments]


def run(ranks: int, sweep: Path, results: Path, *more: str | Path, **options: Any) -> Result:
    """The run to its end, whatever that is."""
    with Job(*mpirun(ranks, sweep, "-o", results, *more), **options) as job:
        result = job.wait()
        job.gone()
        return result


def start(ranks: int, sweep: Path, results: Path, *more: str | Path, **options: Any) -> Job:
    return Job(*mpirun(ranks, sweep, "-o", results, *more), **options)


def plan(sweep: Path, *more: str) -> dict[str, Any]:
    result = weightsweep("plan", sweep, "--format", "json", *more)
    assert result.code == 0, result.err
    return json.loads(result.out)


def status(results: Path) -> dict[str, Any]:
    result = weightsweep("status", results, "--format", "json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def wait_for_training(results: Path, job: Job) -> None:
    """Until runs of this file are being trained."""

    def training() -> bool:
        assert job.process.poll() is None, job.wait().err
        return results.exists() and status(results)["running"] > 0

    wait_until(training, "the first run")


# ---- sweep files ----

TINY: dict[str, Any] = {
    "name": "tiny",
    "unknowns": 6,
    "equation_ratio": 2,
    "embed_dim": 8,
    "training": {"steps": 30, "batch": 32, "shards": 4},
    "network": {"encoder": [16, 24], "decoder": [16]},
    "evaluation": {"every": 10, "generators": 256},
}
GENERATORS: dict[str, Any] = {  # axes: generators of other activations, layers and outputs, and both objectives
    "generator": [
        {"inputs": 2, "hidden": [3, 2], "activation": "leaky-relu"},
        {"inputs": 3, "hidden": [4], "activation": "gelu", "outputs": 2},
        {"inputs": 2, "hidden": [2], "activation": "tanh"},
    ],
    "objective": ["functional", "weights"],
}
LONG = {"steps": 5_000_000}  # of training: until the test stops it


def yaml(value: Any) -> str:
    """In one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(yaml(item) for item in value) + "]"
    return str(value)


def sweep_text(base: dict[str, Any] = TINY, **changes: Any) -> str:
    """A line a key. What a group says is added to the base's, an axis takes the place of its value, None leaves out."""
    sweep = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(sweep.get(key), dict)
        sweep[key] = {**sweep[key], **value} if both else value
    for axis in sweep.get("axes", {}):
        group, _, key = axis.rpartition(".")
        sweep.pop(axis, None)
        for name, settings in sweep.items():
            if name in ([group] if group else ["training", "network", "evaluation"]):
                sweep[name] = {other: value for other, value in settings.items() if other != key}
    return "".join(f"{key}: {yaml(value)}\n" for key, value in sweep.items() if value is not None)


def write_sweep(path: Path, base: dict[str, Any] = TINY, **changes: Any) -> Path:
    path.write_text(sweep_text(base, **changes))
    return path


# ---- results files ----


def columns(results: Path) -> dict[str, Any]:
    """Everything at the root of the file, texts as str."""
    with h5py.File(results) as file:
        return {name: content(dataset) for name, dataset in root_datasets(file)}


def root_datasets(file: h5py.File) -> list[tuple[str, h5py.Dataset]]:
    return [(name, item) for name, item in file.items() if isinstance(item, h5py.Dataset) and not is_dimension(item)]


def content(dataset: h5py.Dataset) -> Any:
    if h5py.check_string_dtype(dataset.dtype) is None:
        return dataset[...]
    if dataset.ndim == 2:
        return [b"".join(row).rstrip(b"\0").decode() for row in dataset[...]]
    return list(dataset.asstr()[...])


def is_dimension(dataset: h5py.Dataset) -> bool:
    return dataset.attrs.get("CLASS") == b"DIMENSION_SCALE"


def models(results: Path) -> dict[str, dict[str, np.ndarray]]:
    with h5py.File(results) as file:
        return {run: {name: tensor[...] for name, tensor in group.items()} for run, group in file["models"].items()}


# Times are outside the promise of the same bits, and so are the checksums over them and who did what when.
NOT_PROMISED = {"row_checksum", "curve_checksum"}


def promised_bits(results: Path) -> dict[str, bytes]:
    """The data that do not depend on ranks or interruptions: every column except times, every model."""
    bits = {}
    with h5py.File(results) as file:
        for name, dataset in root_datasets(file):
            promised = name not in NOT_PROMISED and not name.startswith("timeline_")
            if promised and text_attribute(dataset, "units") != "s":
                bits[name] = as_bytes(content(dataset))
    for run_id, tensors in models(results).items():
        bits |= {f"{run_id}/{name}": values.tobytes() for name, values in tensors.items()}
    return bits


def as_bytes(values: Any) -> bytes:
    return values.tobytes() if isinstance(values, np.ndarray) else "\n".join(values).encode()


def text_attribute(item: Any, name: str) -> str:
    value = item.attrs.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def checkpoint(results: Path, run_id: str) -> tuple[int, int]:
    """Sequence number and step of a run's newest checkpoint; 0 and 0 where there is none."""
    with h5py.File(results) as file:
        headers = file[f"checkpoints/{run_id}/slots"][:, :24].tobytes()
    slots = (struct.unpack_from("<8sQq", headers, 24 * slot) for slot in range(2))
    return max((sequence, step) for _, sequence, step in slots)


def place(results: Path, name: str) -> tuple[int, int]:
    """Where a dataset's bytes lie in the file: offset and length."""
    with h5py.File(results) as file:
        dataset = file[name]
        return dataset.id.get_offset(), dataset.id.get_storage_size()


def flip(path: Path, offset: int) -> None:
    """Damages one bit."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 4]))


def csv_rows(text: str) -> list[dict[str, str]]:
    import csv

    return list(csv.DictReader(text.splitlines()))


def run_ids(runs: Iterable[dict[str, Any]]) -> list[str]:
    ids = [each["run_id"] for each in runs]
    assert all(re.fullmatch("[0-9a-f]{12}", each) for each in ids)
    return ids
