"""`status --follow` on a terminal, where it redraws itself; test_run.py follows through a pipe to a sweep's end."""

import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

from conftest import Sweep
from harness import LONG, PROGRAM, run, start, wait_for_training, weightsweep, write_sweep

HEIGHT, WIDTH = 12, 60


def follow(results: Path, seconds: float) -> tuple[bytes, int | None]:
    """Output on a small terminal within `seconds`, and the exit code if the program ends."""
    master, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    process = subprocess.Popen([PROGRAM, "status", results, "--follow"], stdout=terminal, stdin=subprocess.DEVNULL)
    os.close(terminal)
    found, end = b"", time.monotonic() + seconds
    os.set_blocking(master, False)
    while time.monotonic() < end:
        try:
            if not (more := os.read(master, 65536)):
                break
            found += more
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:  # the other end is closed
            break
    process.send_signal(signal.SIGINT)
    code = process.wait(10)
    os.close(master)
    return found, code if code >= 0 else None


def pictures(received: bytes) -> list[list[str]]:
    """Each redrawing begins at the top left and clears what is left of the one before."""
    text = received.decode()
    assert text.startswith("\x1b[2J") and text.count("\x1b[J") == text.count("\x1b[H")
    assert text.count("\x1b[?7l") == text.count("\x1b[?7h"), "long lines are cut, and only while it draws"
    return [re.sub(r"\x1b\[[?0-9]*[A-Za-z]|\r", "", each).splitlines() for each in text.split("\x1b[H")[1:]]


def test_nothing_to_follow(finished: Sweep) -> None:
    received, code = follow(finished.results, 10)
    (picture,) = pictures(received)
    assert code == 0 and picture == weightsweep("status", finished.results).out.splitlines()


def test_running_runs_come_first(tmp_path: Path) -> None:
    """The last two of twenty runs are being trained; six lines are enough for them."""
    sweep, results = write_sweep(tmp_path / "many.yaml", axes={"seed": list(range(20))}, training=LONG), tmp_path / "many.h5"
    ids = [line.partition(",")[0] for line in weightsweep("plan", sweep, "--format", "csv").out.splitlines()[1:]]
    with start(2, sweep, results, "--quiet", "--group", "1", "--only", ",".join(ids[-2:])) as job:
        wait_for_training(results, job)
        received, code = follow(results, 5)
    found = pictures(received)
    assert code is None and len(found) >= 2, "repeated every two seconds until it is stopped"
    for picture in found:
        assert len(picture) < HEIGHT and "more runs" in picture[-1]
    assert [line.split()[0] for line in found[-1][3:] if " running " in line] == ids[-2:]
    assert sum(" pending " in line for line in found[-1][3:]) == HEIGHT - 5 - 2


def test_long_table_shows_failed_runs(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "wild.yaml", axes={"seed": list(range(22)), "learning_rate": [1e-3, 100]}, training={"steps": 3})
    assert run(2, sweep, tmp_path / "wild.h5", "--quiet").code == 5
    out = weightsweep("status", tmp_path / "wild.h5").out
    assert len(out.splitlines()) == 3 + 40 + 1
    assert out.count("  diverged") == 22 and "4 more runs" in out
