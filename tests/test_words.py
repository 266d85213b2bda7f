"""Vocabulary of comments, help texts, messages and documents: standard terms, sentences that name their subject, and comment lines
within the limit of the code. Each expression has an example that it must find. Fix a hit by naming the thing: see CONTRIBUTING.md."""

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
LIMIT = 110  # columns of a line in src, and of a comment line in C files of tests

COUNTED = "generators|inputs|networks|numbers|points|pairs|bytes|FLOPs?|ms|seconds|multiply-adds|equations|files?|rows?|lines?|times|library"
PER = "step|run|row|rank|pair|generator|shard|set|batch|second|folder|line"

# what is wrong -> expression, example that it finds
EXPRESSIONS: dict[str, tuple[str, str]] = {
    "begins without a subject": (r"\A(Of|What|Whoever|Those|Likewise)\b", "Of the folded values to those of their factors."),
    "'so many': give the number or the parameter's name": (r"\bso (many|much)\b", "predicted cost on so many ranks"),
    "'way back': backward pass": (r"\bway back\b|\bgoes? back\b", "what the way back needs"),
    "no person: name the function or the process": (r"(?i)\b(nobody|somebody|whoever|everybody)\b", "nobody reads it"),
    "'a' in the sense of per": (rf"\b({COUNTED}) an? ({PER})\b", "generators a step"),
    "original experiment": (r"\b(founding experiment|the seed's own|seed's (step|shapes|predictor|model))", "the founding experiment's table"),
    "subcommand": (r"\bverbs?\b", "every verb under valgrind"),
    "error, diagnostic": (r"\bmistakes?\b", "all mistakes of the file"),
    "numerics": (r"\b(another|other|same|this process's) arithmetic\b", "begun with another arithmetic"),
    "merge, expand": (r"(?i)\b(un)?fold(s|ed|ing)?\b", "the folded values"),
    "min, max": (r"\b(from|the) (the )?least (to|and) (the )?(most|greatest)\b", "the least and the most"),
    "component, dependency": (r"\b(rooms?|arrows?) of (src|the source)\b", "the rooms of src"),
}


def c_prose(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each comment and string literal of a C file. Consecutive // lines are one comment."""
    lines: list[str] = []
    first = last = 0
    for match in re.finditer(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", text, re.DOTALL):
        token, line = match.group(0), text.count("\n", 0, match.start()) + 1
        if token.startswith("//") and lines and line == last + 1:
            lines.append(token[2:].strip())
            last = line
            continue
        if lines:
            yield first, " ".join(lines)
            lines = []
        if token.startswith("//"):
            first = last = line
            lines = [token[2:].strip()]
        elif token.startswith("/*"):
            yield line, " ".join(part.strip().lstrip("*").strip() for part in token[2:-2].splitlines()).strip()
        elif token.startswith('"'):
            yield line, token[1:-1]
    if lines:
        yield first, " ".join(lines)


def python_prose(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each comment and string of a Python file; of f-strings the constant parts."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, " ".join(node.value.split())


def shell_prose(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each comment line of a script, and of each line with a quoted text."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            yield number, line.lstrip("# ")
        else:
            yield from ((number, part) for part in re.findall(r"'([^']*)'|\"([^\"]*)\"", line) for part in part if part)


def page_prose(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each paragraph of a page; code blocks and tables line by line."""
    number = 1
    for paragraph in text.split("\n\n"):
        lines = paragraph.splitlines()
        whole = not any(line.startswith(("|", "```")) for line in lines)
        yield from [(number, " ".join(lines))] if whole else enumerate(lines, number)
        number += len(lines) + 1


@functools.cache
def prose(path: Path) -> tuple[tuple[int, str], ...]:
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".c", ".h"):
        return tuple(c_prose(text))
    if path.suffix == ".md":
        return tuple(page_prose(text))
    if path.suffix == ".py" or text.startswith("#!/usr/bin/env python3"):
        return tuple(python_prose(text))
    return tuple(shell_prose(text))


@functools.cache
def files() -> list[Path]:
    found = [path for folder in ("src", "jobs", "tests", "analysis/weightsweep") for path in (HOME / folder).rglob("*") if path.is_file()]
    pages = [HOME / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "sweeps/README.md", "analysis/FINDINGS.md", "analysis/RESULTS.md")]
    skipped = {"__pycache__", "data", "fuzz"}  # fuzz: inputs of the fuzzer
    kinds = {".c", ".h", ".py", ".sh", ".md", ".sbatch", ""}
    return sorted(path for path in found + pages if path.suffix in kinds and not skipped & set(path.parts) and path != Path(__file__).resolve())


def hits(path: Path, advice: str) -> list[str]:
    pattern = re.compile(EXPRESSIONS[advice][0])
    found = ((line, pattern.search(text)) for line, text in prose(path))
    return [f"{path.relative_to(HOME)}:{line}: `{match.group(0)}`: {advice}" for line, match in found if match]


@pytest.mark.parametrize("advice", EXPRESSIONS)
def test_no_file_has_the_expression(advice: str) -> None:
    found = [hit for path in files() for hit in hits(path, advice)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("advice", EXPRESSIONS)
@pytest.mark.parametrize("suffix, form", [(".c", "int x; // {}\n"), (".c", 'int x;\n/* {} */\n'), (".py", "x = 1  # {}\n"), (".py", 'x = "{}"\n'), (".sh", "# {}\n"), (".md", "{}\n")])
def test_expression_finds_its_example(tmp_path: Path, advice: str, suffix: str, form: str) -> None:
    path = tmp_path / f"example{suffix}"
    path.write_text(form.format(EXPRESSIONS[advice][1]))
    assert any(re.search(EXPRESSIONS[advice][0], text) for _, text in prose(path))


def test_comment_lines_are_within_the_limit() -> None:
    paths = [path for path in files() if path.suffix in (".c", ".h")]
    lines = [(path, number, line) for path in paths for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]
    long = [f"{path.relative_to(HOME)}:{number}: {len(line)} columns" for path, number, line in lines if len(line) > LIMIT and re.match(r"\s*(//|/?\*)", line)]
    assert not long, "\n" + "\n".join(long)
