"""`predict` against a straightforward numpy implementation of the model and the generator."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Sweep
from harness import HOME, Result, columns, csv_rows, models, run, weightsweep, write_sweep

EXAMPLE = HOME / "analysis" / "examples"
LEARNED: dict[str, Any] = {  # enough to have learned something, in seconds
    "training": {"steps": 1500, "batch": 64, "optimizer": "muon", "learning_rate": 0.01, "schedule": "cosine", "warmup_steps": 50, "eval_points": 8},
    "network": {"encoder": [32, 48], "decoder": [48]},
    "evaluation": {"every": 1500, "generators": 4096},
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = tmp_path_factory.mktemp("good")
    sweep = Sweep(write_sweep(folder / "good.yaml", unknowns=15, embed_dim=16, **LEARNED), folder / "good.h5")
    assert run(2, sweep.yaml, sweep.results, "--quiet").code == 0
    return sweep


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def infer(model: dict[str, np.ndarray], pairs: np.ndarray) -> np.ndarray:
    """Deep sets with the mean."""

    def stack(prefix: str, x: np.ndarray) -> np.ndarray:
        layers = sorted({int(name.split(".")[-2]) for name in model if name.startswith(prefix)})
        for layer in layers:
            x = x @ model[f"{prefix}.{layer}.weight"].T.astype(float) + model[f"{prefix}.{layer}.bias"]
            x = x if layer == layers[-1] else relu(x)
        return x

    return stack("decoder", stack("encoder.net", pairs).mean(axis=0))


def split(weights: np.ndarray, widths: list[int]) -> list[np.ndarray]:
    """Layer by layer, each [fan in, fan out]."""
    found = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        found.append(weights[: fan_in * fan_out].reshape(fan_in, fan_out))
        weights = weights[fan_in * fan_out :]
    assert not weights.size
    return found


def generate(layers: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    for layer in layers[:-1]:
        x = relu(x @ layer)
    return x @ layers[-1]


def write_pairs(path: Path, x: np.ndarray, y: np.ndarray) -> Path:
    names = [f"x{i + 1}" for i in range(x.shape[1])] + (["y"] if y.shape[1] == 1 else [f"y{i + 1}" for i in range(y.shape[1])])
    np.savetxt(path, np.hstack([x, y]), delimiter=",", header=",".join(names), comments="", fmt="%.9g")
    return path


def predict(results: Path, pairs: Path, *more: str) -> Result:
    return weightsweep("predict", results, "--run", columns(results)["run_id"][0], "--pairs", pairs, *more)


def some_pairs(folder: Path, widths: list[int], count: int = 30) -> tuple[Path, np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    layers = [random.normal(size=(a, b)) / np.sqrt(a) for a, b in zip(widths, widths[1:])]
    x = random.normal(size=(count, widths[0]))
    y = generate(layers, x)
    return write_pairs(folder / "pairs.csv", x, y), x, y


def check(results: Path, folder: Path, widths: list[int], count: int = 30) -> dict[str, Any]:
    """The JSON, once it agrees with numpy."""
    path, x, y = some_pairs(folder, widths, count)
    result = predict(results, path, "--format", "json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    (model,) = models(results).values()
    wanted = split(infer(model, np.hstack([x, y])), widths)
    assert found["pairs"] == count and found["run_id"] == columns(results)["run_id"][0]
    for layer, values in zip(found["weights"], wanted, strict=True):
        np.testing.assert_allclose(layer, values, rtol=1e-4, atol=1e-4)
    outputs = generate([np.array(layer) for layer in found["weights"]], x)
    np.testing.assert_allclose(found["predicted"], outputs.ravel(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["residual"], (y - outputs).ravel(), rtol=1e-3, atol=1e-5)
    variance = ((y - y.mean(axis=0)) ** 2).sum()
    assert found["r2"] == (pytest.approx(1 - ((y - outputs) ** 2).sum() / variance, abs=1e-5) if variance else None)
    assert found["rms_residual"] == pytest.approx(np.sqrt(np.mean((y - outputs) ** 2)), rel=1e-4)
    return found


# ---- what it finds ----


@pytest.mark.parametrize("count", [1, 2, 30, 500])
def test_any_number_of_pairs(good: Sweep, tmp_path: Path, count: int) -> None:
    assert (check(good.results, tmp_path, [2, 5, 1], count)["r2"] is None) == (count == 1)


@pytest.mark.parametrize(
    "settings, widths",
    [
        ({"task": "linear-inverse", "unknowns": 3}, [3, 1]),
        ({"unknowns": None, "generator": {"inputs": 2, "hidden": [3, 4]}}, [2, 3, 4, 1]),
        ({"unknowns": None, "generator": {"inputs": 2, "hidden": [3], "outputs": 2}}, [2, 3, 2]),
    ],
    ids=["linear", "deep", "two outputs"],
)
def test_every_generator(tmp_path: Path, settings: dict[str, Any], widths: list[int]) -> None:
    sweep, results = write_sweep(tmp_path / "other.yaml", **settings), tmp_path / "other.h5"
    assert run(1, sweep, results, "--quiet").code == 0
    check(results, tmp_path, widths)


def test_prediction_has_the_r2_of_the_run(good: Sweep, tmp_path: Path) -> None:
    """Known generators, one file each: together their R^2 is that of the run, within its error."""
    random, x, y, outputs = np.random.default_rng(7), [], [], []
    for _ in range(48):
        layers = [random.normal(size=(2, 5)) / np.sqrt(2), random.normal(size=(5, 1)) / np.sqrt(5)]
        x, fresh = random.normal(size=(30, 2)), random.normal(size=(64, 2))
        path = write_pairs(tmp_path / "pairs.csv", x, generate(layers, x))
        weights = json.loads(predict(good.results, path, "--format", "json").out)["weights"]
        y.append(generate(layers, fresh))
        outputs.append(generate([np.array(layer) for layer in weights], fresh))
    errors = np.array([np.mean((a - b) ** 2) for a, b in zip(y, outputs)])
    variance = np.var(np.concatenate(y))
    stderr = errors.std() / variance / np.sqrt(len(errors))
    assert 1 - errors.mean() / variance == pytest.approx(columns(good.results)["r2"][0], abs=4 * stderr)


# ---- how it is printed ----


def test_table(good: Sweep, tmp_path: Path) -> None:
    path, x, _ = some_pairs(tmp_path, [2, 5, 1])
    found, result = json.loads(predict(good.results, path, "--format", "json").out), predict(good.results, path)
    assert result.code == 0 and not result.err and "15 weights" in result.out and "30 pairs" in result.out
    lines = result.out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("layer 1, weights [2, 5]"))
    np.testing.assert_allclose([float(cell) for cell in lines[first + 1].split()], found["weights"][0][0], atol=6e-5)
    assert any(line.startswith("layer 2, weights [5, 1]") for line in lines)
    assert f"{found['r2']:.4f}" in result.out and "residual_y" in result.out
    assert sum(line.split()[0] == str(number) for number, line in zip(range(2, 32), lines[-30:])) == 30


def test_a_long_table_is_cut(good: Sweep, tmp_path: Path) -> None:
    path, _, _ = some_pairs(tmp_path, [2, 5, 1], 100)
    assert "and 60 more pairs; --format csv or json lists all" in predict(good.results, path).out


def test_csv(good: Sweep, tmp_path: Path) -> None:
    path, _, _ = some_pairs(tmp_path, [2, 5, 1], 100)
    found, rows = json.loads(predict(good.results, path, "--format", "json").out), csv_rows(predict(good.results, path, "--format", "csv").out)
    assert list(rows[0]) == ["what", "layer", "row", "column", "value"]
    weights = {(int(row["layer"]), int(row["row"]), int(row["column"])): float(row["value"]) for row in rows if row["what"] == "weight"}
    assert weights == {(a + 1, b + 1, c + 1): value for a, layer in enumerate(found["weights"]) for b, line in enumerate(layer) for c, value in enumerate(line)}
    for what in ("predicted", "residual"):
        assert [float(row["value"]) for row in rows if row["what"] == what] == found[what]
    assert [float(row["value"]) for row in rows if row["what"] == "r2"] == [found["r2"]]


def test_the_example(good: Sweep) -> None:
    import sys

    sys.path.insert(0, str(EXAMPLE))
    import make_pairs

    example = EXAMPLE / "pairs.csv"
    assert example.read_text().splitlines() == make_pairs.rows()
    found = json.loads(predict(good.results, example, "--format", "json").out)
    assert found["pairs"] == make_pairs.PAIRS and found["r2"] > 0.5


# ---- refinement ----


def noisy_pairs(count: int, noise: float = 0.1, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 2))
    y = generate([random.normal(size=(2, 5)) / np.sqrt(2), random.normal(size=(5, 1)) / np.sqrt(5)], x)
    return x, y + noise * y.std() * random.normal(size=y.shape)


def normalised(weights: np.ndarray) -> np.ndarray:
    first, second = split(weights, [2, 5, 1])
    norms = np.linalg.norm(first, axis=0)
    return np.concatenate([(first / norms).ravel(), (second * norms[:, None]).ravel()])


def derivatives(function: Any, at: np.ndarray) -> np.ndarray:
    steps = 1e-6 * np.eye(len(at))
    return np.array([(function(at + step) - function(at - step)) / 2e-6 for step in steps]).T


def balanced(weights: np.ndarray) -> np.ndarray:
    """The same function with the scale of each unit that the prior, N(0, 1/2) and N(0, 1/5), makes most likely."""
    first, second = split(weights, [2, 5, 1])
    scale = (5 * second[:, 0] ** 2 / (2 * (first**2).sum(axis=0))) ** 0.25
    return np.concatenate([(first * scale).ravel(), second[:, 0] / scale])


def test_refined_weights_and_their_errors(good: Sweep, tmp_path: Path) -> None:
    x, y = noisy_pairs(60)
    path = write_pairs(tmp_path / "pairs.csv", x, y)
    plain = json.loads(predict(good.results, path, "--format", "json").out)
    result = predict(good.results, path, "--refine", "200", "--noise", "0.1", "--format", "json")
    found = json.loads(result.out)
    assert (found["refine"], found["noise"], found["before"]["weights"], found["before"]["r2"]) == (200, 0.1, plain["weights"], plain["r2"])
    assert found["r2"] > 0.98 > plain["r2"]
    assert found["sigma"] == pytest.approx(0.1 / np.sqrt(1.01) * y.std(), rel=1e-5)
    weights = np.concatenate([np.array(layer).ravel() for layer in found["weights"]])
    np.testing.assert_allclose(weights, normalised(weights), atol=1e-6)
    at = balanced(weights)
    slope = derivatives(lambda w: generate(split(w, [2, 5, 1]), x)[:, 0], at)
    precision = np.array([2] * 10 + [5] * 5)
    spread = derivatives(normalised, at)
    errors = np.sqrt(np.diag(spread @ np.linalg.inv(slope.T @ slope / found["sigma"] ** 2 + np.diag(precision)) @ spread.T))
    given = np.concatenate([np.array(layer).ravel() for layer in found["standard_errors"]])
    np.testing.assert_allclose(given, errors, rtol=0.25)  # the scales of units converge slowly
    eigenvalues = np.linalg.eigvalsh(slope.T @ slope / found["sigma"] ** 2 / np.sqrt(np.outer(precision, precision)))
    assert found["prior_directions"] == (eigenvalues < 1).sum() - 5
    assert not found["poor_fit"] and found["residual_ratio"] == pytest.approx(1, rel=0.4)
    estimated = json.loads(predict(good.results, path, "--refine", "200", "--format", "json").out)
    assert estimated["noise"] is None and estimated["sigma"] == pytest.approx(0.1 * y.std(), rel=0.3)


def test_refinement_is_printed(good: Sweep, tmp_path: Path) -> None:
    path = write_pairs(tmp_path / "pairs.csv", *noisy_pairs(60))
    found = json.loads(predict(good.results, path, "--refine", "5", "--format", "json").out)
    lines = predict(good.results, path, "--refine", "5").out.splitlines()
    text = "\n".join(lines)
    assert "refined by 5 iterations" in text and "estimated from the residuals" in text and lines.count("standard errors") == 2
    assert f"R^2 of these weights on the pairs: {found['r2']:.4f}" in text
    assert f"R^2 of the prediction before refinement on the pairs: {found['before']['r2']:.4f}" in text
    assert lines[-1].startswith(f"{found['prior_directions']} of 15 directions of the weights")
    rows = csv_rows(predict(good.results, path, "--refine", "5", "--format", "csv").out)
    errors = [float(row["value"]) for row in rows if row["what"] == "standard_error"]
    assert errors == [value for layer in found["standard_errors"] for line in layer for value in line]
    assert [float(row["value"]) for row in rows if row["what"] == "r2_before"] == [found["before"]["r2"]]


def predict_example(pairs: Path, *more: str) -> Result:
    return weightsweep("predict", EXAMPLE / "quick.h5", "--run", "a18", "--pairs", pairs, "--refine", *more)


def example_pairs(path: Path, scale: float) -> Path:
    values = np.loadtxt(EXAMPLE / "pairs.csv", delimiter=",", skiprows=1)
    return write_pairs(path, values[:, :2], scale * values[:, 2:])


def test_residuals_larger_than_the_noise_are_reported(tmp_path: Path) -> None:
    """The fit of the example ends in a local minimum, 10 times as far from the pairs as noise of 0.001 explains."""
    result = predict_example(EXAMPLE / "pairs.csv", "20", "--noise", "0")
    assert result.code == 0 and "warning: the residuals are 1" in result.out and "standard errors do not hold" in result.out
    assert "other weights fit the pairs as well" not in result.out
    found = json.loads(predict_example(EXAMPLE / "pairs.csv", "20", "--noise", "0", "--format", "json").out)
    assert found["poor_fit"] and found["residual_ratio"] > 10 and found["rms_residual"] > 10 * found["sigma"]
    rows = {row["what"]: row["value"] for row in csv_rows(predict_example(EXAMPLE / "pairs.csv", "20", "--noise", "0", "--format", "csv").out)}
    assert rows["poor_fit"] == "1" and float(rows["residual_ratio"]) == found["residual_ratio"]
    enough = predict_example(EXAMPLE / "pairs.csv", "20", "--noise", "0.02")
    assert "warning" not in enough.out and "other weights fit the pairs as well" in enough.out
    lines = (EXAMPLE / "pairs.csv").read_text().splitlines()
    sets = tmp_path / "sets.csv"
    sets.write_text("\n".join(["set," + lines[0], *(f"s,{line}" for line in lines[1:])]) + "\n")
    assert "warning: the residuals of 1 set are" in predict_example(sets, "20", "--noise", "0").out
    assert "warning" not in predict_example(sets, "20", "--noise", "0.02").out


@pytest.mark.parametrize("scale, iterations", [(1, "20"), (2, "500"), (1000, "50"), (0.01, "50")])
def test_estimated_noise_is_that_of_the_printed_weights(tmp_path: Path, scale: float, iterations: str) -> None:
    found = json.loads(predict_example(example_pairs(tmp_path / "pairs.csv", scale), iterations, "--format", "json").out)
    assert found["noise"] is None and 1 <= found["sigma"] / found["rms_residual"] < np.sqrt(20) and not found["poor_fit"]
    assert found["residual_ratio"] == pytest.approx(1, rel=0.2)


def test_random_starts(tmp_path: Path) -> None:
    """The example's fit from the prediction ends in a local minimum; one of 50 random starts finds the network."""
    more = ["60", "--noise", "0", "--starts", "50"]
    found = json.loads(predict_example(EXAMPLE / "pairs.csv", *more, "--format", "json").out)
    assert found["starts"] == 50 and found["from_random_start"] and not found["poor_fit"] and found["rms_residual"] < 3e-4
    assert predict_example(EXAMPLE / "pairs.csv", *more, "--format", "json").out == json.dumps(found) + "\n" or found == json.loads(predict_example(EXAMPLE / "pairs.csv", *more, "--format", "json").out)
    assert "the smallest objective is from a random start" in predict_example(EXAMPLE / "pairs.csv", *more).out
    rows = {row["what"]: row["value"] for row in csv_rows(predict_example(EXAMPLE / "pairs.csv", *more, "--format", "csv").out)}
    assert rows["from_random_start"] == "1"


