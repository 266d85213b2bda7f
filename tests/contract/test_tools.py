"""Common tools read a results file and an archive: h5ls, h5dump, h5diff and pandas; help2man reads the help."""

import io
import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import Sweep
from harness import HOME, PROGRAM, columns, environment, models, weightsweep


@pytest.fixture(scope="module", params=["results", "archive"])
def file(request: pytest.FixtureRequest, finished: Sweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "results":
        return finished.results
    path = tmp_path_factory.mktemp("archive") / "archive.h5"
    assert weightsweep("export", finished.results, "--archive", "-o", path).code == 0
    return path


def tool(name: str, *arguments: str | Path) -> str:
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    result = subprocess.run([name, *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and not result.stderr, result.stderr
    return result.stdout


def test_h5ls(file: Path) -> None:
    listed = {line.split()[0]: line.split(None, 1)[1] for line in tool("h5ls", file).splitlines()}
    assert listed["r2"].strip() == "Dataset {4}" and re.match(r"Dataset \{4, 3\}", listed["curve_loss"])
    assert listed["models"].strip() == "Group"
    inside = tool("h5ls", "-r", f"{file}/models")
    assert re.search(r"/[0-9a-f]{12}/encoder\.net\.0\.weight\s+Dataset \{16, 3\}", inside), "[out, in]"


def test_h5dump(file: Path) -> None:
    found = columns(file)
    text = tool("h5dump", "-d", "/run_id", "-d", "/r2", file)
    assert all(f'"{run_id}"' in text for run_id in found["run_id"])
    numbers = re.search(r"DATASET \"/r2\".*?DATA \{\s*\(0\): ([^}]*?)\s*\}", text, re.DOTALL)
    assert numbers
    np.testing.assert_allclose([float(each) for each in numbers[1].split(",")], found["r2"], rtol=1e-5)
    run_id, layer = found["run_id"][0], "decoder.0.bias"
    binary = file.with_suffix(".bin")
    tool("h5dump", "-d", f"/models/{run_id}/{layer}", "-b", "LE", "-o", binary, file)
    np.testing.assert_array_equal(np.fromfile(binary, "<f4"), models(file)[run_id][layer])


def test_h5diff(finished: Sweep, file: Path) -> None:
    for name in ("r2", "curve_loss", "models"):
        tool("h5diff", "-q", finished.results, file, f"/{name}")


def test_pandas(file: Path) -> None:
    pandas = pytest.importorskip("pandas")
    with h5py.File(file) as opened:
        names = [name for name, item in opened.items() if isinstance(item, h5py.Dataset) and item.attrs.get("role") in ("setting", "outcome") and item.ndim == 1]
        frame = pandas.DataFrame({name: opened[name].asstr()[...] if opened[name].dtype.kind == "O" else opened[name][...] for name in names})
    table = pandas.read_csv(io.StringIO(weightsweep("export", file, "--runs").out), dtype={"run_id": str}, float_precision="round_trip")
    assert list(frame.run_id) == list(table.run_id) == columns(file)["run_id"]
    np.testing.assert_array_equal(frame.groupby("unknowns").r2.mean(), table.groupby("unknowns").r2.mean())


def test_manual(tmp_path: Path) -> None:
    """One page for the program and one per subcommand, with the content of --help."""
    if not shutil.which("help2man"):
        pytest.skip("help2man is not installed")
    subprocess.run([HOME / "src" / "manual", PROGRAM, tmp_path], check=True, timeout=60, env=environment())
    subcommands = re.findall(r"^  ([a-z]+) ", weightsweep("--help").out, re.MULTILINE)
    assert {page.name for page in tmp_path.iterdir()} == {"weightsweep.1", *(f"weightsweep-{subcommand}.1" for subcommand in subcommands)}
    for subcommand in subcommands:
        page = (tmp_path / f"weightsweep-{subcommand}.1").read_text().replace("\\-", "-").replace("\\&", "")
        assert f"weightsweep-{subcommand} \\- " in (tmp_path / f"weightsweep-{subcommand}.1").read_text()
        assert page.count(".SH SYNOPSIS") == page.count(".SH EXAMPLE") == 1
        for option in re.findall(r"^ +(?:-., )?(--[a-z-]+)", weightsweep(subcommand, "--help").out, re.MULTILINE):
            assert option in page, f"{subcommand} {option}"
