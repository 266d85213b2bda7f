"""The page of findings is up to date with the archives and has their values."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOME / "analysis"))
from weightsweep import figures, findings, one_pass, open_runs, original, published
from weightsweep.outputs import OutputError
from weightsweep.results import axes


def without_pictures(text: str) -> str:
    return re.sub(r"\n!\[.*\n", "", text)


def test_page_is_up_to_date_with_the_archives(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(findings.PAGE.read_text())
    findings.fill(page, original.ARCHIVES, None)
    assert page.read_text() == without_pictures(findings.PAGE.read_text()), "stale: jobs/python -m weightsweep findings -o analysis/figures"


def test_figures_exist():
    shown = re.findall(r"!\[.*\]\((.*)\)", findings.PAGE.read_text())
    assert shown and all((findings.PAGE.parent / picture).is_file() for picture in shown)


def test_values_are_those_of_the_archives(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- finding best:begin -->\n<!-- finding best:end -->\n")
    findings.fill(page, original.ARCHIVES, tmp_path / "figures")
    with h5py.File(original.ARCHIVES / "best.h5") as file:
        best = sorted(100 * value for value in file["r2"][:] if np.isfinite(value))
    text = page.read_text()
    assert f"R² {best[0]:.2f} to {best[-1]:.2f} % over 2 cases." in text
    picture = re.search(r"!\[best\]\((.*)\)", text).group(1)
    assert (tmp_path / picture).stat().st_size > 10_000


def test_seeds_of_a_setting_are_one_row():
    runs = open_runs(original.ARCHIVES / "seed-table.h5")
    head, cells, _ = findings.rows(runs)
    counts = {(row[head.index("unknowns")], row[head.index("equations")]): row[head.index("seeds")] for row in cells}
    assert counts == {(u, e): s for u, s, sizes in (("15", "3", (20, 30, 45)), ("50", "2", (67, 100, 150))) for e in map(str, sizes)}
    r2 = runs["r2"].values[(runs["unknowns"].values == 15) & (runs["equations"].values == 20)]
    shown = next(row for row in cells if row[:2] == ["15", "20"])[head.index("R² %")]
    score = np.log10(1 - r2)
    low, high = (100 * (1 - 10 ** (score.mean() + sign * 4.302653 * score.std(ddof=1) / 3**0.5)) for sign in (1, -1))
    assert shown == f"{100 * (1 - 10 ** score.mean()):.2f} ({low:.2f} to {high:.2f})", "mean and 95 % interval of three seeds"


def test_constant_columns_are_left_out():
    head, cells, constant = findings.rows(open_runs(original.ARCHIVES / "embedding-x-pooling.h5"))
    assert constant["seeds"] == "1" and "seeds" not in head and not set(constant) & set(head)
    head, cells, constant = findings.rows(open_runs(original.ARCHIVES / "embedding.h5"))
    assert constant["weight_match_chance"] == "0.34 (unknowns 15), 0.35 (unknowns 50)" and "weight_match_chance" not in head
    assert all(len({row[column] for row in cells}) > 1 for column in range(len(head)))


def test_summary_has_every_archive_and_marks_one_seed():
    page = findings.PAGE.read_text()
    lines = page[page.index("<!-- summary:begin -->") : page.index("<!-- summary:end -->")].splitlines()[3:]
    assert {re.search(r"`([\w-]+)`", line)[1] for line in lines} == set(re.findall(r"<!-- finding ([\w-]+):begin -->", page))
    assert all("not tested" in line for line in lines if line.endswith("| 1 |") and "leaves" in line)
    assert any(line.endswith("real | 3 |") for line in lines) and any(line.endswith("not separable | 3 |") for line in lines)
    assert "±" not in page, "an interval is always the 95 % interval of a mean over seeds"


def test_missing_archives_are_named_and_other_pages_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- finding none:begin -->\nold\n<!-- finding none:end -->\n")
    findings.fill(page, tmp_path, None)
    assert "Not in the archives yet: none." in page.read_text() and "old" not in page.read_text()
    page.write_text("no block")
    with pytest.raises(OutputError, match="has no block"):
        findings.fill(page, tmp_path, None)
    refused = subprocess.run([sys.executable, "-m", "weightsweep", "findings", "--archives", "nowhere"], cwd=HOME / "analysis", capture_output=True, text=True)
    assert refused.returncode == 3 and refused.stderr == "weightsweep: nowhere: no such folder\n"


def test_archive_without_a_finished_run_is_named(tmp_path):
    shutil.copy(original.ARCHIVES / "best.h5", tmp_path)
    with h5py.File(tmp_path / "best.h5", "r+") as file:
        file["status"][:] = list(file["status"].attrs["flag_meanings"].split()).index("failed")
    page = tmp_path / "page.md"
    page.write_text("<!-- finding best:begin -->\n<!-- finding best:end -->\n")
    findings.fill(page, tmp_path, tmp_path / "figures")
    assert "No run of best has finished." in page.read_text()


def test_a_setting_that_no_run_has_is_not_varied():
    runs = open_runs(original.ARCHIVES / "forward-linear-vs-x-linear.h5")
    assert np.isnan(runs["equation_ratio"].values).all()
    assert set(axes(runs)) == {"model", "generator_init", "network_hidden"}


def test_weights_figure_skips_runs_that_have_no_match():
    runs = open_runs(original.ARCHIVES / "nonlinearity.h5")
    assert np.isnan(runs["weight_match"].values).any()
    with figures.drawn([runs], "weights") as figure:
        labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels and not any("tanh" in label for label in labels)


def test_dependent_settings_are_shown_and_unused_ones_are_not():
    """The archive's attention has 4 heads and 1 query, or 8 and 8; the other poolings have neither."""
    head, cells, _ = findings.rows(open_runs(original.ARCHIVES / "pooling.h5"))
    told = {(row[head.index("pooling")], row[head.index("heads")], row[head.index("queries")]) for row in cells}
    assert told == {("attention", "4", "1"), ("attention", "8", "8"), *((name, "-", "-") for name in ("mean", "sum", "max", "moments"))}
    with figures.drawn([open_runs(original.ARCHIVES / "pooling.h5")], "pooling") as figure:
        places = [text.get_text() for text in figure.axes[0].get_xticklabels()]
        assert "attention\nheads 8\nqueries 8" in places and "max" in places
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["15 unknowns", "50 unknowns"]
    head, cells, _ = findings.rows(open_runs(original.ARCHIVES / "nonlinearity.h5"))
    assert [row[head.index("generator_outputs")] for row in cells if row[head.index("generator_hidden")] == "3"] == ["4"]


