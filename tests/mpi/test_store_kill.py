"""kill -9 at random moments while three ranks write into one results file: the file always opens with every reader, and
verify passes. All rounds use the same file, so each round also resumes the state of the previous one.

Usage: test_store_kill.py STORE_WRITER"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import xarray

MPIRUN = str(Path(__file__).resolve().parents[2] / "jobs" / "mpirun")
RANKS, RUNS, POINTS, ROUNDS = 3, 6, 20, 12


def start(writer: str, path: str) -> tuple[subprocess.Popen[str], list[int]]:
    """mpirun and the ranks' process ids, once all of them have the file open."""
    job = subprocess.Popen([MPIRUN, "-n", str(RANKS), writer, "write", path, str(RUNS)], stdout=subprocess.PIPE, text=True)
    assert job.stdout
    return job, [int(job.stdout.readline().split()[1]) for _ in range(RANKS)]


def look(path: str) -> None:
    """A reader that comes while the others write."""
    with h5py.File(path, "r") as file:
        assert file["run_id"].shape == (RUNS,)
        assert file["status"][:].max() <= 2
        assert np.isfinite(file["models/000000000000/decoder.0.weight"][:]).all()


def check(writer: str, path: str) -> None:
    """Everything that must hold after a kill."""
    verified = subprocess.run([writer, "verify", path], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stderr
    look(path)
    for engine in ("h5netcdf", "netcdf4"):
        data = xarray.load_dataset(path, engine=engine)
        assert data.sizes == {"run": RUNS, "point": POINTS, "segment": 8 * RUNS + 1024}, data.sizes
        assert list(data["generator_hidden"].values) == ["8,8"] * RUNS
        assert set(data["arithmetic"].values) <= {"", "test"}
        # what is written at a point is (x, x/2, x/3) in three places: each may be newer than the others, none torn
        for name, factor in (("curve_loss", 1), ("curve_r2", 2), ("curve_seconds", 3)):
            x = data[name].values * factor
            x = x[np.isfinite(x)]
            assert np.allclose(x, np.round(x)), name
    columns = "run_id,generator_hidden,seed,status,r2,message,arithmetic,row_checksum,curve_step,curve_loss"
    dump = subprocess.run(["ncdump", "-v", columns, path], capture_output=True, text=True)
    assert dump.returncode == 0 and 'generator_hidden = "8,8"' in dump.stdout, dump.stderr


def kill(job: subprocess.Popen[str], ranks: list[int], victims: list[int]) -> None:
    assert job.poll() is None, "the writers ended by themselves"
    for rank in victims:
        os.kill(ranks[rank], signal.SIGKILL)
    job.wait(timeout=60)  # mpirun ends the others
    assert job.returncode != 0


def main() -> None:
    writer = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/results.h5"
        subprocess.run([writer, "create", path, str(RUNS)], check=True, stdout=subprocess.DEVNULL)
        check(writer, path)
        subprocess.run([MPIRUN, "-n", str(RANKS), writer, "disagree", path], check=True, timeout=60)
        for seed in range(ROUNDS):
            chance = random.Random(seed)
            job, ranks = start(writer, path)
            time.sleep(chance.uniform(0.05, 0.6))
            look(path)
            time.sleep(chance.uniform(0.0, 0.2))
            victims = chance.choice([[0], [1], [2], [0, 1, 2]])
            kill(job, ranks, victims)
            check(writer, path)
            print(f"round {seed}: killed {victims}, all there", flush=True)
        with h5py.File(path, "r") as file:
            assert file["steps_done"][:].max() > 0 and (file["curve_step"][:] >= 0).any(), "nothing was ever written"
        assert sorted(os.listdir(directory)) == ["results.h5"]


main()
