"""Output files of the analysis package: replaced and refused files, and the unchanged parts of a document."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(HOME / "analysis"))

from make_results import grid, make_results  # noqa: E402

from weightsweep import answer_table, outputs  # noqa: E402

ENVIRONMENT = {"PYTHONPATH": str(HOME / "analysis"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def weightsweep(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "weightsweep", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, errors="surrogateescape", env=ENVIRONMENT, check=False, **options)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "r.h5"
    make_results(path, grid(equation_ratio=[2.0]))
    return path


def refused(path: Path, *arguments: object) -> None:
    """The command ends with 2 and a sentence, and leaves the file as it was."""
    before = path.read_bytes()
    done = weightsweep(*arguments)
    assert done.returncode == 2 and str(path) in done.stderr and done.stderr.count("\n") == 1, (done.returncode, done.stderr)
    assert path.read_bytes() == before and not list(path.parent.glob(".weightsweep-*"))


def test_report_replaces_only_a_report(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    for _ in range(2):  # the second time replaces the first page
        done = weightsweep("report", results)
        assert done.returncode == 0 and done.stdout == f"{page}\n"
    refused(results, "report", results, "-o", results)
    for name, content in [("tiny.yaml", b"name: tiny\n"), ("mine.html", b"<!DOCTYPE html>\n<title>mine</title>\n"), ("empty.html", b"")]:
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, "report", results, "-o", tmp_path / name)
    assert weightsweep("report", results, "-o", tmp_path).returncode == 2
    assert weightsweep("report", results, "-o", tmp_path / "nowhere" / "page.html").returncode == 2
    assert weightsweep("report", results, "-o", page / "page.html").returncode == 2
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert weightsweep("report", results, "-o", pipe).returncode == 2 and stat.S_ISFIFO(pipe.stat().st_mode)


def test_report_knows_the_results_by_another_name(results: Path, tmp_path: Path) -> None:
    (tmp_path / "hard.html").hardlink_to(results)
    (tmp_path / "soft.html").symlink_to(results)
    for name in ("hard.html", "soft.html"):
        refused(tmp_path / name, "report", results, "-o", tmp_path / name)
    assert (tmp_path / "soft.html").is_symlink()


def test_report_is_named_after_the_whole_file(results: Path, tmp_path: Path) -> None:
    names = ["lr1.5", "lr1.7", "results.html", "lr1.5.h5.h5"]
    for name in names:
        (tmp_path / name).write_bytes(results.read_bytes())
    pages = [weightsweep("report", tmp_path / name).stdout for name in names]
    assert [Path(page.strip()).name for page in pages] == ["lr1.5.html", "lr1.7.html", "results.html.html", "lr1.5.h5.html"]
    (tmp_path / "r").write_bytes(results.read_bytes())
    for name in ("r", "r.h5"):  # both would be r.html
        assert weightsweep("report", tmp_path / name).returncode == 2
    (tmp_path / "r").write_text("no results")
    assert weightsweep("report", results).returncode == 0


def test_a_page_keeps_its_mode_and_its_link(results: Path, tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    page, link = tmp_path / "public" / "page.html", tmp_path / "page.html"
    link.symlink_to(page)
    for mode in (0o640, 0o604):
        assert weightsweep("report", results, "-o", link).returncode == 0
        page.chmod(mode)
        inode = page.stat().st_ino
        assert weightsweep("report", results, "-o", link).returncode == 0
        assert link.is_symlink() and stat.S_IMODE(page.stat().st_mode) == mode and page.stat().st_ino != inode


def test_plot_replaces_only_its_figures(results: Path, tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    for _ in range(2):
        done = weightsweep("plot", results, "-o", folder, "--figure", "loss")
        assert done.returncode == 0 and done.stdout == f"{folder}/r-loss.png\n{folder}/r-loss.pdf\n"
    png, pdf = folder / "r-loss.png", folder / "r-loss.pdf"
    ours = png.read_bytes(), pdf.read_bytes()
    for path, others in [(png, [ours[1], ours[0].replace(b"weightsweep", b"somethingof"), b"mine"]), (pdf, [ours[0], ours[1].replace(b"(weightsweep", b"(somethingof")])]:
        own = path.read_bytes()
        for content in others:
            path.write_bytes(content)
            refused(path, "plot", results, "-o", folder, "--figure", "loss")
        path.write_bytes(own)
    assert weightsweep("plot", results, "-o", results).returncode == 2


def test_plot_of_files_of_one_name(results: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "run.h5").write_bytes(results.read_bytes())
    both = [tmp_path / folder / "run.h5" for folder in ("a", "b")]
    together = weightsweep("plot", *both, "-o", tmp_path / "figures", "--figure", "loss")
    assert together.returncode == 2 and all(str(path) in together.stderr for path in both) and not (tmp_path / "figures").exists()
    beside = weightsweep("plot", *both, "--figure", "loss")
    assert beside.stdout.split() == [str(path.with_name(f"run-loss.{kind}")) for path in both for kind in ("png", "pdf")]
    dotted = [tmp_path / name for name in ("lr1.5", "lr1.7")]
    for path in dotted:
        path.write_bytes(results.read_bytes())
    assert "lr1.5-loss.png" in weightsweep("plot", *dotted, dotted[0], "--figure", "loss").stdout
    (tmp_path / "r").write_bytes(results.read_bytes())
    assert weightsweep("plot", results, tmp_path / "r", "--figure", "loss").returncode == 2


def test_nothing_is_drawn_when_one_figure_is_refused(results: Path, tmp_path: Path) -> None:
    (tmp_path / "scaling.pdf").write_text("mine")
    done = weightsweep("plot", results, "--figure", "loss", "--figure", "scaling")
    assert done.returncode == 2 and done.stdout == "" and {path.name for path in tmp_path.iterdir()} == {"r.h5", "scaling.pdf"}


@pytest.mark.parametrize("before", [b"text\r\n", b"\xef\xbb\xbftext\r\n", "größer\r\n".encode()])
def test_table_keeps_line_endings(results: Path, tmp_path: Path, before: bytes) -> None:
    document = tmp_path / "page.md"
    begin, end = (marker.encode() for marker in answer_table.BLOCK)
    document.write_bytes(before + begin + b"\r\nold\r\n" + end + b"\r\nmore\r\nlast line")
    for _ in range(2):
        assert weightsweep("table", results, "--into", document).returncode == 0
        text = document.read_bytes()
        inside = text[text.index(begin) : text.index(end)]
        assert text.startswith(before + begin + b"\r\n| unknowns") and text.endswith(end + b"\r\nmore\r\nlast line")
        assert inside.count(b"\r\n") == inside.count(b"\n") == 4


@pytest.mark.parametrize("text", ["", "{begin}\n", "{end}\n{begin}\n", "{begin}\n{begin}\n{end}\n", "{begin}\n{end}\n{end}\n"])
def test_table_refuses_a_document_without_its_block(results: Path, tmp_path: Path, text: str) -> None:
    document = tmp_path / "page.md"
    document.write_text(text.format(begin=answer_table.BLOCK[0], end=answer_table.BLOCK[1]))
    refused(document, "table", results, "--into", document)
    refused(results, "table", results, "--into", results)


def test_table_refuses_other_documents(results: Path, tmp_path: Path) -> None:
    latin = tmp_path / "latin.md"
    latin.write_bytes("größer\n".encode("latin-1") + "\n".join(answer_table.BLOCK).encode())
    refused(latin, "table", results, "--into", latin)
    for path in (tmp_path, tmp_path / "none.md", latin / "page.md"):
        assert weightsweep("table", results, "--into", path).returncode == 2


def test_table_keeps_mode_and_changes_nothing_twice(results: Path, tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("\n".join(answer_table.BLOCK))
    document.chmod(0o600)
    assert weightsweep("table", results, "--into", document).returncode == 0
    inode = document.stat().st_ino
    assert weightsweep("table", results, "--into", document).returncode == 0
    assert stat.S_IMODE(document.stat().st_mode) == 0o600 and document.stat().st_ino == inode


def test_findings_refuse_a_picture_that_is_not_theirs(results: Path, tmp_path: Path) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "figures"
    page.write_text("<!-- finding r:begin -->\r\n<!-- finding r:end -->\r\n", newline="")
    figures.mkdir()
    mine = [figures / "r-loss.png", figures / "r-loss.pdf"]
    for path in mine:
        path.write_text("mine")
    refused(mine[0], "findings", "--archives", tmp_path, "--into", page, "-o", figures)
    assert page.read_bytes().count(b"\n") == 2
    mine[0].unlink()
    assert weightsweep("findings", "--archives", tmp_path, "--into", page, "-o", figures).returncode == 0
    assert mine[1].read_text() == "mine" and page.read_bytes().count(b"\r\n") == page.read_bytes().count(b"\n") > 5


def test_compare_seed_refuses_a_figure_that_is_not_its_own(results: Path, tmp_path: Path) -> None:
    (tmp_path / "seed-r2.pdf").write_text("mine")
    refused(tmp_path / "seed-r2.pdf", "compare-seed", "--archives", tmp_path, "-o", tmp_path)


def test_make_pairs_leaves_other_pairs(tmp_path: Path) -> None:
    script, pairs = tmp_path / "make_pairs.py", tmp_path / "pairs.csv"
    script.write_bytes((HOME / "analysis/examples/make_pairs.py").read_bytes())
    made = [subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert made[0] == made[1] and pairs.read_bytes() == (HOME / "analysis/examples/pairs.csv").read_bytes()
    pairs.write_text("x1,x2,y\n1,2,3\n")
    other = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert other.returncode == 2 and "left as it is" in other.stderr and pairs.read_text() == "x1,x2,y\n1,2,3\n"


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.md"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs.os, "fsync", full)
    with pytest.raises(OSError, match="page.md"):
        outputs.replace(path, b"new")
    assert path.read_text() == "old" and [each.name for each in tmp_path.iterdir()] == ["page.md"]


def test_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    old, new, living = (tmp_path / f".weightsweep-{pid}-{number}.part" for pid, number in ((dead.pid, 1), (dead.pid, 2), (os.getpid(), 3)))
    others = tmp_path / ".weightsweep-notes.part"
    for path in (old, new, living, others):
        path.write_bytes(b"unfinished")
        os.utime(path, (0, 0))
    os.utime(new)  # of another machine, perhaps
    outputs.replace(tmp_path / "page.html", b"whole")
    assert set(tmp_path.iterdir()) == {new, living, others, tmp_path / "page.html"}