def test_ratios_compare_runs_that_differ_only_in_the_model():
    archives = original.read(original.ARCHIVES)
    head, cells = original.ratios(archives)
    forward = [row for row in cells if row[0] == "x-linear / linear, mlp-forward, 10,000 steps"]
    losses = {(run["model"].item(), run["generator_init"].item(), run["network_hidden"].item()): float(run["loss_ema"]) for run in archives["forward-linear-vs-x-linear"]}
    expected = {f"{losses['x-linear', *rest] / loss:.2f}" for (model, *rest), loss in losses.items() if model == "linear"}
    assert {row[head.index("ours")] for row in forward} == expected and {row[head.index("published")] for row in forward} == {"0.35"}


def test_published_ratios_compare_equal_settings() -> None:
    archives = original.read(original.ARCHIVES)
    case = next(case for case in published.cases() if case.model == "res-linear" and case.task == "mlp-forward")
    settings = [each.setting for each in original.ours(case, archives)]
    assert len(settings) == 6 and all(len(each.runs) == 1 for each in original.ours(case, archives))  # three widths, both inits
    pairs = [pair for pair in original.pairs(archives) if pair.second.case == case]
    assert len(pairs) == 10  # each depth and width of x-linear, both inits
    for pair in pairs:
        widths = [run["network_hidden"].item().split(",")[0] for run in (pair.first.runs[0], pair.second.runs[0])]
        assert widths[0] == widths[1] and pair.first.setting[:2] == pair.second.setting[:2]
    near = original.nearest(case, archives)
    assert len(near) == 2 and {each.setting[1] for each in near} == {"init lecun", "init normal"}


def test_one_pass_stands_beside_fits_under_the_noise_of_its_training():
    head, cells = one_pass.rows(open_runs(original.ARCHIVES / "floor.h5"))
    row = next(row for row in cells if row[:3] == ["50", "67", "1"])
    with h5py.File(original.ARCHIVES / "floor.h5") as file:
        chosen = (file["unknowns"][:] == 50) & (file["equations"][:] == 67) & (file["training_noise"].asstr()[:] == "1")
        for column, name in (("one pass %", "r2_noise_1"), ("20 iterations %", "r2_refine_20_noise_1"), ("fit %", "r2_direct_fit_noise_1"), ("quadratic %", "r2_quadratic_fit_noise_1")):
            mean = 100 * (1 - 10 ** np.log10(1 - file[name][:][chosen]).mean())
            assert row[head.index(column)].strip("*").split(" ")[0] == f"{mean:.2f}"
    assert sum("**" in cell for cell in row) == 1 and len(cells) == 40


def test_times_tell_for_how_many_sets_training_pays(tmp_path):
    runs = open_runs(original.ARCHIVES / "floor.h5")
    runs = runs.isel(run=(runs["unknowns"].values == 15) & (runs["equations"].values == 45))
    runs["curve_seconds"][:] = 30.0
    measured = tmp_path / "times.csv"
    measured.write_text("unknowns,equations,method,milliseconds\n15,45,r2,0.1\n15,45,r2_refine_20,0.5\n15,45,r2_direct_fit,4.1\n")
    assert one_pass.times(runs, measured) == (
        ["unknowns", "equations", "one pass, ms", "20 iterations, ms", "fit, ms", "training, s", "sets"],
        [["15", "45", "0.1", "0.5", "4.1", "30", "7,500"]],
    )


def test_one_pass_needs_one_setting_per_case():
    runs = open_runs(original.ARCHIVES / "floor.h5")
    assert one_pass.called_for(runs)
    runs["pooling"][runs["seed"].values == 2] = "mean"  # another setting is no seed of the first
    assert not one_pass.called_for(runs)
