"""Files that `export` writes, archives and models, as other programs read them."""

import gzip
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray
from conftest import Sweep
from harness import PROGRAM, call, columns, flip, is_dimension, models, run, status, weightsweep, write_sweep

WIDE: dict[str, Any] = {"encoder": [64, 160], "decoder": [64]}


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Three runs with models of several chunks, two of them done."""
    folder = tmp_path_factory.mktemp("part")
    sweep = Sweep(write_sweep(folder / "part.yaml", network=WIDE, embed_dim=64, axes={"seed": [1, 2, 3]}), folder / "part.h5")
    ids = [each["run_id"] for each in json.loads(weightsweep("plan", sweep.yaml, "--format", "json").out)["runs"]]
    assert run(1, sweep.yaml, sweep.results, "--quiet", "--only", ",".join(ids[:2])).code == 0
    return sweep


@pytest.fixture(scope="module")
def archive(part: Sweep) -> Path:
    path = part.results.with_name("archive.h5")
    result = weightsweep("export", part.results, "--archive", "-o", path)
    assert (result.code, result.out, result.err) == (0, "", "")
    return path


@pytest.fixture(scope="module")
def table(part: Sweep) -> Path:
    """An archive without models."""
    path = part.results.with_name("table.h5")
    assert weightsweep("export", part.results, "--archive", "--no-models", "-o", path).code == 0
    return path


# ---- archives ----


def test_archive_attribute(archive: Path, table: Path) -> None:
    with h5py.File(archive) as file, h5py.File(table) as other:
        assert file.attrs["archive"] == "without checkpoints" and "checkpoints" not in file and "models" in file
        assert other.attrs["archive"] == "without checkpoints and models" and "models" not in other


def test_archive_has_everything_else(part: Sweep, archive: Path, table: Path) -> None:
    def attributes(item: Any) -> dict[str, str]:
        ours = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "archive")
        return {name: str(value) for name, value in item.attrs.items() if name not in ours}

    for copy in (archive, table):
        with h5py.File(part.results) as file, h5py.File(copy) as other:
            kept = [name for name in file if isinstance(file[name], h5py.Dataset)]
            assert [name for name in other if isinstance(other[name], h5py.Dataset)] == kept
            assert attributes(other) == attributes(file)
            for name in kept:
                assert other[name].dtype == file[name].dtype and attributes(other[name]) == attributes(file[name]), name
                if not is_dimension(file[name]):
                    np.testing.assert_array_equal(other[name][...], file[name][...], name)
    for run_id, tensors in models(part.results).items():
        for name, values in tensors.items():
            np.testing.assert_array_equal(models(archive)[run_id][name], values)


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_archive_in_xarray(part: Sweep, archive: Path, table: Path, engine: str) -> None:
    whole = xarray.load_dataset(part.results, engine=engine)
    for copy in (archive, table):
        assert xarray.load_dataset(copy, engine=engine).equals(whole)


def test_archive_is_small(part: Sweep, archive: Path, table: Path) -> None:
    with h5py.File(archive) as file:
        for group in file["models"].values():
            for tensor in group.values():
                assert (tensor.compression, tensor.shuffle) == (("gzip", True) if tensor.nbytes >= 4096 else (None, False))
        assert any(tensor.nbytes > 2**15 and tensor.id.get_num_chunks() > 1 for tensor in file[f"models/{file['run_id'].asstr()[0]}"].values())
    checkpoints = 3 * 2 * 3 * 4 * columns(part.results)["parameters"][0]  # runs, slots, vectors, bytes
    assert archive.stat().st_size < part.results.stat().st_size - checkpoints
    assert table.stat().st_size < 120_000


def test_the_program_reads_an_archive(part: Sweep, archive: Path, table: Path) -> None:
    for copy in (archive, table):
        assert status(copy) == status(part.results)
        for what in ("--runs", "--curves", "--timeline"):
            assert weightsweep("export", copy, what).out == weightsweep("export", part.results, what).out
        assert weightsweep("verify", copy).code == 0


def test_archive_of_an_archive(archive: Path, table: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.h5"
    for arguments, like in (([], archive), (["--no-models"], table)):
        assert weightsweep("export", archive, "--archive", *arguments, "-o", again).code == 0  # replaces the first
        assert again.stat().st_size == like.stat().st_size
        with h5py.File(again) as file, h5py.File(like) as other:
            assert dict(file.attrs) == dict(other.attrs)
    assert sorted(tmp_path.iterdir()) == [again]


def test_run_does_not_continue_an_archive(part: Sweep, archive: Path) -> None:
    before = archive.read_bytes()
    result = run(1, part.yaml, archive, "--quiet")
    assert result.code == 3 and result.says("archive", "no checkpoints", "-o")
    assert archive.read_bytes() == before


def test_archive_replaces_archives_alone(part: Sweep, archive: Path, tmp_path: Path) -> None:
    before = part.results.read_bytes()
    result = weightsweep("export", archive, "--archive", "-o", part.results)
    assert result.code == 2 and result.says(str(part.results), "not an archive of weightsweep", "-o")
    assert part.results.read_bytes() == before
    for content in (b"mine", b"", before[:3000]):  # the last: a damaged results file
        notes = tmp_path / "notes.h5"
        notes.write_bytes(content)
        result = weightsweep("export", part.results, "--archive", "-o", notes)
        assert result.code == 2 and result.says("notes.h5", "not an archive") and notes.read_bytes() == content


def test_output_equal_to_input_is_refused(part: Sweep, archive: Path, tmp_path: Path) -> None:
    """Under whatever name; an archive, too, is not written onto itself."""
    for source in (part.results, archive):
        before = source.read_bytes()
        link, hard = tmp_path / f"link-{source.name}", tmp_path / f"hard-{source.name}"
        link.symlink_to(source)
        hard.hardlink_to(source)
        for name in (source, link, hard, source.parent / "." / source.name):
            result = weightsweep("export", source, "--archive", "-o", name)
            assert result.code == 2 and result.says(str(name), "the file that is read"), result.err
        assert weightsweep("export", link, "--archive", "-o", source).code == 2
        assert source.read_bytes() == before and link.is_symlink()


def test_output_that_is_a_link_or_a_folder(part: Sweep, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.h5").write_bytes(archive.read_bytes())
    for name, target in (("link.h5", "copy.h5"), ("broken.h5", "nowhere")):
        (tmp_path / name).symlink_to(target)
        result = weightsweep("export", part.results, "--archive", "-o", tmp_path / name)
        assert result.code == 2 and result.says(name, "symbolic link") and (tmp_path / name).is_symlink()
    result = weightsweep("export", part.results, "--archive", "-o", tmp_path)
    assert result.code == 2 and result.says(str(tmp_path), "folder")


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_model_replaces_models_alone(part: Sweep, ending: str, tmp_path: Path) -> None:
    first, second, _ = columns(part.results)["run_id"]
    path, other = tmp_path / f"model{ending}", tmp_path / f"other{ending}"
    for run_id in (first, second):
        assert weightsweep("export", part.results, "--model", run_id, "-o", path).code == 0
    np.savez(tmp_path / "user.npz", x=np.zeros(1000))
    wrong = tmp_path / ("model.safetensors" if ending == ".npz" else "model.npz")
    assert weightsweep("export", part.results, "--model", first, "-o", wrong).code == 0
    for content in (b"", b"text", (tmp_path / "user.npz").read_bytes(), wrong.read_bytes(), part.results.read_bytes()):
        other.write_bytes(content)
        result = weightsweep("export", part.results, "--model", first, "-o", other)
        assert result.code == 2 and result.says(other.name, f"not a {ending} of weightsweep") and other.read_bytes() == content, result.err


def test_verify_detects_a_change_of_any_byte_of_an_archive(table: Path, archive: Path, tmp_path: Path) -> None:
    """A flipped bit is found at opening, wherever it is."""
    copy = tmp_path / "flipped.h5"
    for source in (table, archive):
        size = source.stat().st_size
        copy.write_bytes(source.read_bytes())
        for offset in range(31, size, size // 40):
            flip(copy, offset)
            result = weightsweep("verify", copy)
            assert result.code == 3 and str(copy) in result.err, offset
            flip(copy, offset)
        assert weightsweep("verify", copy).code == 0


def test_archive_of_a_sweep_that_runs(live: Sweep, tmp_path: Path) -> None:
    copy = tmp_path / "copy.h5"
    assert weightsweep("export", live.results, "--archive", "-o", copy).code == 0
    assert weightsweep("verify", copy).code == 0
    found = status(copy)
    assert (found["total"], found["running"], found["pending"]) == (3, 0, 3), "the copy has no writer"


def test_archive_that_cannot_be_written(part: Sweep, tmp_path: Path) -> None:
    result = weightsweep("export", part.results, "--archive", "-o", tmp_path / "nowhere" / "a.h5")
    assert result.code == 2 and result.says("nowhere", "folder is not there")
    small = f"ulimit -f 8; trap '' XFSZ; exec \"$0\" export {part.results} --archive -o {tmp_path}/a.h5"

    result = call("bash", "-c", small, PROGRAM)
    assert result.code == 4 and result.says("a.h5") and not list(tmp_path.iterdir())


def test_a_file_of_an_earlier_program(tmp_path: Path) -> None:
    """Written before there were timelines and extra evaluations: every subcommand that only reads accepts it."""
    data = Path(__file__).parent / "data" / "first-schema.h5.gz"
    before, copy = tmp_path / "before.h5", tmp_path / "copy.h5"
    before.write_bytes(gzip.decompress(data.read_bytes()))
    assert weightsweep("export", before, "--archive", "-o", copy).code == 0
    for path in (before, copy):
        assert "timeline_run" not in columns(path)
        assert weightsweep("verify", path).code == 0
        assert status(path)["done"] == 2
        assert len(weightsweep("export", path, "--runs").out.splitlines()) == 3
        assert len(weightsweep("export", path, "--curves").out.splitlines()) == 1 + 2 * 2
        assert weightsweep("export", path, "--timeline").code == 0
        model = tmp_path / "model.npz"
        assert weightsweep("export", path, "--model", columns(path)["run_id"][1], "-o", model).code == 0
        pairs = tmp_path / "pairs.csv"
        pairs.write_text("x1,x2,y\n1,2,3\n4,5,6\n")
        predicted = weightsweep("predict", path, "--run", "unknowns=6", "--pairs", pairs, "--format", "json")
        assert predicted.code == 0 and json.loads(predicted.out)["run_id"] == columns(path)["run_id"][0] == "5b82a13b4391", predicted.err
        assert xarray.load_dataset(path, engine="h5netcdf").r2.notnull().all()


def test_a_file_of_an_earlier_program_is_not_continued(tmp_path: Path) -> None:
    """Its runs have ids of 12 hex digits: `run` and `--grow` say so and leave the file as it is."""
    before, sweep = tmp_path / "before.h5", tmp_path / "sweep.yaml"
    before.write_bytes(gzip.decompress((Path(__file__).parent / "data" / "first-schema.h5.gz").read_bytes()))
    content = before.read_bytes()
    with h5py.File(before) as file:
        sweep.write_text(file.attrs["sweep"])
    for options in ((), ("--grow",)):
        result = run(1, sweep, before, "--quiet", *options)
        assert result.code == 3 and result.says("before.h5", "schema version 1", "new file with -o") and "damaged" not in result.err
    assert before.read_bytes() == content


# ---- models ----


def safetensors(path: Path) -> dict[str, np.ndarray]:
    """As the format's description says."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header, values = json.loads(data[8 : 8 + length]), data[8 + length :]
    assert header.pop("__metadata__") == {"format": "pt", "made_by": "weightsweep model"} and length % 8 == 0
    assert [each["data_offsets"][0] for each in header.values()] == [0] + [each["data_offsets"][1] for each in header.values()][:-1]
    assert list(header.values())[-1]["data_offsets"][1] == len(values)
    found = {}
    for name, each in header.items():
        assert each["dtype"] == "F32"
        start, end = each["data_offsets"]
        found[name] = np.frombuffer(values[start:end], "<f4").reshape(each["shape"])
    return found


