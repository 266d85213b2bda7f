"""Output files. Each file is written under a temporary name in its folder and renamed, so readers never see a partial file. An existing
file is replaced only if this package wrote it and it has the kind that the command writes; a marker inside the file identifies both."""

import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MARKER = "weightsweep"  # HTML: <meta name="generator">; PNG and PDF: Creator
GENERATOR = f'<meta name="generator" content="{MARKER}">'
_ENDS = 1 << 16  # the marker is searched in this many bytes at each end of a file
_LEFT_SECONDS = 60  # age from which the temporary file of a process that no longer exists is removed: other machines may share the folder

Block = tuple[str, str]  # begin and end marker of the text of a document that a command replaces


class OutputError(Exception):
    """The output cannot be written; the message has the reason and what to do."""


@dataclass(frozen=True)
class Kind:
    """A kind of output. `recognise(head, tail)` is true if a file with these first and last bytes was written by this package."""

    name: str
    recognise: Callable[[bytes, bytes], bool]


def _is_page(head: bytes, _: bytes) -> bool:
    return head.startswith(b"<!DOCTYPE html>") and GENERATOR.encode() in head[:1024]


def _is_png(head: bytes, _: bytes) -> bool:
    return head.startswith(b"\x89PNG\r\n\x1a\n") and b"tEXtCreator\0" + MARKER.encode() in head


def _is_pdf(head: bytes, tail: bytes) -> bool:
    return head.startswith(b"%PDF-") and b"/Creator (" + MARKER.encode() in tail


PAGE = Kind("a report", _is_page)
PNG = Kind("a PNG figure", _is_png)
PDF = Kind("a PDF figure", _is_pdf)


@dataclass(frozen=True)
class Output:
    """A file to be written, and the results file that it shows."""

    path: Path
    kind: Kind
    source: Path

    def write(self, content: bytes) -> None:
        check([self])  # again: the file may have appeared while the figure was drawn
        replace(self.path, content)


def stem(results: Path) -> Path:
    """Path of a results file without the suffix .h5, the stem of its outputs' names: `quick.h5` becomes `quick`, `lr1.5` stays."""
    return results.with_suffix("") if results.suffix == ".h5" else results


def check(outputs: Iterable[Output]) -> None:
    """Raises OutputError unless every output can be written and no two outputs have the same path."""
    sources: dict[str, Path] = {}
    for output in outputs:
        other = sources.setdefault(os.path.realpath(output.path), output.source)
        if other != output.source:
            raise OutputError(f"{other} and {output.source} would both write {output.path}; write them into separate folders with -o")
        _check_one(output)


def _check_one(output: Output) -> None:
    path = output.path
    try:
        state = path.stat()
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise OutputError(f"{path}: a component of this path is a file, not a folder; give another name with -o") from None
    if output.source.exists() and path.samefile(output.source):
        raise OutputError(f"{path} is the results file itself; give another name with -o")
    if stat.S_ISDIR(state.st_mode):
        raise OutputError(f"{path} is a folder; give the name of a file with -o")
    if not stat.S_ISREG(state.st_mode) or not output.kind.recognise(*_ends(path)):
        raise OutputError(f"{path} exists and is not {output.kind.name} made by weightsweep; it is left as it is. Give another name with -o, or move that file")


def _ends(path: Path) -> tuple[bytes, bytes]:
    with path.open("rb") as file:
        head = file.read(_ENDS)
        file.seek(max(0, file.seek(0, os.SEEK_END) - _ENDS))
        return head, file.read(_ENDS)


def check_folder(path: Path) -> None:
    """Raises OutputError unless the folder of `path` exists."""
    if not path.parent.is_dir():
        raise OutputError(f"{path}: its folder does not exist; create it, or give another name with -o")


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OutputError(f"{folder}: a component of this path is a file, not a folder; give another folder with -o") from None


def replace(path: Path, content: bytes) -> None:
    """Replaces a file atomically: writes a temporary file, syncs it and renames it. Follows a symbolic link; keeps mode and owner."""
    target = Path(os.path.realpath(path))
    _remove_leftovers(target.parent)
    part = target.with_name(f".weightsweep-{os.getpid()}-{time.time_ns()}.part")
    try:
        with open(part, "xb") as file:
            file.write(content)
            _keep_mode_and_owner(file.fileno(), target)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        part.unlink(missing_ok=True)


def _remove_leftovers(folder: Path) -> None:
    """Removes the temporary files of processes that were killed."""
    for part in folder.glob(".weightsweep-*.part"):
        named = re.fullmatch(r"\.weightsweep-(\d+)-\d+\.part", part.name)
        try:
            if named and not Path("/proc", named[1]).exists() and time.time() - part.stat().st_mtime > _LEFT_SECONDS:
                part.unlink()
        except OSError:  # gone by now, or another user's
            pass


def _keep_mode_and_owner(descriptor: int, target: Path) -> None:
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except OSError:  # only root can change the owner
            pass
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def read_document(document: Path) -> str:
    """The text of a document, with its line endings unchanged."""
    try:
        return document.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise OutputError(f"{document}: not UTF-8 text, so no table can be written into it; convert it to UTF-8 first") from None
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise OutputError(f"{document}: {'a folder, not a document' if isinstance(error, IsADirectoryError) else 'no such file'}") from None


def fill_blocks(document: Path, texts: Mapping[Block, str]) -> None:
    """Replaces the text between each pair of markers. Raises OutputError if a marker is missing or occurs twice."""
    old = new = read_document(document)
    for block, text in texts.items():
        before, inside, after = _around(document, new, block)
        line = "\r\n" if inside.startswith("\r\n") else "\n"
        new = before + block[0] + line + text.replace("\n", line) + block[1] + after
    if new != old:
        replace(document, new.encode("utf-8"))


def _around(document: Path, text: str, block: Block) -> tuple[str, str, str]:
    """The parts of the document before, inside and after a block."""
    begin, end = block
    for marker in block:
        if text.count(marker) != 1:
            found = "has no block" if marker not in text else f"has more than one marker {marker} of a block"
            raise OutputError(f"{document}: {found} {begin} ... {end}; expected one line with each of the two markers")
    before, _, rest = text.partition(begin)
    inside, closed, after = rest.partition(end)
    if not closed:
        raise OutputError(f"{document}: the marker {end} stands before {begin}; expected after it")
    return before, inside, after
