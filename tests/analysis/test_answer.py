"""Cases, settings, the best one, and the sentences of the answer."""

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))

from make_results import grid, make_results  # noqa: E402

import weightsweep  # noqa: E402
from weightsweep import answer, answer_table, open_runs, open_sweep, table  # noqa: E402
from weightsweep.cases import AnswerError, Case, cases  # noqa: E402
from weightsweep.report import data  # noqa: E402


def planted(path: Path, runs: list[dict[str, Any]], scores: list[float]) -> Path:
    """A results file whose runs have the given log10(1 - R^2)."""
    make_results(path, runs)
    with h5py.File(path, "r+") as file:
        file["r2"][:] = np.where(file["status"][:] == 2, 1 - 10 ** np.array(scores), np.nan)
    return path


@pytest.fixture
def lucky(tmp_path: Path) -> Path:
    """Three learning rates with two seeds. The largest rate has the best run and the worst mean."""
    return planted(tmp_path / "lucky.h5", grid(learning_rate=[4e-3, 8e-3, 16e-3], seed=[1, 2]), [-1.80, -1.80, -1.81, -1.81, -2.0, -1.0])


def one(path: Path, by: str = "r2") -> Case:
    (case,) = cases(open_runs(path), by)
    return case


def test_best_is_the_best_mean_not_the_best_run(lucky: Path) -> None:
    case = one(lucky)
    assert case.best.values == {"learning_rate": 8e-3} and case.best.r2 == pytest.approx(1 - 10**-1.81)
    assert [setting.values["learning_rate"] for setting in case.settings] == [8e-3, 4e-3, 16e-3]
    words = answer.sentence(case)
    assert words.startswith("Best: learning_rate 0.008: R^2 98.45 % (") and words.endswith("2 seeds). Not separable from: learning_rate 0.004; learning_rate 0.016.")


@pytest.mark.parametrize("status", ["diverged", "failed", "running", "pending"])
def test_a_setting_without_all_seeds_cannot_be_best(tmp_path: Path, status: str) -> None:
    runs = grid(learning_rate=[4e-3, 8e-3], seed=[1, 2, 3])
    runs[4]["status"] = status
    case = one(planted(tmp_path / "r.h5", runs, [-1.0, -1.1, -1.2, -3.0, -3.0, -3.0]))
    assert case.best.values == {"learning_rate": 4e-3} and case.best.seeds_text == "3 seeds"
    assert case.incomplete[0].seeds_text == "2 of 3 seeds" and np.isnan(case.interval(case.incomplete[0])).all()
    expected = "1 of 2 settings is not finished." if status in ("running", "pending") else "1 of 2 settings without all seeds cannot be best."
    assert expected in answer.sentence(case)


def test_a_seed_that_was_excluded_is_missing(tmp_path: Path) -> None:
    case = one(planted(tmp_path / "r.h5", grid(pooling=["mean", "max"], seed=[1, 2])[:3], [-1.0, -1.0, -3.0]))
    assert case.best.values == {"pooling": "mean"} and case.incomplete[0].seeds_text == "1 of 2 seeds"


def test_no_complete_setting_is_an_error(tmp_path: Path) -> None:
    runs = grid(learning_rate=[4e-3, 8e-3], seed=[1, 2])
    runs[0]["status"] = runs[3]["status"] = "diverged"
    path = planted(tmp_path / "r.h5", runs, [-1.0] * 4)
    with pytest.raises(AnswerError, match="no setting has all its seeds; expected a finished run with r2 for each of seeds 1, 2"):
        weightsweep.best(path)
    assert answer.sentence(one(path)).startswith("Best: none, since no setting has all its seeds.")


