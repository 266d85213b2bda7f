"""Reference pages are up to date: the table of settings is that of `plan --help`, the table of columns that of a results file, and the
README's example of `predict` is the program's output.

    jobs/python tests/test_reference.py --write     after a setting or a column has changed

Links in the pages have targets, and the recipes in src/README.md name existing files and words."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

HOME = Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("WEIGHTSWEEP") or str(HOME / "build" / "release" / "weightsweep")
PAGES = ["README.md", "analysis/RESULTS.md", "analysis/FINDINGS.md", "sweeps/README.md", "src/README.md", "src/store/README.md", "src/train/README.md"]
EVERYTHING = """\
name: reference
unknowns: 6
equation_ratio: 2
embed_dim: 8
training: {batch: 16, steps: 1}
evaluation: {every: 1, generators: 4, inputs: [uniform, wide, shifted], set_sizes: [20], noise: [0.1], direct_fit: 2, refine: [5]}
"""
WHILE_IT_RUNS = {"status", "steps_done", "loss", "loss_ema", "r2", "r2_stderr", "wall_seconds", "rank_seconds"}


def weightsweep(*arguments: str | Path) -> str:
    result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60, cwd=HOME)
    assert result.returncode == 0, result.stderr
    return result.stdout


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


# ---- settings ----


def settings() -> list[list[str]]:
    """Rows of the table that `plan --help` prints: setting, default, values, meaning."""
    lines = weightsweep("plan", "--help").splitlines()
    start = next(i for i, line in enumerate(lines) if re.match(r"setting +default +values +meaning", line))
    edges = [match.start() for match in re.finditer(r"\w+", lines[start])]
    return [[line[a:b].strip() for a, b in zip(edges, [*edges[1:], None])] for line in lines[start + 1 :] if line.strip()]


def settings_table() -> str:
    rows = [[f"`{name}`", "required" if default == "-" else f"`{default}`", values, meaning] for name, default, values, meaning in settings()]
    return table(["setting", "default", "values", "meaning"], rows)


# ---- columns ----


def text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def type_of(dataset: h5py.Dataset) -> str:
    string = h5py.check_string_dtype(dataset.dtype)
    return str(dataset.dtype) if string is None else "text" if string.length is None else "char"


def source(name: str, dataset: h5py.Dataset, keys: dict[str, str]) -> str:
    role = text(dataset.attrs.get("role", ""))
    if role == "setting":
        return f"setting `{keys[name]}`" if name in keys else "follows from the settings"
    if role == "checksum":
        return "when the run ends"
    if name.startswith("timeline_"):
        return "as ranks begin and end"
    if name.startswith("curve_"):
        return "at each point"
    return "while it runs, and when it ends" if name in WHILE_IT_RUNS else "when the run ends"


def columns_table() -> str:
    keys = {}
    for setting, *_ in settings():
        keys |= {setting.rpartition(".")[2]: setting, setting.replace(".", "_"): setting}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sweep, results = Path(folder, "reference.yaml"), Path(folder, "reference.h5")
        sweep.write_text(EVERYTHING)
        weightsweep("run", sweep, "-o", results, "--quiet")
        with h5py.File(results) as file:
            dimensions = {file[name].ref: name for name in file if file[name].attrs.get("CLASS") == b"DIMENSION_SCALE"}
            for name, dataset in sorted(file.items()):  # h5py 3.13 lists them in the order of their creation
                if not isinstance(dataset, h5py.Dataset) or name in dimensions.values():
                    continue
                over = ", ".join(text(scale.name).lstrip("/") for each in dataset.dims for scale in each.values())
                unit, meaning = text(dataset.attrs["units"]), text(dataset.attrs["long_name"])
                rows.append([f"`{name}`", over, type_of(dataset), unit, meaning, source(name, dataset, keys)])
    return table(["column", "over", "type", "unit", "meaning", "written"], rows)


# ---- the example ----


def prediction() -> str:
    """The command in the README, and its output up to the list of pairs."""
    arguments = ["predict", "analysis/examples/quick.h5", "--run", "a18", "--pairs", "analysis/examples/pairs.csv"]
    printed = weightsweep(*arguments).partition("\nline ")[0]
    return f"```\n$ build/release/weightsweep {' '.join(arguments)}\n{printed}```\n"


NUMBER = re.compile(r"-?\d+\.\d+")


def nearly(content: str) -> str:
    """The text with numbers rounded to two decimals, since the last digits differ between machines."""
    return re.sub(r" +", " ", NUMBER.sub(lambda number: f"{float(number[0]) + 0.0:.2f}".replace("-0.00", "0.00"), content))


# ---- pages ----

TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "predict": ("README.md", prediction),
    "settings": ("sweeps/README.md", settings_table),
    "columns": ("src/store/README.md", columns_table),
}


def with_table(page: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    assert found, f"no {begin.strip()} ... {end}"
    return before + begin + content + end + after


@pytest.mark.parametrize("name", TABLES)
def test_table_is_up_to_date(name: str) -> None:
    path, make = TABLES[name]
    page = (HOME / path).read_text(encoding="utf-8")
    made = with_table(page, name, make())
    assert page == made or (name == "predict" and nearly(page) == nearly(made)), f"{path} is out of date: jobs/python tests/test_reference.py --write"


@pytest.mark.parametrize("page", PAGES)
def test_links_have_targets(page: str) -> None:
    content = (HOME / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", content):
        assert ((HOME / page).parent / target).exists(), f"{page}: {target}"


def test_readme_links_every_page() -> None:
    readme = (HOME / "README.md").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert f"]({page})" in readme, page


def test_recipes_name_existing_files_and_words() -> None:
    """A step of a recipe is a numbered line: a file, then words in backquotes that occur in the file."""
    steps = re.findall(r"^\d+\. `([^`]+)`: (.*(?:\n   .*)*)", (HOME / "src" / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(steps) >= 12
    for path, words in steps:
        content = (HOME / path).read_text(encoding="utf-8")
        for word in re.findall(r"`([^`]+)`", words):
            assert word in content, f"src/README.md: {path} has no `{word}`"


def write() -> None:
    for name, (path, make) in TABLES.items():
        page = (HOME / path).read_text(encoding="utf-8")
        (HOME / path).write_text(with_table(page, name, make()), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    write()
