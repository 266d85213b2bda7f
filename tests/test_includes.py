"""The arrows of the house: which folder of src may include which, and who alone may touch MPI_COMM_WORLD, HDF5, the gemm
libraries and the terminal. A new folder or a new arrow is a decision: it is written down here first."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src"

# folder -> what its files may include besides their own folder: a folder, or a single header of it
ARROWS: dict[str, set[str]] = {
    "base": set(),
    "kernel": {"base"},
    "task": {"kernel", "base"},
    # task and model meet in train; both are described without arithmetic, so that the sweep can read the descriptions
    "model": {"kernel", "base"},
    "train": {"task", "model", "kernel", "base"},
    "sweep": {"base", "task/description.h", "model/description.h", "train/description.h", "train/further.h"},
    "store": {"base"},
    "schedule": {"train", "task", "model", "kernel", "base", "sweep/run_spec.h"},
    "commands": {"schedule", "train", "task", "model", "kernel", "sweep", "store", "base"},
    "": {"commands", "base"},  # main.c
}
DESCRIPTIONS = {  # the descriptions know names, shapes and sizes alone
    "task/description": {"base"},
    "model/description": {"base"},
    "train/description": {"base", "task/description.h", "model/description.h"},
    "train/further": {"base", "train/description.h", "task/description.h", "model/description.h"},
}
# who alone may mention what: a pattern in the code, the files (or folders) where it may stand
CONFINED = [
    (r"#\s*include\s*<hdf5(_hl)?\.h>", ["store/"]),
    (r"#\s*include\s*[<\"](.*/)?(cblas|openblas_config|dnnl\w*|mkl\w*)\.h(pp)?[>\"]", ["kernel/"]),
    (r"\bMPI_COMM_WORLD\b", ["main.c"]),
    (r"\b(fprintf|vfprintf|fputs|fputc|fwrite|dprintf)\s*\([^;]*\bstderr\b|\bperror\s*\(", ["main.c", "commands/", "schedule/progress.c"]),
    (r"(?<!\w)(v?printf|puts|putchar)\s*\(|\bstdout\b", ["main.c", "commands/", "schedule/progress.c"]),
    (r"(?<!\w)_?exit\s*\(|\babort\s*\(", ["main.c", "commands/", "base/"]),
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


def test_every_folder_has_its_arrows() -> None:
    assert {folder(name(path)) for path in files()} <= set(ARROWS)


@pytest.mark.parametrize("path", files(), ids=name)
def test_arrows(path: Path) -> None:
    own = folder(name(path))
    described = DESCRIPTIONS.get(name(path).removesuffix(".c").removesuffix(".h"))
    allowed = ARROWS[own] if described is None else described
    faults = []
    for number, header in includes(path):
        itself = described is not None and header == name(path).removesuffix(".c") + ".h"
        inside = folder(header) == own and described is None
        if not (SOURCE / header).is_file():
            faults.append(f"{name(path)}:{number}: {header} is no path below src (write the folder's name too)")
        elif not (inside or itself or header in allowed or folder(header) in allowed):
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