def test_the_prediction_is_kept_if_random_starts_are_worse(good: Sweep, tmp_path: Path) -> None:
    path, x, y = some_pairs(tmp_path, [2, 5, 1])
    names, *lines = path.read_text().splitlines()
    sets = tmp_path / "sets.csv"
    sets.write_text("\n".join(["set," + names, *(f"a,{line}" for line in lines), *(f"b,{line}" for line in lines)]) + "\n")
    found = json.loads(predict(good.results, sets, "--refine", "1", "--noise", "0.1", "--starts", "1", "--format", "json").out)
    plain = json.loads(predict(good.results, sets, "--refine", "1", "--noise", "0.1", "--format", "json").out)
    for each, alone in zip(found["sets"], plain["sets"], strict=True):
        assert each.pop("from_random_start") is False and each == alone
    text = predict(good.results, sets, "--refine", "1", "--noise", "0.1", "--starts", "1").out
    assert text.count(" prediction") >= 2 and "start" in text


def test_fewer_pairs_than_unknowns(good: Sweep, tmp_path: Path) -> None:
    x = np.array([[1, 0], [0, 1], [-1, 0.0], [0, -1]])  # y is linear along each ray from 0
    path = write_pairs(tmp_path / "pairs.csv", x, np.array([[1], [-0.5], [0.3], [0.2]]))
    result = predict(good.results, path, "--refine", "20")
    assert result.code == 0 and "not determined; give --noise, since 4 values of y cannot determine both the noise and 15 weights" in result.out and "standard errors\n" not in result.out
    last = result.out.splitlines()[-1]
    assert "determined more by the prior than by the pairs" in last and "4 values of y cannot determine 15 weights" in last
    assert json.loads(predict(good.results, path, "--refine", "20", "--format", "json").out)["standard_errors"] is None
    known = json.loads(predict(good.results, path, "--refine", "20", "--noise", "0.01", "--format", "json").out)
    assert known["r2"] > 0.999 and known["standard_errors"] and 6 <= known["prior_directions"] <= 10


