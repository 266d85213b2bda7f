"""The analysis package on made-up results files: reading, tables, figures, the command line."""

import os
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

import weightsweep  # noqa: E402
from weightsweep import ResultsError, effects, figures, open_runs, open_sweep, original, published, to_pandas  # noqa: E402
from weightsweep.answer_table import BLOCK, View, render, run_rows, setting_rows  # noqa: E402
from weightsweep.cases import cases  # noqa: E402
from weightsweep.grids import as_runs  # noqa: E402
from weightsweep.results import axes  # noqa: E402
from weightsweep.values import exact, order  # noqa: E402


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
def test_synthetic_file_is_netcdf(seed_table: Path, engine: str) -> None:
    if engine == "netcdf4":
        pytest.importorskip("netCDF4")
    dataset = xr.load_dataset(seed_table, engine=engine)
    assert dict(dataset.sizes) == {"run": 6, "point": 60}
    assert dataset["run_id"].values[0] == "000000005eed" and dataset["curve_loss"].dims == ("run", "point")
    assert dataset["arithmetic"].dims == ("run",)


def test_open_runs(seed_table: Path) -> None:
    dataset = open_runs(seed_table)
    assert dataset.sizes == {"run": 6, "point": 60}
    assert list(dataset["equations"].values) == [20, 30, 45, 67, 100, 150]
    assert set(dataset["status"].values) == {"done"}
    assert dataset["r2"].dims == ("run",) and dataset["curve_loss"].dims == ("run", "point")
    assert "unknowns" in dataset.coords and "r2" in dataset.data_vars
    assert "row_checksum" not in dataset
    assert dataset["wall_seconds"].attrs["units"] == "s" and dataset["r2"].attrs["long_name"]
    assert axes(dataset) == ["unknowns", "equations"]


def test_open_sweep_unfinished(unfinished: Path) -> None:
    dataset = open_runs(unfinished)
    assert list(dataset["status"].values) == ["done", "failed", "running", "pending", "diverged", "done", "done", "done"]
    assert dataset["message"].values[1] == "no memory for the batch: größer" and dataset["message"].values[0] == ""
    assert axes(dataset) == ["equations", "pooling", "seed"]
    assert np.isnan(dataset["r2"].values[3]) and np.isnan(dataset["curve_loss"].values[3]).all()


def test_open_runs_while_it_is_written(seed_table: Path) -> None:
    with h5py.File(seed_table, "r+") as file:
        file["steps_done"][0] = 7
        file.flush()
        assert run("table", seed_table).returncode == 0


