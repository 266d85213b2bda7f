"""jobs/scaling under a real SLURM: one sweep on several numbers of ranks, and the figure."""

import h5py
from harness import call
from jobs import Slurm, Work


def test_scaling(slurm: Slurm, work: Work) -> None:
    result = work.call("scaling", work.yaml, "--tasks", "1,2,4")
    assert result.code == 0, result.err
    jobs = result.out.split()
    assert [slurm.end(job) for job in jobs] == ["COMPLETED"] * 6, result.err
    folder = work.folder / "results" / "sweep-scaling"
    runs = {"strong-1": 2, "strong-2": 2, "strong-4": 2, "weak-2": 4, "weak-4": 8}
    assert {path.stem for path in folder.glob("*.h5")} == set(runs)
    for name, count in runs.items():
        with h5py.File(folder / f"{name}.h5") as file:
            assert list(file["status"][...]) == [2] * count
    assert [path.suffix for path in sorted(folder.glob("*scaling*.p*"))] == [".pdf", ".png"], (folder / f"figure-{jobs[-1]}.log").read_text()


def test_refusals(work: Work) -> None:
    for options, words in ((["--tasks", "2,3"], "multiple"), (["--tasks", "2"], "such as 1,2,4"), ([], "such as 1,2,4")):
        result = work.call("scaling", work.yaml, *options)
        assert (result.code, result.out) == (2, "")
        assert result.says(words)
    work.yaml.write_text(work.yaml.read_text().replace("steps", "stepz"))
    assert work.call("scaling", work.yaml, "--tasks", "1,2").says("did you mean `steps`?")
    assert call("squeue", "--noheader").out == ""
