"""Environment and trace of the failing disk of disk.c.

DISK_LIBRARY names the library; the default is the release build."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import HOME

LIBRARY = os.environ.get("DISK_LIBRARY") or str(HOME / "build" / "release" / "tests" / "libdisk.so")
RECORD = struct.Struct("=c3xi2q")  # struct record


def bad_disk(results: Path, **settings: object) -> dict[str, str]:
    """The environment; bad_disk(file, error="EIO", nth=3) sets DISK_ERROR and DISK_NTH. bad_disk(file) has no fault, and syncs take no time."""
    named = {f"DISK_{name.upper()}": str(value) for name, value in settings.items() if value is not None}
    return {"LD_PRELOAD": LIBRARY, "DISK_FILE": str(results.parent.resolve() / results.name)} | named


@dataclass
class Call:
    kind: str  # w: wrote, t: truncated, r: renamed, s and S: a sync begins and has succeeded; o: opened, i: stat, k: locked
    process: int
    offset: int
    length: int
    bytes: bytes


def read_trace(path: Path) -> Iterator[Call]:
    content = path.read_bytes()
    at = 0
    while at < len(content):
        kind, process, offset, length = RECORD.unpack_from(content, at)
        at += RECORD.size
        end = at + (length if kind == b"w" else 0)
        yield Call(kind.decode(), process, offset, length, content[at:end])
        at = end