def test_several_sets(good: Sweep, tmp_path: Path) -> None:
    """Rows of two sets alternate; each set has the result of a file of its own."""
    sets = {"first": noisy_pairs(30, seed=1), "second": noisy_pairs(20, seed=2)}
    lines = [f"{name},{x[i][0]:.9g},{x[i][1]:.9g},{y[i][0]:.9g}" for i in range(30) for name, (x, y) in sets.items() if i < len(x)]
    path = tmp_path / "sets.csv"
    path.write_text("set,x1,x2,y\n" + "\n".join(lines) + "\n")
    for more in ([], ["--refine", "3", "--noise", "0.1"]):
        found = json.loads(predict(good.results, path, *more, "--format", "json").out)
        assert [each.pop("set") for each in found["sets"]] == ["first", "second"] and found["sets_per_second"] > 0
        for each, (x, y) in zip(found["sets"], sets.values()):
            alone = json.loads(predict(good.results, write_pairs(tmp_path / "alone.csv", x, y), *more, "--format", "json").out)
            assert each == {key: value for key, value in alone.items() if key not in ("run_id", "refine", "noise")}
        rows = csv_rows(predict(good.results, path, *more, "--format", "csv").out)
        r2 = {row["set"]: float(row["value"]) for row in rows if row["what"] == "r2"}
        assert r2 == {"first": found["sets"][0]["r2"], "second": found["sets"][1]["r2"]}
    text = predict(good.results, path).out
    assert "sets per second" in text.splitlines()[-1] and any(line.split()[:2] == ["second", "20"] for line in text.splitlines())


