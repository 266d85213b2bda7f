"""Text from a file never reaches a terminal as it is: no control character in any message, table or progress line, and no line that
the file made up."""

from pathlib import Path

from conftest import FOUR, Sweep
from harness import run, weightsweep, write_sweep

WILD, SHOWN = r'"a\e]0;title\a\nb"', r"\x1b]0;title\x07\nb"  # as YAML writes it, and as people are to see it


def tame(text: str) -> bool:
    return all(character in "\n" or character.isprintable() for character in text)


def test_mistakes(tmp_path: Path) -> None:
    for changes in ({WILD: 1}, {"training": {WILD: 1}}, {"pooling": WILD}, {"axes": {"pooling": ["mean", WILD]}}, {"exclude": f"[{{seed: {WILD}}}]"}):
        sweep = write_sweep(tmp_path / "bad.yaml", **changes)
        result = weightsweep("plan", sweep)
        assert result.code == 2 and tame(result.err) and (SHOWN in result.err or '"a..."' in result.err), result.err
        assert all(line.startswith(str(sweep)) for line in result.err.splitlines()), result.err
    result = weightsweep("plan", write_sweep(tmp_path / "good.yaml"), "--set", "pooling=\x1b[31m")
    assert result.code == 2 and tame(result.err), result.err


def test_the_name_of_a_sweep(finished: Sweep, tmp_path: Path) -> None:
    """It has no control character of ASCII's first 32, but some terminals obey others, too."""
    wild, results = write_sweep(tmp_path / "wild.yaml", name=r'"a\x9b31mtitle\x7fb"', axes=FOUR), tmp_path / "x.h5"
    for verb in (["plan", wild], ["run", wild, "-o", results], ["status", results], ["verify", results]):
        result = weightsweep(*verb)
        assert result.code == 0 and tame(result.out) and tame(result.err), result
    for refused in (run(1, finished.yaml, results), run(1, wild, finished.results)):
        assert refused.code == 3 and tame(refused.err) and r"a\xc2\x9b31mtitle\x7fb" in refused.err, refused.err
