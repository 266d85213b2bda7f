"""A model in .safetensors as the library of that name reads it; Debian 12 has no package of it. How the file is built is tested in
contract/test_export.py."""

from pathlib import Path

import numpy as np
import pytest
from harness import columns, models, run, weightsweep, write_sweep

safetensors = pytest.importorskip("safetensors.numpy", reason="the library safetensors is not installed (python3 -m pip install safetensors)")


def test_library_reads_the_exported_model(tmp_path: Path) -> None:
    results, path = tmp_path / "one.h5", tmp_path / "model.safetensors"
    assert run(1, write_sweep(tmp_path / "one.yaml"), results, "--quiet").code == 0
    run_id = columns(results)["run_id"][0]
    assert weightsweep("export", results, "--model", run_id, "-o", path).code == 0
    loaded, stored = safetensors.load_file(path), models(results)[run_id]
    assert loaded.keys() == stored.keys()
    for name in stored:
        np.testing.assert_array_equal(loaded[name], stored[name])