# ---- remarks ----


def test_remarks(good: Sweep, tmp_path: Path) -> None:
    path, x, y = some_pairs(tmp_path, [2, 5, 1])
    assert predict(good.results, path).err == ""
    few = write_pairs(tmp_path / "few.csv", x[:10], y[:10])
    assert predict(good.results, few).says("note: 10 pairs", "trained on, 30")
    wide = write_pairs(tmp_path / "wide.csv", x * [1, 9], y)
    result = predict(good.results, wide)
    assert result.says("note: x2 ", "root mean square") and "x1" not in result.err and result.code == 0
    assert predict(good.results, write_pairs(tmp_path / "high.csv", x, 50 * y)).says("note: y ")
    assert predict(good.results, write_pairs(tmp_path / "low.csv", x, 0.01 * y)).says("note: y ")
    names, *lines = path.read_text().splitlines()
    few.write_text("\n".join(["set," + names, *(f"a,{line}" for line in lines), *(f"b,{line}" for line in lines[:10])]) + "\n")
    assert predict(good.results, few).says("note: 1 of 2 sets, beginning with set b: 10 pairs", "trained on, 30")


def test_curvature_beyond_double_precision_is_named(tmp_path: Path) -> None:
    text = predict_example(example_pairs(tmp_path / "low.csv", 1e-5), "50").out
    assert "noise and standard errors: not determined\n" in text and "the noise on y is too small, for double precision" in text