def test_open_sweep_refuses(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no such file"):
        open_runs(tmp_path / "none.h5")
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    with pytest.raises(ResultsError, match="not a file that HDF5"):
        open_runs(text)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = [1, 2]
    with pytest.raises(ResultsError, match="not a results file of weightsweep"):
        open_runs(other)
    with pytest.raises(ResultsError, match="a folder"):
        open_runs(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ResultsError, match="not a regular file"):
        open_runs(tmp_path / "fifo")
    newer = tmp_path / "newer.h5"
    make_results(newer, grid(seed=[1]))
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(newer.read_bytes().replace(b"SNOD", b"SNOW"))
    with pytest.raises(ResultsError, match="damaged"):
        open_runs(damaged)
    with h5py.File(newer, "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(ResultsError, match="newer weightsweep"):
        open_runs(newer)


@pytest.fixture
def exploded(tmp_path: Path) -> Path:
    """At the largest rate every run explodes: one is diverged in the file, the others an older version called done."""
    runs = grid(equation_ratio=[1.33, 2.0, 3.0], learning_rate=[1e-3, 3e-3, 1.0], pooling=["mean", "max"])
    bad = [index for index, each in enumerate(runs) if each["learning_rate"] == 1]
    runs[bad[0]] |= {"status": "diverged", "message": "R^2 is -2.006e+25 at step 30000"}
    path = tmp_path / "exploded.h5"
    make_results(path, runs)
    with h5py.File(path, "r+") as file:
        for index in bad:
            file["r2"][index], file["r2_stderr"][index] = -2.0057e25, 1e24
            file["curve_r2"][index, 3:], file["curve_loss"][index, 3:] = -2e25, 1e26
    return path


def test_exploded_runs_are_diverged(exploded: Path) -> None:
    runs = open_runs(exploded)
    lost = runs["learning_rate"].values == 1
    assert set(runs["status"].values[lost]) == {"diverged"} and set(runs["status"].values[~lost]) == {"done"}
    assert np.isnan(runs["r2"].values[lost]).all() and 0.9 < float(open_sweep(exploded)["r2"].mean()) < 1
    with h5py.File(exploded) as file:
        assert file["r2"][:].min() < -1e25  # the file keeps it
    lines = render([runs], view=View(runs=True)).splitlines()
    assert max(map(len, lines)) < 170 and sum("diverged: R^2 is -2.01e+25" in line for line in lines) == 5
    assert sum("diverged: R^2 is -2.006e+25 at step 30000" in line for line in lines) == 1


def test_figures_of_exploded_runs_stay_readable(exploded: Path) -> None:
    runs = open_runs(exploded)
    for name in figures.called_for(runs):
        with figures.drawn([runs], name) as figure:
            figure.draw_without_rendering()
            texts = [text.get_text() for axes in figure.axes for text in axes.texts]
            titles = " ".join(axes.get_title(loc="left") + axes.get_ylabel() for axes in figure.axes) + " ".join(text.get_text() for text in figure.texts)
            assert all(abs(limit) < 1e5 for axes in figure.axes for limit in axes.get_ylim()), name
            assert all(len(text) < 12 for text in texts), name
            assert "diverged" in titles, (name, titles)
            if name == "heatmap":
                assert texts.count("diverged") == 6
    few = runs.isel(run=np.flatnonzero(runs["equation_ratio"].values == 2))
    with figures.drawn([few], "loss") as figure:
        low, high = figure.axes[0].get_ylim()
        assert high < 20 and "1 diverged run cut off" in figure.axes[0].get_title(loc="left")


def test_r2_far_below_zero_is_cut_off(tmp_path: Path) -> None:
    """Runs that are only bad stay done; axes and colours end where they say."""
    path = tmp_path / "bad.h5"
    make_results(path, grid(equation_ratio=[1.33, 2.0], learning_rate=[1e-3, 1.0]))
    with h5py.File(path, "r+") as file:
        file["r2"][1] = -60
    runs = open_runs(path)
    assert set(runs["status"].values) == {"done"}
    with figures.drawn([runs], "learning_rate") as figure:
        worst, best = figure.axes[0].get_ylim()
        assert worst < 0.1 and "↓ −6,000 %" in [text.get_text() for text in figure.axes[0].texts]
    with h5py.File(path, "r+") as file:
        file["r2"][1] = -0.058
    with figures.drawn([open_runs(path)], "learning_rate") as figure:
        (text,) = [text for text in figure.axes[0].texts if text.get_text() == "↓ −5.8 %"]
        figure.draw_without_rendering()
        inside, outer = text.get_window_extent(), figure.axes[0].get_window_extent()
        assert outer.x0 <= inside.x0 and inside.x1 <= outer.x1 and outer.y0 <= inside.y0
    with figures.drawn([runs], "heatmap") as figure:
        assert "< −100" in [text.get_text() for text in figure.axes[0].texts]
        assert figure.axes[0].images[0].get_clim()[0] == 0


def test_lists_are_ordered_by_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "widths.h5"
    make_results(path, grid(encoder=["128", "64,8", "16", "8", ""], embed_dim=[64, 128]))
    runs, expected = open_runs(path), ["", "8", "16", "64,8", "128"]
    sweep = open_sweep(path)
    assert list(sweep["encoder"].values) == expected and sweep["r2"].dims == ("embed_dim", "encoder")
    assert sweep["run_id"].sel(encoder="64,8", embed_dim=64) == runs["run_id"].values[2]
    with figures.drawn([runs], "heatmap") as figure:
        assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["none", *expected[1:]]
    with figures.drawn([runs], "embed_dim") as figure:
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["R²", *(f"encoder {widths}" for widths in expected[1:])]
    with figures.drawn([runs], "encoder") as figure:
        assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["none", *expected[1:]]


def test_values_are_exact_text_in_order() -> None:
    assert [exact(value) for value in (3.0, 0.001, 0.00123456789, 30000.0, 7, "64,8", 0.1 + 0.2)] == ["3", "0.001", "0.00123456789", "30000", "7", "64,8", "0.30000000000000004"]
    values = ["mean", "128", float("nan"), "8,8", 2.5, "8", 10, ""]
    assert [str(value) for value in sorted(values, key=order)] == ["2.5", "10", "nan", "", "8", "8,8", "128", "mean"]


def test_published() -> None:
    assert published.r2("mlp-inverse", "deep-sets")[15, 45] == 0.990
    assert published.r2("mlp-forward", "linear") == {}
    curves = published.loss_curves("mlp-inverse", "deep-sets")
    assert set(curves) == set(published.r2("mlp-inverse", "deep-sets"))
    for curve in curves.values():
        assert len(curve.step) == len(curve.loss_ema) > 100 and curve.step == sorted(curve.step)


def test_table(seed_table: Path) -> None:
    runs = open_runs(seed_table)
    head, rows = setting_rows(cases(runs))
    assert head == ["unknowns", "equations", "R² %", "seeds", "seconds", "published %", "difference"]
    assert [row[head.index("published %")] for row in rows] == ["98.3", "98.6", "99.0", "91.7", "93.6", "93.8"]
    for row in rows:
        measured, known, difference = (float(row[head.index(name)]) for name in ("R² %", "published %", "difference"))
        assert difference == pytest.approx(measured - known, abs=0.0051)
    head, rows = run_rows(runs)
    assert head == ["run", "unknowns", "equations", "steps", "R² %", "error", "published %", "difference", "seconds", "status"]
    lines = render([runs], view=View(runs=True)).splitlines()
    assert len(lines) == 2 + 6 + 1 and lines[2].endswith("done")
    lines = render([runs]).splitlines()
    assert len(lines) == 6 + 1 + 2 + 6 and lines[0] == "unknowns 15, equations 20: Best: the only setting: R^2 98.78 % (1 seed)."


def test_published_values_stand_beside_repetitions_only(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    make_results(path, grid(steps=[2000, 30000]))
    head, rows = setting_rows(cases(open_runs(path)))
    assert {row[0]: row[head.index("published %")] for row in rows} == {"2000": "-", "30000": "98.6"}
    assert all(row[head.index("published %")] == "98.6" for row in setting_rows(cases(open_runs(path)), with_published=True)[1])
    make_results(path, grid(optimizer=["muon"]))
    assert "published %" not in setting_rows(cases(open_runs(path)))[0]


def test_table_unfinished(unfinished: Path) -> None:
    head, rows = run_rows(open_runs(unfinished))
    assert head[1:5] == ["unknowns", "equations", "pooling", "seed"]
    assert rows[1][-1] == "failed: no memory for the batch: größer"
    assert rows[2][head.index("steps")] == "15,000 of 30,000" and rows[2][head.index("seconds")] != "-"
    assert rows[3][head.index("R² %")] == "-"
    lines = render([open_runs(unfinished)]).splitlines()
    assert lines[:2] == ["equations 20", "Best: none, since no setting has all its seeds. 1 of 2 settings is not finished."] and "equations 30" in lines
    assert lines[-1] == "8 runs, of which 1 running, 1 pending, 1 diverged, 1 failed: --runs lists them."


def test_table_into_a_document(seed_table: Path, tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"before\n{BLOCK[0]}\nold\n{BLOCK[1]}\nafter\n")
    for _ in range(2):  # the second time changes nothing
        assert run("table", seed_table, "--into", document).returncode == 0
    lines = document.read_text().splitlines()
    assert lines[0] == "before" and lines[-1] == "after" and "old" not in lines
    assert lines[2].startswith("| unknowns | equations | R² % | seeds |") and len(lines) == 2 + 2 + 8
    assert run("table", seed_table, "--into", document, "--format", "latex").returncode == 2
    document.write_text("no block")
    assert run("table", seed_table, "--into", document).returncode == 2 and document.read_text() == "no block"


def test_open_sweep_is_a_grid(tmp_path: Path) -> None:
    path = tmp_path / "grid.h5"
    made = grid(unknowns=[50, 15], equation_ratio=[1.33, 2.0, 3.0], pooling=["sum", "mean"], seed=[1, 2])
    make_results(path, made, ranks=2)
    sweep, runs = open_sweep(path), open_runs(path)
    assert {name: sweep.sizes[name] for name in sweep["r2"].dims} == {"unknowns": 2, "equation_ratio": 3, "pooling": 2, "seed": 2}
    assert sweep["curve_loss"].dims == (*sweep["r2"].dims, "point") and sweep["timeline_run"].dims == ("segment",)
    assert sweep["equations"].dims == ("unknowns", "equation_ratio") and sweep["equations"].sel(unknowns=50, equation_ratio=1.33) == 67
    assert sweep["batch"].dims == () and sweep["wall_seconds"].attrs["units"] == "s"
    for run in range(runs.sizes["run"]):
        one = runs.isel(run=run)
        there = sweep.sel({name: one[name].item() for name in sweep["r2"].dims})
        assert there["run_id"].item() == one["run_id"].item()
        np.testing.assert_array_equal(there["curve_loss"], one["curve_loss"])
        assert there["equations"].item() == one["equations"].item()
    back = as_runs(sweep)
    assert sorted(back["run_id"].values) == sorted(runs["run_id"].values) and back["batch"].dims == ("run",)


def test_combinations_without_a_run_are_nan(tmp_path: Path) -> None:
    path = tmp_path / "holes.h5"
    runs = grid(unknowns=[15, 50], equation_ratio=[1.33, 2.0], seed=[1, 2])[:-1]
    make_results(path, runs)
    sweep = open_sweep(path)
    assert sweep["r2"].dims == ("unknowns", "equation_ratio", "seed") and sweep["r2"].isnull().sum() == 1
    assert np.isnan(sweep["r2"].sel(unknowns=50, equation_ratio=2.0, seed=2)) and sweep["run_id"].sel(unknowns=50, equation_ratio=2.0, seed=2) == ""
    assert sweep["equations"].dims == ("unknowns", "equation_ratio") and sweep["equations"].dtype == int and sweep["generator_hidden"].dims == ("unknowns",)
    back = as_runs(sweep)
    assert sorted(back["run_id"].values) == sorted(open_runs(path)["run_id"].values) and not np.isnan(back["steps_done"]).any()
    assert [case.label for case in cases(sweep)] == [case.label for case in cases(open_runs(path))]


def test_axes_of_the_sweep_file_are_the_dimensions(tmp_path: Path) -> None:
    """Also an axis of one value, and no setting outside `axes`, though it follows from one."""
    path = tmp_path / "axes.h5"
    make_results(path, grid(pooling=["max"], learning_rate=[1e-3, 2e-3], seed=[1, 2], encoder=["8", "128,256"]))
    with h5py.File(path, "r+") as file:
        resolved = 'name: "a"\naxes:\n  training.learning_rate: [0.001, 0.002]\n  pooling: [max]\n  seed: [1, 2]\n  network.encoder: [[8], [128, 256]]\ntask: mlp-inverse\n'
        file.attrs.modify("resolved", np.array(resolved, dtype=h5py.string_dtype("utf-8")))
    sweep = open_sweep(path)
    assert sweep["r2"].dims == ("learning_rate", "pooling", "seed", "encoder") and sweep["r2"].sizes["pooling"] == 1
    assert sweep["batch"].dims == () and float(sweep["r2"].sel(pooling="max", encoder="8").mean("seed").max()) > 0.9


def test_equations_as_axis_have_the_figure(tmp_path: Path) -> None:
    path = tmp_path / "e.h5"
    make_results(path, grid(equation_ratio=[1.33, 2.0], seed=[1, 2]))
    assert effects.axes(open_runs(path)) == ["equation_ratio"]
    with h5py.File(path, "r+") as file:
        file.attrs.modify("resolved", np.array('name: "a"\naxes:\n  equations: [20, 30]\n  seed: [1, 2]\n', dtype=h5py.string_dtype("utf-8")))
    assert effects.axes(open_runs(path)) == ["equations"] and open_sweep(path)["r2"].dims == ("equations", "seed")
    assert figures.figure(open_runs(path), "equations").axes[0].get_xlabel() == "equations (pairs) of a set"


def test_runs_that_the_axes_do_not_tell_apart_stay_along_run(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    make_results(path, grid(seed=[1, 2], pooling=["max", "mean"]))
    with h5py.File(path, "r+") as file:
        file.attrs.modify("resolved", np.array('name: "a"\naxes:\n  seed: [1, 2]\ntask: mlp-inverse\n', dtype=h5py.string_dtype("utf-8")))
    assert open_sweep(path)["r2"].dims == ("run",)


def test_to_pandas(seed_table: Path) -> None:
    pytest.importorskip("pandas")
    table = to_pandas(open_sweep(seed_table))
    assert len(table) == 6 and set(table["equations"]) == {20, 30, 45, 67, 100, 150}
    curves = to_pandas(open_runs(seed_table), curves=True)
    assert len(curves) == 6 * 60 and set(curves.columns) >= {"run_id", "unknowns", "equations", "curve_step", "curve_loss"}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("every") / "everything.h5"
    make_results(path, grid(unknowns=[15, 50], equation_ratio=[1.33, 2.0], embed_dim=[64, 128], seed=[1, 2]), ranks=4)
    return path


@pytest.mark.parametrize("name", [*figures.FIGURES, "unknowns", "embed_dim"])
def test_figures(seed_table: Path, unfinished: Path, everything: Path, tmp_path: Path, name: str) -> None:
    nothing = tmp_path / "nothing.h5"
    make_results(nothing, [run | {"status": "pending"} for run in grid(equation_ratio=[1.7])])
    for path in (seed_table, unfinished, nothing):
        runs = open_runs(path)
        if name != "heatmap" or len(figures.heatmap.axes_of(runs)) > 1:  # a map needs two axes
            with figures.drawn([runs], name) as figure:
                assert figure.axes and figure.get_figwidth() in (figures.style.COLUMN, figures.style.PAGE)
    written = figures.save([open_runs(everything)], tmp_path / "figures", [name])
    assert [file.name for file in written] == [f"everything-{name}.png", f"everything-{name}.pdf"]
    assert all(file.stat().st_size > 5000 for file in written)


def test_figures_of_texts_seeds_and_many_settings(tmp_path: Path) -> None:
    """The axis of R^2 ends near the means also where the axis is text; ranges of many settings stand beside the curves; every setting is in `weights`."""
    path = tmp_path / "r.h5"
    runs = grid(pooling=["max", "mean"], learning_rate=[1e-3, 2e-3, 4e-3, 8e-3, 16e-3], embed_dim=[64, 128], seed=[1, 2])
    runs[3] |= {"status": "failed"}
    make_results(path, runs, ranks=2)
    with h5py.File(path, "r+") as file:
        file["curve_loss"][:] *= np.linspace(1, 2, len(runs))[:, None]
    best = cases(open_runs(path))[0].best
    axes = weightsweep.figure(path, "pooling").axes[0]
    assert axes.get_ylim()[0] < 0.1  # 1 - R^2 of the lowest R^2
    axes = weightsweep.figure(open_sweep(path), "loss").axes[0]
    assert len(axes.containers) == 8 and "bars at the end: lowest to highest seed" in axes.get_title(loc="left").replace("\n", " ")
    axes = weightsweep.figure(path, "weights").axes[0]
    assert sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == ".") == 19
    figure = weightsweep.figure(path, "heatmap")
    frames = [(patch.get_xy(), axes.get_title(loc="left")) for axes in figure.axes for patch in axes.patches if not patch.get_fill()]
    rates, widths = sorted({run["learning_rate"] for run in runs}), [64, 128]
    place = (rates.index(best.values["learning_rate"]) - 0.48, widths.index(best.values["embed_dim"]) - 0.48)
    assert frames == [(pytest.approx(place), best.values["pooling"])]
    assert sum(text.get_text().endswith("\n1 of 2") for axes in figure.axes for text in axes.texts) == 1
    with pytest.raises(ResultsError, match="no figure 'seed'; expected one of loss, heatmap"):
        weightsweep.figure(path, "seed")


def test_legends_cover_nothing(tmp_path: Path) -> None:
    path = tmp_path / "full.h5"
    make_results(path, grid(unknowns=[15, 50], equation_ratio=[1.33, 2.0, 3.0], embed_dim=[32, 64, 128, 256], seed=[1, 2, 3]), ranks=2)
    for name in ("loss", "unknowns", "equation_ratio", "embed_dim", "weights", "shift"):
        with figures.drawn([open_runs(path)], name) as figure:
            figure.set_dpi(figures.style.STYLE["savefig.dpi"])  # as saved
            figure.draw_without_rendering()
            legends = [axes for axes in figure.axes if axes.get_legend()]
            assert legends and not any(figures.style.covers(axes.get_legend(), axes) for axes in legends), name


def test_long_labels_leave_the_panel_its_width(tmp_path: Path) -> None:
    widths = [",".join(str(first * 2**layer) for layer in range(8)) for first in (3, 5, 7)]
    make_results(tmp_path / "long.h5", grid(encoder=widths, decoder=widths[:2], equation_ratio=[1.33, 2.0]), ranks=2)
    for name in ("loss", "weights"):
        with figures.drawn([open_runs(tmp_path / "long.h5")], name) as figure:
            figure.draw_without_rendering()
            assert figure.axes[0].get_position().width > 0.8, name


def test_heatmap_needs_two_axes(tmp_path: Path) -> None:
    path = tmp_path / "one.h5"
    make_results(path, [run | {"status": "pending"} for run in grid(equation_ratio=[1.33, 2.0])])
    refused = run("plot", path, "--figure", "heatmap")
    assert refused.returncode == 3 and "only equation_ratio varies" in refused.stderr and "Traceback" not in refused.stderr
    nothing = run("plot", path)
    assert nothing.returncode == 0 and nothing.stdout == "" and "no figure" in nothing.stderr


def test_loss_curves_show_what_is_there(seed_table: Path) -> None:
    figure = figures.loss.loss_curves(open_runs(seed_table))
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["15 unknowns", "50 unknowns"]
    for panel in figure.axes:
        published_lines = [line for line in panel.lines if line.get_linestyle() == ":"]
        ours = [line for line in panel.lines if line.get_linestyle() != ":"]
        assert len(published_lines) == len(ours) == 3
        assert {line.get_color() for line in published_lines} == {line.get_color() for line in ours}
        assert len({line.get_linestyle() for line in ours}) == 3
        assert panel.get_xlabel() and panel.get_ylabel()


def test_floors_are_lines_inside_the_axis(tmp_path: Path) -> None:
    path = tmp_path / "floors.h5"
    make_results(path, grid(equation_ratio=[1.33, 2.0, 3.0], seed=[1, 2]))
    runs = open_runs(path)
    runs["r2_affine_fit"] = runs["r2"] * 0 + 0.8
    with figures.drawn([runs], "equation_ratio") as figure:
        (line,) = [line for line in figure.axes[0].lines if line.get_color() == figures.style.GREY]
        worst, best = figure.axes[0].get_ylim()
        assert best < line.get_ydata()[0] == pytest.approx(0.2) and line.get_ydata()[0] < worst
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["R²", "affine fit", "published"]


def test_figures_that_the_sweep_calls_for(tmp_path: Path) -> None:
    path = tmp_path / "one.h5"
    make_results(path, grid(seed=[1]))
    assert {file.name for file in figures.save([open_runs(path)], tmp_path)} == {"one-loss.png", "one-loss.pdf"}


def test_scaling(tmp_path: Path) -> None:
    strong = [tmp_path / f"on-{ranks}.h5" for ranks in (1, 2, 4)]
    weak = [tmp_path / f"more-on-{ranks}.h5" for ranks in (1, 2, 4)]
    for ranks, same, growing in zip((1, 2, 4), strong, weak):
        make_results(same, grid(seed=[1, 2, 3, 4]), ranks=ranks)
        make_results(growing, grid(seed=list(range(4 * ranks))), ranks=ranks)
    points = [figures.scaling.point(open_runs(path)) for path in [*strong, *weak[1:]]]
    assert [each.ranks for each in points] == [1, 2, 4, 2, 4]
    families = figures.scaling.families(points)
    for family in families:
        assert [each.ranks for each in family] == [1, 2, 4]
        assert [each.rate / family[0].rate for each in family] == pytest.approx([1, 2, 4])
    listed = run("plot", "--figure", "scaling", "-o", tmp_path, *strong, *weak[1:])
    assert listed.returncode == 0 and listed.stdout.split() == [str(tmp_path / "scaling.png"), str(tmp_path / "scaling.pdf")]


def test_compare_seed(tmp_path: Path) -> None:
    archives = tmp_path / "published"
    archives.mkdir()
    runs = grid(unknowns=[15, 50], equation_ratio=[1.33, 2.0, 3.0], seed=[1, 2])
    runs[0] |= {"batch": 256}  # not the original experiment's
    runs[1] |= {"status": "failed"}
    make_results(archives / "seed-table.h5", runs)
    head, rows = original.rows(original.read(archives))
    assert [row[head.index("published")] for row in rows[-6:]] == ["98.3", "98.6", "99.0", "91.7", "93.6", "93.8"]
    assert [row[head.index("seeds")] for row in rows] == ["0"] * 7 + ["2"] * 5
    assert all("no archive" in row[head.index("ours (lowest to highest seed)")] for row in rows[:7])
    for row in rows[7:]:
        mean, known, difference = (float(row[head.index(name)].split()[0]) for name in ("ours (lowest to highest seed)", "published", "difference"))
        assert difference == pytest.approx(mean - known, abs=0.0051) and row[head.index("archive")] == "seed-table"
    make_results(archives / "half.h5", grid(equation_ratio=[3.0], precision=["bf16"]))
    panel = figures.seed.side_by_side(original.read(archives)).axes[3]
    assert {text.get_text() for text in panel.get_legend().get_texts()} >= {"30 equations, fp32 (2 runs)", "45 equations, fp32 (2 runs)", "45 equations, bf16"}
    (archives / "half.h5").unlink()
    document = tmp_path / "page.md"
    document.write_text("\n".join(original.BLOCK))
    drawn = run("compare-seed", "--archives", archives, "-o", tmp_path / "figures", "--into", document)
    assert drawn.returncode == 0, drawn.stderr
    assert {Path(line).name for line in drawn.stdout.split()} == {f"seed-{name}.{kind}" for name in ("curves", "r2") for kind in ("png", "pdf")}
    text = document.read_text()
    assert text.count("| mlp-inverse | deep-sets |") == 5 and "mlp-forward linear 10,000 steps" in text
    assert run("compare-seed", "--archives", tmp_path / "nowhere").returncode == 3
    none = run("compare-seed", "--archives", tmp_path / "figures")
    assert none.returncode == 0 and none.stdout.count("no archive") == 12


def test_command_line(seed_table: Path, tmp_path: Path) -> None:
    listed = run("plot", seed_table)
    assert listed.returncode == 0, listed.stderr
    assert all(Path(line).parent == tmp_path and Path(line).is_file() for line in listed.stdout.splitlines())
    assert run("plot", seed_table, "--figure", "los").returncode == 2
    assert run("plot", tmp_path / "none.h5").returncode == 3
    abbreviated = run("report", seed_table, "--out", tmp_path / "page.html")
    assert abbreviated.returncode == 2 and "--out" in abbreviated.stderr and not (tmp_path / "page.html").exists()
    assert run("--help").returncode == 0


def test_figure_of_weights_pools_no_settings(tmp_path: Path) -> None:
    """One marker per setting, or the best setting of each case where there are many."""
    for count, drawn in [(8, 8), (20, 1)]:
        path = tmp_path / f"{count}.h5"
        make_results(path, grid(learning_rate=[1e-3 * (each + 1) for each in range(count)], seed=[1, 2]))
        with h5py.File(path, "r+") as file:
            if "weight_match" not in file:
                column = file.create_dataset("weight_match", data=np.linspace(0.5, 0.9, 2 * count))
                column.dims[0].attach_scale(file["run"])
                column.attrs["role"], column.attrs["units"] = "outcome", "1"
        with figures.drawn([open_runs(path)], "weights") as figure:
            (axes,) = figure.axes
            assert len(axes.containers) == drawn and ("best setting of 20" in axes.get_title("left")) is (drawn == 1)
