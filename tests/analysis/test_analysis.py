"""The analysis package on made-up results files: reading, tables, figures, the command line."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))

from make_results import grid, make_results  # noqa: E402

from weightsweep import ResultsError, figures, open_sweep, published, table  # noqa: E402
from weightsweep.results import axes  # noqa: E402


@pytest.fixture
def seed_table(tmp_path: Path) -> Path:
    path = tmp_path / "seed-table.h5"
    make_results(path, grid(unknowns=[15, 50], equation_ratio=[1.33, 2.0, 3.0]))
    return path


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """A pooling ablation over two seeds, in the middle of its work."""
    runs = grid(equation_ratio=[1.33, 2.0], pooling=["mean", "max"], seed=[1, 2])
    runs[1] |= {"status": "failed", "message": "no memory for the batch: größer"}
    runs[2] |= {"status": "running"}
    runs[3] |= {"status": "pending"}
    runs[4] |= {"status": "diverged"}
    path = tmp_path / "ablation.h5"
    make_results(path, runs)
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "analysis"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "weightsweep", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_the_made_up_file_is_netcdf(seed_table: Path, engine: str) -> None:
    if engine == "netcdf4":
        pytest.importorskip("netCDF4")
    dataset = xr.load_dataset(seed_table, engine=engine)
    assert dict(dataset.sizes) == {"run": 6, "point": 60}
    assert dataset["run_id"].values[0] == "000000005eed" and dataset["curve_loss"].dims == ("run", "point")
    assert dataset["arithmetic"].dims == ("run",)


def test_open_sweep(seed_table: Path) -> None:
    dataset = open_sweep(seed_table)
    assert dataset.sizes == {"run": 6, "point": 60}
    assert list(dataset["equations"].values) == [20, 30, 45, 67, 100, 150]
    assert set(dataset["status"].values) == {"done"}
    assert dataset["r2"].dims == ("run",) and dataset["curve_loss"].dims == ("run", "point")
    assert "unknowns" in dataset.coords and "r2" in dataset.data_vars
    assert "row_checksum" not in dataset
    assert dataset["wall_seconds"].attrs["units"] == "s" and dataset["r2"].attrs["long_name"]
    assert axes(dataset) == ["unknowns", "equations"]


def test_open_sweep_unfinished(unfinished: Path) -> None:
    dataset = open_sweep(unfinished)
    assert list(dataset["status"].values) == ["done", "failed", "running", "pending", "diverged", "done", "done", "done"]
    assert dataset["message"].values[1] == "no memory for the batch: größer" and dataset["message"].values[0] == ""
    assert axes(dataset) == ["equations", "pooling", "seed"]
    assert np.isnan(dataset["r2"].values[3]) and np.isnan(dataset["curve_loss"].values[3]).all()


def test_open_sweep_while_it_is_written(seed_table: Path) -> None:
    with h5py.File(seed_table, "r+") as file:
        file["steps_done"][0] = 7
        file.flush()
        assert run("table", seed_table).returncode == 0


def test_open_sweep_refuses(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no such file"):
        open_sweep(tmp_path / "none.h5")
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    with pytest.raises(ResultsError, match="not a file that HDF5"):
        open_sweep(text)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = [1, 2]
    with pytest.raises(ResultsError, match="no results of weightsweep"):
        open_sweep(other)
    newer = tmp_path / "newer.h5"
    make_results(newer, grid(seed=[1]))
    with h5py.File(newer, "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(ResultsError, match="newer weightsweep"):
        open_sweep(newer)


def test_published() -> None:
    assert published.r2("mlp-inverse", "deep-sets")[15, 45] == 0.990
    assert published.r2("mlp-forward", "linear") == {}
    curves = published.loss_curves("mlp-inverse", "deep-sets")
    assert set(curves) == set(published.r2("mlp-inverse", "deep-sets"))
    for curve in curves.values():
        assert len(curve.step) == len(curve.loss_ema) > 100 and curve.step == sorted(curve.step)


def test_table(seed_table: Path) -> None:
    head, rows = table.rows(open_sweep(seed_table))
    assert head == ["run", "unknowns", "equations", "steps", "R² %", "published", "difference", "seconds", "status"]
    assert [row[head.index("published")] for row in rows] == ["98.3", "98.6", "99.0", "91.7", "93.6", "93.8"]
    for row in rows:
        measured, known, difference = (float(row[head.index(name)].split()[0]) for name in ("R² %", "published", "difference"))
        assert difference == pytest.approx(measured - known, abs=0.0051)
    lines = table.as_text(open_sweep(seed_table)).splitlines()
    assert len(lines) == 2 + 6 + 1 and lines[2].endswith("done")


def test_table_unfinished(unfinished: Path) -> None:
    head, rows = table.rows(open_sweep(unfinished))
    assert head[1:5] == ["unknowns", "equations", "pooling", "seed"]
    assert rows[1][-1] == "failed: no memory for the batch: größer"
    assert rows[2][head.index("steps")] == "15,000 of 30,000" and rows[2][head.index("difference")] == "-"
    assert rows[3][head.index("R² %")] == "-"


def test_table_into_a_document(seed_table: Path, tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"before\n{table.BLOCK[0]}\nold\n{table.BLOCK[1]}\nafter\n")
    for _ in range(2):  # the second time changes nothing
        assert run("table", seed_table, "--into", document).returncode == 0
    lines = document.read_text().splitlines()
    assert lines[0] == "before" and lines[-1] == "after" and "old" not in lines
    assert lines[2].startswith("| unknowns | equations | steps | R² % |") and len(lines) == 2 + 2 + 8
    document.write_text("no block")
    assert run("table", seed_table, "--into", document).returncode == 3


@pytest.mark.parametrize("name", list(figures.FIGURES))
def test_figures(seed_table: Path, unfinished: Path, tmp_path: Path, name: str) -> None:
    nothing = tmp_path / "nothing.h5"
    make_results(nothing, [run | {"status": "pending"} for run in grid(equation_ratio=[1.7])])
    for path in (seed_table, unfinished, nothing):
        written = figures.save(open_sweep(path), tmp_path / "figures", [name])
        assert [file.name for file in written] == [f"{path.stem}-{name}.png", f"{path.stem}-{name}.pdf"]
        assert all(file.stat().st_size > 5000 for file in written)


def test_loss_curves_show_what_is_there(seed_table: Path) -> None:
    figure = figures.loss_curves(open_sweep(seed_table))
    assert [panel.get_title() for panel in figure.axes] == ["15 unknowns", "50 unknowns"]
    for panel in figure.axes:
        published_lines = [line for line in panel.lines if line.get_color() == figures.GREY]
        ours = [line for line in panel.lines if line.get_color() != figures.GREY]
        assert len(published_lines) == len(ours) == 3
        assert len({line.get_linestyle() for line in ours}) == 3
        assert panel.get_xlabel() and panel.get_ylabel()


def test_figures_that_the_sweep_calls_for(tmp_path: Path) -> None:
    path = tmp_path / "one.h5"
    make_results(path, grid(seed=[1]))
    assert {file.name for file in figures.save(open_sweep(path), tmp_path)} == {"one-loss.png", "one-loss.pdf"}


def test_command_line(seed_table: Path, tmp_path: Path) -> None:
    listed = run("plot", seed_table)
    assert listed.returncode == 0, listed.stderr
    assert all(Path(line).parent == tmp_path and Path(line).is_file() for line in listed.stdout.splitlines())
    assert run("plot", seed_table, "--figure", "los").returncode == 2
    assert run("plot", tmp_path / "none.h5").returncode == 3
    assert run("--help").returncode == 0
