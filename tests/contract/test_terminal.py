"""Text from a file is escaped before it is printed: messages have no control characters and no lines from the file."""

from pathlib import Path

from harness import weightsweep, write_sweep

WILD, SHOWN = r'"a\e]0;title\a\nb"', r"\x1b]0;title\x07\nb"  # as YAML writes it, and as people are to see it


def tame(text: str) -> bool:
    return all(character in "\n" or character.isprintable() for character in text)


def test_errors_are_reported(tmp_path: Path) -> None:
    for changes in ({WILD: 1}, {"name": r'"a\x9b31m\x7f"'}, {"name": WILD}, {"training": {WILD: 1}}, {"pooling": WILD}, {"axes": {"pooling": ["mean", WILD]}}, {"exclude": f"[{{seed: {WILD}}}]"}):
        sweep = write_sweep(tmp_path / "bad.yaml", **changes)
        result = weightsweep("plan", sweep)
        assert result.code == 2 and tame(result.err) and any(each in result.err for each in (SHOWN, r"a\xc2\x9b31m\x7f", '"a..."')), result.err
        assert all(line.startswith(str(sweep)) for line in result.err.splitlines()), result.err
    result = weightsweep("plan", write_sweep(tmp_path / "good.yaml"), "--set", "pooling=\x1b[31m")
    assert result.code == 2 and tame(result.err), result.err
