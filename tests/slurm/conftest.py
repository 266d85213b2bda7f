"""Starts a real SLURM on this machine for the tests and stops it afterwards, also after a failure."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import PROGRAM, call, wait_until
from jobs import TIMEOUT, Slurm, Undisturbed, Work, undisturbed


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    if os.getuid() != 0:
        pytest.skip("a SLURM of one's own needs root")
    if not Path(PROGRAM).is_file():
        pytest.exit(f"{PROGRAM} is not there: build it, or name another one in WEIGHTSWEEP", returncode=1)
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    os.environ["SLURM_CONF"] = str(cluster.folder / "slurm.conf")
    # Open MPI names its shared memory after the host and the rank on that node: the three nodes are one host, and would share it.
    # It counts cores by nodes too, and a rank that waits would keep the few real ones from the others.
    os.environ |= {"OMPI_MCA_btl": "self,tcp", "OMPI_MCA_btl_tcp_if_include": "lo", "OMPI_MCA_mpi_yield_when_idle": "1"}
    cluster.control("start", str(os.getpid()))
    yield cluster
    cluster.control("stop")


@pytest.fixture
def work(slurm: Slurm, tmp_path: Path) -> Iterator[Work]:
    """A sweep of a second; afterwards no job is left, whatever happened."""
    yield Work(slurm, tmp_path)
    call("scancel", "--user", "root")
    wait_until(lambda: call("squeue", "--noheader").out == "", "an empty queue", TIMEOUT)


@pytest.fixture(scope="session")
def some_seconds(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(tmp_path_factory.mktemp("undisturbed"), 20)