def test_cases_differ_in_what_r2_is_measured_on(tmp_path: Path) -> None:
    """Steps and widths are choices; unknowns and equations make cases."""
    path = planted(tmp_path / "r.h5", grid(unknowns=[15, 50], equation_ratio=[1.33, 2.0], steps=[1000, 2000], encoder=["8", "128,256"]), list(np.linspace(-1, -2, 16)))
    found = cases(open_runs(path))
    assert [case.label for case in found] == [f"unknowns {u}, equations {e}" for u, e in [(15, 20), (15, 30), (50, 67), (50, 100)]]
    assert all(len(case.settings) == 4 and set(case.choices) == {"steps", "encoder"} for case in found)
    assert found[0].best.label == "encoder [128,256], steps 2000"
    assert answer.sentence(found[0]).endswith("(1 seed). With one seed no difference is called real.")
    assert not any(each["real"] or each["p_value"] for each in answer_table.case_document(found[0])["differences"])
    assert [row["cells"][-1] for row in data.content(open_runs(path))["answer"][0]["rows"]] == ["best", "-", "-", "-"]  # the page's table is that of `table`


def test_datasets_of_the_answer(lucky: Path) -> None:
    best = weightsweep.best(open_sweep(lucky))
    assert best["learning_rate"].item() == 8e-3 and best["run_id"].item() == open_runs(lucky)["run_id"].values[2]
    assert best["r2_low"] < best["r2"] < best["r2_high"] and best["sentence"].item().startswith("Best: ")
    rows = weightsweep.by_setting(lucky)
    assert list(rows["learning_rate"].values) == [8e-3, 4e-3, 16e-3] and list(rows["best"].values) == [True, False, False]
    assert not rows["separable"].any() and list(rows["seeds"].values) == [2, 2, 2]


def test_another_column_ranks(lucky: Path) -> None:
    with h5py.File(lucky, "r+") as file:
        column = file.create_dataset("r2_wide", data=1 - file["r2"][:])
        column.dims[0].attach_scale(file["run"])
        column.attrs["role"], column.attrs["units"] = "outcome", "1"
    case = one(lucky, "r2_wide")
    assert case.best.values == {"learning_rate": 16e-3} and "r2_wide 9" not in answer.sentence(case) and ": r2_wide " in answer.sentence(case)
    with pytest.raises(AnswerError, match="no column of R\\^2 'r2_wid'; expected one of r2, r2_wide"):
        one(lucky, "r2_wid")


def test_real_differences_have_a_sentence(tmp_path: Path) -> None:
    case = one(planted(tmp_path / "r.h5", grid(pooling=["mean", "max"], seed=[1, 2, 3]), [-1.0, -1.01, -1.02, -2.0, -2.02, -2.01]))
    words = answer.difference_sentence(case, *case.complete)
    assert words.startswith("pooling max: 99.02 %, pooling mean: 90.23 %; 1 - R^2 is 0.1 times as large (95 % interval 0.0944 to 0.106): real (p < 0.0001).")
    assert answer.sentence(case).endswith("Separable from the other setting.")


def test_decimals_follow_the_unexplained_variance() -> None:
    assert answer.percent(0.98251, 0.9821) == ["98.25", "98.21"] and answer.percent(0.999934) == ["99.9934"]
    assert answer.percent(1.0) == ["100.00"] and answer.percent(-90.758) == ["-9075.80"] and answer.percent(float("nan")) == ["-"]


@pytest.fixture
def two_seeds(tmp_path: Path) -> Path:
    """40 runs: 5 learning rates, 4 poolings, 2 seeds; one run diverged."""
    runs = grid(learning_rate=[1e-3, 2e-3, 4e-3, 8e-3, 16e-3], pooling=["mean", "max", "sum", "moments"], optimizer=["muon"], seed=[1, 2])
    rng = np.random.default_rng(3)
    scores = [-1.5 - 0.3 * (run["pooling"] == "max") + 0.1 * np.log2(run["learning_rate"] / 4e-3) ** 2 + 0.01 * rng.standard_normal() for run in runs]
    runs[3] |= {"status": "diverged", "message": "R^2 is -1e+25"}
    return planted(tmp_path / "two.h5", runs, scores)


def rendered(path: Path, form: str, **view: object) -> str:
    return answer_table.render([open_runs(path)], form, answer_table.View(**view))