# ---- what is in the user's file ----


@pytest.mark.parametrize(
    "text",
    [
        "x1,x2,y\n1,2,3\n4,5,6\n",
        "\ufeffx1,x2,y\r\n1,2,3\r\n4,5,6\r\n",
        ' "y", "X2" ,x1\n\n3 , 2,1e0\n 6.0,"5",4\n\n',
        "x1,x2,y1\n1,2,3\n4,5,6",
        ",x1,x2,y\n0,1,2,3\n1,4,5,6\n",
        "Unnamed: 0,x1,x2,y\na,1,2,3\nb,4,5,6\n",
        '"","x1","x2","y"\n"1",1,2,3\n"2",4,5,6\n',
    ],
    ids=["plain", "spreadsheet", "other order, blanks and quotes", "y1 and no end", "pandas' index", "its index read again", "R's row names"],
)
def test_equivalent_csv_files(good: Sweep, tmp_path: Path, text: str) -> None:
    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    plain.write_text("x1,x2,y\n1,2,3\n4,5,6\n")
    other.write_bytes(text.encode())
    found = predict(good.results, other, "--format", "json")
    assert found.code == 0 and found.out == predict(good.results, plain, "--format", "json").out, found.err


@pytest.mark.parametrize(
    "text, words",
    [
        ("", ["pairs.csv:0", "empty", "x1,x2,y"]),
        ("x1,x2,y\n", ["pairs.csv:", "no pairs"]),
        ("x1,y\n1,2\n", ["pairs.csv:1:", "`x2`", "x1,x2,y"]),
        ("x1,x2,x3,y\n1,2,3,4\n", ["pairs.csv:1:", "unknown column `x3`", "x1,x2,y"]),
        ("x1,x2,x2,y\n1,2,3,4\n", ["pairs.csv:1:", "second column `x2`"]),
        ("1,2,3\n4,5,6\n", ["pairs.csv:1:", "unknown column `1`", "first line"]),
        ("x1;x2;y\n1;2;3\n", ["pairs.csv:1:", "comma"]),
        ("x1,x2,y\n1,2,3\n1,two,3\n", ["pairs.csv:3:", "column x2", "`two`", "expected a number"]),
        ("x1,x2,y\n1,2,3\n\n1,2,\n", ["pairs.csv:4:", "column y", "``", "expected a number"]),
        ("x1,x2,y\n0x1A,2,3\n", ["pairs.csv:2:", "column x1", "`0x1A`", "expected a number"]),
        ("x1,x2,y\n1,2,3\0,4\n", ["pairs.csv:2:", "NUL"]),
        ("x1,x2\0,y\n1,2,3\n", ["pairs.csv:1:", "NUL"]),
        ("x1,,x2,y\n1,2,3,4\n", ["pairs.csv:1:", "unknown column ``"]),
        (",x1,x2,y\n0,1,2\n", ["pairs.csv:2:", "2 numbers", "expected 3"]),
        ("x1,x2,y\n1,2,nan\n", ["pairs.csv:2:", "column y", "`nan`"]),
        ("x1,x2,y\n1,1e99,3\n", ["pairs.csv:2:", "column x2", "`1e99`"]),
        ("x1,x2,y\n1,2\n", ["pairs.csv:2:", "2 numbers", "expected 3"]),
        ("x1,x2,y\n1,2,3,4\n", ["pairs.csv:2:", "4 numbers", "expected 3"]),
        ('x1,x2,y\n"1,5",2,3\n', ["pairs.csv:2:", "comma", "inside quotes"]),
        ("set,x1,x2,y\na,1,2,3\n,1,2,3\n", ["pairs.csv:3:", "column set", "expected the name"]),
    ],
    ids=lambda value: repr(value) if isinstance(value, str) else "",
)
def test_errors_in_the_pairs_file(good: Sweep, tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    result = predict(good.results, path)
    assert result.code == 2 and result.says(*words) and not result.out, result.err


@pytest.mark.parametrize("y", ["1", "0.1", "-3.3e-5", "0"])
@pytest.mark.parametrize("count", [1, 3, 6, 7])
def test_r2_of_constant_y_is_not_defined(good: Sweep, tmp_path: Path, y: str, count: int) -> None:
    path = tmp_path / "constant.csv"
    path.write_text("x1,x2,y\n" + "".join(f"{0.1 * (k + 1):.1f},0.5,{y}\n" for k in range(count)))
    result = predict(good.results, path)
    assert result.code == 0 and "R^2 of these weights on the pairs: not defined" in result.out
    assert ("one pair" if count == 1 else "the same") in result.out
    assert json.loads(predict(good.results, path, "--format", "json").out)["r2"] is None


@pytest.mark.parametrize("x", ["1e15", "1e25", "-3e38"])
def test_outputs_that_are_not_finite_are_refused(good: Sweep, tmp_path: Path, x: str) -> None:
    path = tmp_path / "huge.csv"
    path.write_text(f"x1,x2,y\n0.1,0.2,0.3\n{x},0.5,1\n0.3,0.1,0.2\n")
    for more in ([], ["--refine", "2"], ["--format", "json"]):
        result = predict(good.results, path, *more)
        assert result.code == 2 and result.says("huge.csv:3:", "column x1", f"{float(x):.4g} is too large", "not finite") and not result.out, result.err


@pytest.mark.parametrize("count, y", [(16, 1), (20, 1), (21, 3)])
def test_noise_of_constant_y_counts_in_units_of_1(good: Sweep, tmp_path: Path, count: int, y: float) -> None:
    x, _ = noisy_pairs(count)
    path = write_pairs(tmp_path / "constant.csv", x, np.full((count, 1), float(y)))
    found = json.loads(predict(good.results, path, "--refine", "20", "--noise", "0.1", "--format", "json").out)
    assert found["sigma"] == pytest.approx(0.1 / np.sqrt(1.01)) and found["standard_errors"]


def test_errors_of_units_near_zero_are_not_determined(good: Sweep, tmp_path: Path) -> None:
    """y = 0 leaves no unit."""
    x, y = noisy_pairs(30)
    more = [write_pairs(tmp_path / "zero.csv", x, 0 * y), "--refine", "100", "--noise", "0.1"]
    lines = predict(good.results, *more).out.splitlines()
    first = lines.index("standard errors (-: not determined)")
    assert [line.split() for line in lines[first + 1 : first + 3]] == 2 * [5 * ["-"]]
    assert {len(line) for line in lines[first - 2 : first + 3] if line != lines[first]} == {5 * 9}
    rows = csv_rows(predict(good.results, *more, "--format", "csv").out)
    assert [row["value"] for row in rows if row["what"] == "standard_error"] == 15 * [""]
    assert json.loads(predict(good.results, *more, "--format", "json").out)["standard_errors"] == [2 * [5 * [None]], 5 * [[None]]]


@pytest.mark.parametrize("noise", ["0", "1e-30"])
def test_the_smallest_noise_used_is_named(good: Sweep, tmp_path: Path, noise: str) -> None:
    path = write_pairs(tmp_path / "pairs.csv", *noisy_pairs(30))
    text = predict(good.results, path, "--refine", "2", "--noise", noise).out
    assert "(the smallest used, 0.001 of the standard deviation of y)" in text and "from --noise" not in text
    assert "from --noise" in predict(good.results, path, "--refine", "2", "--noise", "0.01").out


@pytest.mark.parametrize("form", ["unknowns=6,equation_ratio=2", "equations=12", "unknowns=6,equation_ratio=2.0,encoder=[16, 24]"])
def test_run_selected_by_conditions(finished: Sweep, tmp_path: Path, form: str) -> None:
    path, _, _ = some_pairs(tmp_path, [2, 2, 1], 12)
    file = columns(finished.results)
    (run_id,) = (run_id for run_id, n in zip(file["run_id"], file["equations"]) if n == 12)
    found = weightsweep("predict", finished.results, "--run", form, "--pairs", path, "--format", "json")
    assert found.code == 0 and json.loads(found.out)["run_id"] == run_id, found.err
    several = weightsweep("predict", finished.results, "--run", "seed=1", "--pairs", path)
    assert several.code == 2 and several.says("4 runs", run_id, "expected one")


def test_refusals(good: Sweep, finished: Sweep, tmp_path: Path) -> None:
    path, _, _ = some_pairs(tmp_path, [2, 5, 1])
    run_id = columns(good.results)["run_id"][0]
    table = tmp_path / "table.h5"
    assert weightsweep("export", good.results, "--archive", "--no-models", "-o", table).code == 0
    for arguments, code, words in (
        ([good.results, "--run", run_id], 2, ["--pairs"]),
        ([good.results, "--pairs", path], 2, ["--run"]),
        (["--run", run_id, "--pairs", path], 2, ["results file"]),
        ([good.results, "--run", "zz", "--pairs", path], 2, ["no run `zz`"]),
        ([good.results, "--run", run_id, "--pairs", tmp_path / "none.csv"], 2, ["none.csv"]),
        ([good.results, "--run", run_id, "--pairs", tmp_path], 2, [f"{tmp_path}: ", "Is a directory"]),
        ([good.results, "--run", "seed=2", "--pairs", path], 2, ["--run seed=2", "expected 1"]),
        ([good.results, "--run", run_id, "--pairs", path, "--format", "xml"], 2, ["xml"]),
        ([good.results, "--run", run_id, "--pairs", path, "--refine", "-1"], 2, ["--refine -1", "expected a number of iterations"]),
        ([good.results, "--run", run_id, "--pairs", path, "--refine", "5", "--noise", "x"], 2, ["--noise x", "expected a number from 0"]),
        ([good.results, "--run", run_id, "--pairs", path, "--noise", "0.1"], 2, ["--noise 0.1", "expected --refine K"]),
        ([good.results, "--run", run_id, "--pairs", path, "--starts", "3"], 2, ["--starts 3", "expected --refine K"]),
        ([good.results, "--run", run_id, "--pairs", path, "--refine", "5", "--starts", "x"], 2, ["--starts x", "expected a number of random starts"]),
        ([tmp_path / "none.h5", "--run", run_id, "--pairs", path], 3, ["none.h5"]),
        ([table, "--run", run_id, "--pairs", path], 3, ["without models"]),
        ([path, "--run", run_id, "--pairs", path], 3, ["not an HDF5 file"]),
    ):
        result = weightsweep("predict", *arguments)
        assert result.code == code and result.says(*words) and not result.out, result.err


def test_an_unfinished_run(tmp_path: Path) -> None:
    sweep, results = write_sweep(tmp_path / "two.yaml", axes={"seed": [1, 2]}), tmp_path / "two.h5"
    assert run(1, sweep, results, "--quiet", "--time-limit", "0.001").code == 75
    path, _, _ = some_pairs(tmp_path, [2, 2, 1])
    result = weightsweep("predict", results, "--run", columns(results)["run_id"][1], "--pairs", path)
    assert result.code == 3 and result.says("pending", "only a run that is done has a model")


def test_an_archive_predicts_the_same(good: Sweep, tmp_path: Path) -> None:
    path, _, _ = some_pairs(tmp_path, [2, 5, 1])
    archive = tmp_path / "archive.h5"
    assert weightsweep("export", good.results, "--archive", "-o", archive).code == 0
    assert predict(archive, path).out == predict(good.results, path).out


@pytest.mark.parametrize("model", ["linear", "x-linear", "res-linear"])
def test_flat_models_need_their_number_of_pairs(tmp_path: Path, model: str) -> None:
    sweep, results = write_sweep(tmp_path / "flat.yaml", model=model, embed_dim=None, network=None), tmp_path / "flat.h5"
    assert run(1, sweep, results, "--quiet").code == 0
    path, _, _ = some_pairs(tmp_path, [2, 2, 1], 12)
    assert predict(results, path).code == 0
    path, _, _ = some_pairs(tmp_path, [2, 2, 1], 13)
    result = predict(results, path)
    assert result.code == 2 and result.says("13 pairs", "exactly 12")


def test_predict_refuses_forward_runs(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "forward.yaml", task="mlp-forward", model="linear", embed_dim=None, network=None, equation_ratio=None)
    results = tmp_path / "forward.h5"
    result = run(1, sweep, results, "--quiet")
    assert result.code == 0, result.err
    path, _, _ = some_pairs(tmp_path, [2, 2, 1])
    result = predict(results, path)
    assert result.code == 2 and result.says("mlp-forward", "linear-inverse")