def assert_same(found: Any, wanted: dict[str, np.ndarray]) -> None:
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        assert found[name].dtype == np.float32 and found[name].shape == values.shape, name
        np.testing.assert_array_equal(found[name], values, name)


def test_model(part: Sweep, archive: Path, tmp_path: Path) -> None:
    run_id = columns(part.results)["run_id"][1]
    with h5py.File(part.results) as file:
        names = [name.decode() if isinstance(name, bytes) else name for name in file[f"models/{run_id}"]]
        wanted = {name: file[f"models/{run_id}/{name}"][...] for name in names}
    for source in (part.results, archive):
        for ending, read in ((".npz", np.load), (".safetensors", safetensors)):
            path = tmp_path / f"model{ending}"
            result = weightsweep("export", source, "--model", run_id, "-o", path)
            assert (result.code, result.out, result.err) == (0, "", "")
            found = read(path)
            assert {name: found[name].shape for name in found} == {name: wanted[name].shape for name in found}
            assert_same({name: found[name] for name in sorted(found)}, {name: wanted[name] for name in sorted(wanted)})
    assert zipfile.ZipFile(tmp_path / "model.npz").testzip() is None


def test_model_in_the_order_of_the_layers(part: Sweep, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    assert weightsweep("export", part.results, "--model", columns(part.results)["run_id"][0], "-o", path).code == 0
    layers = ["encoder.net.0", "encoder.net.2", "encoder.net.4", "decoder.0", "decoder.2"]
    assert list(np.load(path)) == [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]


def test_beginning_of_an_id(part: Sweep, tmp_path: Path) -> None:
    ids, path = columns(part.results)["run_id"], tmp_path / "model.npz"
    length = next(n for n in range(1, 13) if len({each[:n] for each in ids}) == len(ids))
    assert weightsweep("export", part.results, "--model", ids[0][:length], "-o", path).code == 0
    np.testing.assert_array_equal(np.load(path)["decoder.0.bias"], models(part.results)[ids[0]]["decoder.0.bias"])


def test_no_such_model(part: Sweep, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    done, _, pending = columns(part.results)["run_id"]
    for source, run_id, code, words in (
        (part.results, "no", 2, ["no run `no`", "status"]),
        (part.results, "", 2, ["no run"]),
        (part.results, done + "0", 2, ["no run"]),
        (part.results, pending, 3, [pending, "pending", "0 of 30 steps"]),
        (table, done, 3, [str(table), "without models"]),
        (part.results.with_name("none.h5"), done, 3, ["none.h5"]),
    ):
        result = weightsweep("export", source, "--model", run_id, "-o", path)
        assert result.code == code and result.says(*words) and not path.exists(), result.err


def test_beginning_of_two_ids(finished: Sweep, tmp_path: Path) -> None:
    wanted = write_sweep(tmp_path / "many.yaml", axes={"seed": list(range(17))})  # two of 17 begin alike
    results = tmp_path / "many.h5"
    assert run(1, wanted, results, "--quiet", "--time-limit", "0.01").code == 75
    firsts = [run_id[0] for run_id in columns(results)["run_id"]]
    twice = next(first for first in firsts if firsts.count(first) > 1)
    result = weightsweep("export", results, "--model", twice, "-o", tmp_path / "m.npz")
    assert result.code == 2 and result.says(f"--model {twice}: {firsts.count(twice)} runs")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--model", "x"], ["--model", "-o FILE"]),
        (["--archive"], ["--archive", "-o FILE"]),
        (["--model", "x", "-o", "x.onnx"], ["x.onnx", ".npz", ".safetensors"]),
        (["--model", "x", "-o", "npz"], [".npz"]),
        (["--runs", "-o", "x.csv"], ["-o", "standard output"]),
        (["--runs", "--archive", "-o", "x.h5"], ["one of"]),
        (["--model", "x", "--archive", "-o", "x.h5"], ["one of"]),
        (["--archive", "--format", "csv", "-o", "x.h5"], ["--format"]),
        (["--model", "x", "--no-models", "-o", "x.npz"], ["--no-models"]),
        (["--model"], ["--model"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_usage(part: Sweep, arguments: list[str], words: list[str], tmp_path: Path) -> None:
    result = weightsweep("export", part.results, *arguments, cwd=tmp_path)
    assert result.code == 2 and result.says(*words) and not result.out and not list(tmp_path.iterdir()), result.err