def test_table_answers_in_its_first_lines(two_seeds: Path) -> None:
    lines = rendered(two_seeds, "table").splitlines()
    assert lines[0].startswith("Best: learning_rate 0.004, pooling max: R^2 98.") and "Separable from all 18 others. 1 of 20 settings without all seeds cannot be best." in lines[0]
    assert lines[1].startswith("Share of the variance of log10(1 - R^2) between 19 settings, missing combinations predicted by a random forest; 1 incomplete left out: learning_rate 6")
    assert lines[3].split()[:2] == ["learning_rate", "pooling"] and lines[5].split()[-2] == "best" and len(lines) == 3 + 2 + 20 + 2  # the last setting lost a seed
    assert lines[-3].split()[2:] == ["95.98", "-", "1", "of", "2", "cannot", "be", "best", "1,950"]
    assert lines[-1] == "40 runs, of which 1 diverged: --runs lists them."
    assert "of which" not in rendered(two_seeds, "table", runs=True) and len(rendered(two_seeds, "table", runs=True).splitlines()) == 2 + 40 + 1


def test_table_for_papers_and_programs(two_seeds: Path) -> None:
    latex = rendered(two_seeds, "latex").splitlines()
    assert latex[0] == r"\begin{tabular}{rlrrrl}" and latex[2].startswith(r"learning\_rate & pooling & $R^2$ \% & 95 \% interval & seeds")
    assert re.fullmatch(r"0.004 & max & 98\.\d\d & 98\.\d\d--98\.\d\d & 2 & best \\\\", latex[4]) and latex[5].endswith(r"& 2 & separable \\") and latex[-1] == r"\end{tabular}"
    markdown = rendered(two_seeds, "markdown").splitlines()
    assert markdown[0].startswith("Best: ") and sum(line.startswith("| ") for line in markdown) == 2 + 20
    found = list(csv.DictReader(rendered(two_seeds, "csv").splitlines()))
    assert len(found) == 20 and found[0]["best"] == "true" and found[0]["r2_low"] < found[0]["r2"] < found[0]["r2_high"] and found[-1]["r2_low"] == ""
    document = json.loads(rendered(two_seeds, "json"))
    (case,) = document["cases"]
    assert case["best"] == {"learning_rate": 4e-3, "pooling": "max", "run_id": case["settings"][0]["run_ids"][0]} and case["sentence"].startswith("Best: ")
    assert len(case["settings"]) == 20 and len(case["differences"]) == 18 and all(each["real"] and each["ratio"] < 1 for each in case["differences"])
    assert case["differences"][0]["sentence"].endswith("after Holm's correction for 171 tests).")
    runs = json.loads(rendered(two_seeds, "json", runs=True))["runs"]
    assert len(runs) == 40 and runs[3]["r2"] is None and runs[3]["status"] == "diverged"
    assert len(rendered(two_seeds, "csv", runs=True).splitlines()) == 41


def test_ranges_and_negative_numbers_in_latex() -> None:
    texts = ["-0.81 to 74.44", "20.37 to 79.81", "-5.80", "1,950", "-", "x to y", "0.1 x -2"]
    assert [table.latex_text(each) for each in texts] == ["$-0.81$ to $74.44$", "20.37--79.81", "$-5.80$", "1,950", "-", "x to y", r"0.1 $\times$ -2"]


def test_a_column_that_does_not_depend_on_the_settings_has_no_best(tmp_path: Path) -> None:
    path = planted(tmp_path / "r.h5", grid(pooling=["mean", "max"], seed=[1, 2]), [-1.0, -1.2, -1.0, -1.2])
    assert answer.sentence(one(path)).startswith("All settings are equal: r2 does not depend on them. R^2 92.06 % (")
    assert rendered(path, "csv").count("true") == 0 and sum(" equal " in line for line in rendered(path, "table").splitlines()) == 2
    assert json.loads(rendered(path, "json"))["cases"][0]["best"] is None


