"""Dependencies between the folders of src, and which files alone may use MPI_COMM_WORLD, HDF5, the GEMM libraries and the
terminal. Add a new folder or a new dependency here first."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src"

# folder -> the folders that its files may include besides their own
DEPENDENCIES: dict[str, set[str]] = {
    "base": set(),
    "spec": {"base"},
    "kernel": {"spec", "base"},
    "store": {"base"},
    "model": {"task", "kernel", "spec", "base"},
    "task": {"kernel", "spec", "base"},
    "train": {"task", "model", "kernel", "spec", "base"},
    "schedule": {"train", "spec", "base"},
    "sweep": {"spec", "base"},
    "driver": {"sweep", "schedule", "train", "task", "model", "kernel", "store", "spec", "base"},
    "cli": {"driver", "sweep", "schedule", "train", "task", "model", "kernel", "store", "spec", "base"},
    "": {"cli", "driver", "base"},  # main.c
}
# a pattern in the code, and the only files (or folders) where it may stand
CONFINED = [
    (r"#\s*include\s*<hdf5(_hl)?\.h>", ["store/"]),
    (r"#\s*include\s*[<\"](.*/)?(cblas|openblas_config|dnnl\w*|mkl\w*)\.h(pp)?[>\"]", ["kernel/"]),
    (r"\bMPI_COMM_WORLD\b", ["main.c"]),
    (r"\b(fprintf|vfprintf|fputs|fputc|fwrite|dprintf)\s*\([^;]*\bstderr\b|\bperror\s*\(", ["main.c", "cli/", "driver/"]),
    (r"(?<!\w)(v?printf|puts|putchar)\s*\(|\bstdout\b", ["main.c", "cli/", "driver/"]),
    (r"(?<!\w)_?exit\s*\(|\babort\s*\(", ["main.c", "cli/", "driver/", "base/"]),
]


def files() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.[ch]"))


def code(path: Path) -> str:
    """The text without comments and without what stands in string literals (but the names of included files)."""
    text = path.read_text(encoding="utf-8")

    def blank(match: re.Match[str]) -> str:
        token = match.group(0)
        if token.startswith(("//", "/*")):
            return "\n" * token.count("\n") or " "
        return token if match.string[: match.start()].rstrip().endswith("include") else '""'

    return re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"", blank, text, flags=re.DOTALL)


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def includes(path: Path) -> list[tuple[int, str]]:
    lines = code(path).splitlines()
    found = ((number, re.match(r'\s*#\s*include\s*"([^"]+)"', line)) for number, line in enumerate(lines, 1))
    return [(number, match.group(1)) for number, match in found if match]


def folder(path: str) -> str:
    return path.rpartition("/")[0]


def test_every_folder_is_listed() -> None:
    assert {folder(name(path)) for path in files()} <= set(DEPENDENCIES)


@pytest.mark.parametrize("path", files(), ids=name)
def test_dependencies(path: Path) -> None:
    own = folder(name(path))
    allowed = DEPENDENCIES[own]
    faults = []
    for number, header in includes(path):
        if not (SOURCE / header).is_file():
            faults.append(f"{name(path)}:{number}: {header} is no path below src (write the folder's name too)")
        elif folder(header) != own and folder(header) not in allowed:
            faults.append(f"{name(path)}:{number}: {own or 'main.c'} must not include {header}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("path", files(), ids=name)
def test_confined(path: Path) -> None:
    text = code(path)
    faults = []
    for pattern, places in CONFINED:
        if any(name(path) == place or name(path).startswith(place) and place.endswith("/") for place in places):
            continue
        for match in re.finditer(pattern, text):
            number = text.count("\n", 0, match.start()) + 1
            faults.append(f"{name(path)}:{number}: `{match.group(0).strip()}` belongs in {', '.join(places)}")
    assert not faults, "\n".join(faults)


def test_file_names_are_unique() -> None:
    names = [path.name for path in SOURCE.rglob("*") if path.is_file() and path.name != "README.md"]
    assert sorted(set(names)) == sorted(names)
