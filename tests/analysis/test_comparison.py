"""Differences between two results files."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(HOME / "analysis"))

from make_results import grid  # noqa: E402
from test_answer import planted  # noqa: E402

import weightsweep  # noqa: E402
from weightsweep import effects, open_runs  # noqa: E402
from weightsweep.cases import AnswerError, cases  # noqa: E402
from weightsweep.comparison import differences  # noqa: E402

AXES = {"embed_dim": [32, 64, 128], "pooling": ["mean", "max"], "seed": [1, 2, 3]}
NOISE = np.random.default_rng(11).standard_normal((2, 18))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """The same grid with adam and with muon. Muon halves 1 - R^2 with max pooling and changes nothing with mean pooling."""
    adam, muon = grid(**AXES), grid(**AXES, optimizer=["muon"])
    a = planted(tmp_path / "a.h5", adam, [-1 + 0.01 * noise for noise in NOISE[0]])
    b = planted(tmp_path / "b.h5", muon, [-1 - 0.3 * (run["pooling"] == "max") + 0.01 * noise for run, noise in zip(muon, NOISE[1], strict=True)])
    return a, b


def test_shared_settings_are_compared(pair: tuple[Path, Path]) -> None:
    found = differences(*map(open_runs, pair))
    assert found.apart == {"optimizer": ("adam", "muon")} and len(found.differences) == 6
    for each in found.differences:
        assert each.real == (each.values["pooling"] == "max") and each.seeds == each.seeds_of_case == 3 and each.tests == 6
        assert each.ratio[1] < each.ratio[0] < each.ratio[2] and each.ratio[0] == pytest.approx(0.5012 if each.real else 1, rel=0.1)
    assert found.sentence == "6 shared settings (optimizer adam in A, muon in B): B is better in 3, worse in 0, not separable in 3."
    (one,) = [each.sentence for each in found.differences if each.values == {"embed_dim": 32, "pooling": "max"}]
    assert one.startswith("embed_dim 32, pooling max: 90.10 % in A, 95.06 % in B (seeds 1, 2, 3); ") and "times as large in B (95 % interval 0." in one
    of_a = [setting.values for setting in cases(open_runs(pair[0]))[0].settings]
    assert [each.values for each in found.differences] == of_a  # the order of `table A.h5`


def test_compare_is_a_dataset_and_a_command(pair: tuple[Path, Path]) -> None:
    dataset = weightsweep.compare(*pair)
    better = [bool(pooling == "max") for pooling in dataset["pooling"].values]
    assert list(dataset["real"].values) == better and sum(better) == 3 and dataset.attrs["sentence"].startswith("6 shared settings")
    swapped = weightsweep.compare(*reversed(pair))
    assert sorted(1 / swapped["ratio"].values) == pytest.approx(sorted(dataset["ratio"].values))
    command = [sys.executable, "-m", "weightsweep", "compare", *pair]
    environment = {"PYTHONPATH": str(HOME / "analysis"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, env=environment, check=True)
    document = json.loads(done.stdout)
    assert [each["real"] for each in document["differences"]] == better and document["apart"] == {"optimizer": ["adam", "muon"]}
    printed = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.splitlines()
    assert printed[2] == document["sentence"] and printed[4:7] == [each["sentence"] for each in document["differences"] if each["real"]] and "Holm" not in "".join(printed[:-1])
    assert [line.split()[-1] for line in printed[10:-1]] == ["better" if each else "separable" for each in better] and printed[-1] == document["note"] and "after Holm's correction for 6 tests" in printed[-1]


def test_only_shared_seeds_count(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    runs = grid(embed_dim=[32, 64], pooling=["max"], seed=[2, 3, 4])
    runs[1]["status"] = "diverged"
    c = planted(tmp_path / "c.h5", runs, [-2.0] * 6)
    whole = differences(open_runs(pair[0]), open_runs(c))
    found = whole.differences
    assert whole.sentence.endswith("B is better in 1, worse in 0, not separable in 0, not tested in 1 (a seed is missing).")
    found = {each.values["embed_dim"]: each for each in found}
    assert {width: (each.seeds, each.seeds_of_case) for width, each in found.items()} == {32: (1, 2), 64: (2, 2)}
    assert np.isnan(found[32].p_value) and found[32].sentence.endswith("(seed 2 of the 2 shared); not tested, because a seed is missing.") and found[64].real


def test_one_shared_seed_calls_nothing_real(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    c = planted(tmp_path / "c.h5", grid(embed_dim=[32], pooling=["max"], seed=[3]), [-3.0])
    (each,) = differences(open_runs(pair[0]), open_runs(c)).differences
    assert not each.real and each.sentence.endswith("With one seed no difference is called real.")


def test_a_file_equals_itself(pair: tuple[Path, Path]) -> None:
    found = differences(open_runs(pair[0]), open_runs(pair[0]))
    assert not any(each.real for each in found.differences) and all(each.sentence.endswith("; the same.") for each in found.differences)


def test_files_that_share_nothing_are_refused(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    other = planted(tmp_path / "other.h5", grid(unknowns=[50], optimizer=["muon"], seed=[1, 2]), [-1.0, -1.0])
    with pytest.raises(AnswerError, match="share no setting with finished runs of the same seed; they differ in .*unknowns \\(15 in A; 50 in B\\)"):
        weightsweep.compare(pair[0], other)


def test_columns_of_newer_versions_are_no_difference(pair: tuple[Path, Path]) -> None:
    with h5py.File(pair[1], "r+") as file:
        column = file.create_dataset("training_noise", data=np.zeros(18))
        column.dims[0].attach_scale(file["run"])
        column.attrs["role"], column.attrs["units"] = "setting", "1"
    assert len(differences(*map(open_runs, pair)).differences) == 6


def test_settings_that_follow_from_others_are_no_columns(tmp_path: Path) -> None:
    """The generator's shape follows from the unknowns, unless the sweep file has it as an axis: then the unknowns follow from the shape."""
    shapes = [{"unknowns": 15, "generator_hidden": "5"}, {"unknowns": 24, "generator_hidden": "4,3"}]
    runs = [run | shape for shape in shapes for run in grid(pooling=["mean", "max"], seed=[1, 2])]
    path = planted(tmp_path / "a.h5", runs, list(np.linspace(-1, -2, 8)))
    assert list(differences(open_runs(path), open_runs(path)).differences[0].values) == ["unknowns", "pooling"]
    with h5py.File(path, "r+") as file:
        file.attrs.modify("resolved", "name: a\naxes:\n  generator.hidden: [[5], [4, 3]]\n  pooling: [mean, max]\n  seed: [1, 2]\n")
    runs = open_runs(path)
    assert list(differences(runs, runs).differences[0].values) == ["generator_hidden", "pooling"]
    assert [case.label for case in cases(runs)] == ["generator_hidden [5]", "generator_hidden [4,3]"] and set(effects.axes(runs)) == {"pooling", "generator_hidden"}