def test_many_settings_that_are_not_separable_are_counted_first(tmp_path: Path) -> None:
    rates = [1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3, 7e-3, 8e-3]
    noise = np.random.default_rng(1).standard_normal(14).tolist()
    words = answer.sentence(one(planted(tmp_path / "r.h5", grid(learning_rate=rates, seed=[1, 2]), [-1 + 0.01 * each for each in noise] + [0.0, 0.0])))
    assert re.search(r"Not separable from 6 of 7 others: (learning_rate 0\.00\d; ){4}and 2 more\.$", words)
    words = answer_table.in_words(one(planted(tmp_path / "r.h5", grid(learning_rate=rates[:7], seed=[1, 2]), [-1 + 0.01 * each for each in noise])))
    assert len(words) == 1 and words[0].endswith("Not separable from any of the 6 others.")  # one axis: its share is all of the variance


def test_lists_are_lists_in_json() -> None:
    values = {"equation_range": "", "encoder": "128,256", "hidden": "8", "pooling": "max", "message": ""}
    assert answer_table.plain(values) == {"equation_range": [], "encoder": [128, 256], "hidden": [8], "pooling": "max", "message": ""}


def test_an_id_of_digits_is_text_in_json(lucky: Path) -> None:
    with h5py.File(lucky, "r+") as file:
        file["run_id"][0] = "012345678901"
    assert json.loads(rendered(lucky, "json", runs=True))["runs"][0]["run_id"] == "012345678901"


def test_several_files_have_their_names(lucky: Path, two_seeds: Path) -> None:
    both = [open_runs(lucky), open_runs(two_seeds)]
    text = answer_table.render(both)
    assert text.startswith(f"{lucky}\n\nBest: ") and f"\n{two_seeds}\n\nBest: " in text
    assert [case["file"] for case in json.loads(answer_table.render(both, "json"))["cases"]] == [str(lucky), str(two_seeds)]
    assert answer_table.render(both, "csv").startswith("file,learning_rate,")


def add_outcomes(path: Path, outcomes: dict[str, float]) -> None:
    """Adds columns that have one value for all runs."""
    with h5py.File(path, "r+") as file:
        for name, value in outcomes.items():
            column = file.create_dataset(name, data=np.full(len(file["run_id"]), value))
            column.dims[0].attach_scale(file["run"])
            column.attrs["role"], column.attrs["units"] = "outcome", "1"


def test_floors_stand_below_the_answer(lucky: Path) -> None:
    add_outcomes(lucky, {"r2_affine_fit": 0.9, "r2_quadratic_fit": 0.99})
    assert rendered(lucky, "table").splitlines()[1] == "On the same pairs: affine fit 90.00 %, quadratic fit 99.00 %. The best setting is below the quadratic fit."
    assert json.loads(rendered(lucky, "json"))["cases"][0]["floors"] == pytest.approx({"r2_affine_fit": 0.9, "r2_quadratic_fit": 0.99})


@pytest.mark.parametrize("sets, named", [(256, "fit of the network on the first 256 sets 99.90 %"), (16384, "fit of the network 99.90 %")])
def test_the_fit_of_the_network_names_its_sets(tmp_path: Path, sets: int, named: str) -> None:
    path = planted(tmp_path / "r.h5", grid(evaluation_direct_fit=[sets], seed=[1, 2]), [-1.0, -1.2])
    add_outcomes(path, {"r2_affine_fit": 0.9, "r2_direct_fit": 0.999})
    assert f"On the same pairs: affine fit 90.00 %, {named}." in rendered(path, "table")


def test_noise_is_a_number_or_a_range(tmp_path: Path) -> None:
    path = planted(tmp_path / "r.h5", grid(encoder=["0", "0.5", "0,0.3"]), [-1.0, -1.1, -1.2])
    with h5py.File(path, "r+") as file:
        file.move("encoder", "training_noise")
    assert [case.label for case in cases(open_runs(path))] == ["training_noise 0", "training_noise 0.5", "training_noise [0,0.3]"]
    assert [line.split()[2] for line in rendered(path, "table").splitlines()[-3:]] == ["0", "0.5", "[0,0.3]"]
    assert [line.split()[3] for line in rendered(path, "table", runs=True).splitlines()[2:5]] == ["0", "0.5", "[0,0.3]"]
