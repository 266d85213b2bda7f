"""Documents and package recipes name the version in CMakeLists.txt, and the recipes are Python, YAML and definitions without a syntax error."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    return (HOME / name).read_text()


def first(pattern: str, name: str) -> str:
    found = re.search(pattern, text(name), re.MULTILINE)
    assert found, f"{name}: expected a line that matches {pattern}"
    return found[1]


VERSION = first(r"^project\(weightsweep VERSION ([0-9.]+)", "CMakeLists.txt")
EASYCONFIG = next((HOME / "packaging" / "easybuild").glob("*.eb")).relative_to(HOME).as_posix()


@pytest.mark.parametrize(
    "pattern, name",
    [
        (r'^version = "(.*)"$', "analysis/pyproject.toml"),
        (r'^__version__ = "(.*)"$', "analysis/weightsweep/__init__.py"),
        (r"^## ([0-9.]+) \(\d{4}-\d\d-\d\d\)$", "CHANGELOG.md"),
        (r"^version: (.*)$", "CITATION.cff"),
        (r'^    version\("(.*)"\)$', "packaging/spack/package.py"),
        (r"^version = '(.*)'$", EASYCONFIG),
    ],
)
def test_version_is_that_of_cmake(pattern: str, name: str) -> None:
    assert first(pattern, name) == VERSION


@pytest.mark.parametrize("name", ["packaging/spack/package.py", EASYCONFIG])
def test_archive_names_have_the_version(name: str) -> None:
    named = set(re.findall(r"weightsweep-(\d+\.\d+\.\d+)", name + text(name)))
    assert named == {VERSION}


def test_changelog_has_every_version_once_in_descending_order() -> None:
    versions = [tuple(map(int, each.split("."))) for each in re.findall(r"^## ([0-9.]+) ", text("CHANGELOG.md"), re.MULTILINE)]
    assert versions[-1] == (0, 1, 0)
    assert versions == sorted(set(versions), reverse=True)


def test_citation_is_complete() -> None:
    """The keys that CFF 1.2.0 requires, and no author but the maintainers."""
    keys = dict(re.findall(r"^([a-z-]+):\s*(.*)$", text("CITATION.cff"), re.MULTILINE))
    assert keys["cff-version"] == "1.2.0" and keys["type"] == "software"
    assert {"message", "title", "authors", "version", "date-released", "license"} <= set(keys)
    assert re.findall(r"^  - name: (.*)$", text("CITATION.cff"), re.MULTILINE) == ["weightsweep maintainers"]
    assert first(rf"^## {re.escape(VERSION)} \((.*)\)$", "CHANGELOG.md") == keys["date-released"]


def test_spack_package() -> None:
    """Spack's rules: the class is the package's name in capitals, lines end before column 100, tests are test_ methods with a docstring."""
    tree = ast.parse(text("packaging/spack/package.py"))
    package = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    assert package.name == "Weightsweep" and ast.get_docstring(package)
    tests = [node for node in package.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert tests and all(ast.get_docstring(test) for test in tests)
    assert max(map(len, text("packaging/spack/package.py").splitlines())) < 100


def test_easyconfig() -> None:
    """An easyconfig is Python: it has the mandatory parameters, and its file name is made of them."""
    names: dict[str, object] = {constant: constant for constant in ("SOURCE_TAR_GZ", "SOURCELOWER_TAR_GZ")}
    exec(compile(text(EASYCONFIG), EASYCONFIG, "exec"), names)
    assert {"name", "version", "homepage", "description", "toolchain", "moduleclass"} <= set(names)
    toolchain = names["toolchain"]
    assert isinstance(toolchain, dict)
    assert Path(EASYCONFIG).name == f"{names['name']}-{names['version']}-{toolchain['name']}-{toolchain['version']}.eb"


def test_apptainer_definition() -> None:
    """Every stage has its base and every shell section is valid shell."""
    definition = text("packaging/apptainer/weightsweep.def")
    stages = re.split(r"^Bootstrap: ", definition, flags=re.MULTILINE)[1:]
    assert len(stages) == 2 and all(re.search(r"^From: .", stage, re.MULTILINE) for stage in stages)
    for section in re.findall(r"^%(?:post|environment|runscript|test)\n((?:    .*\n|\n)+)", definition, re.MULTILINE):
        subprocess.run(["sh", "-n"], input=section, text=True, check=True)


def test_python_package_needs_what_the_debian_package_needs() -> None:
    needs = set(tomllib.loads(text("analysis/pyproject.toml"))["project"]["dependencies"])
    debian = set(re.findall(r"python3-([a-z0-9]+)", first(r'set\(CPACK_DEBIAN_PACKAGE_DEPENDS "((?:.|\n)*?)"\)', "packaging/package.cmake")))
    assert needs == debian == set(re.findall(r'depends_on\("py-(.*?)"', text("packaging/spack/package.py")))


def test_python_package_lists_every_folder() -> None:
    """setuptools packs only the folders and the kinds of files that pyproject.toml lists."""
    settings = tomllib.loads(text("analysis/pyproject.toml"))["tool"]["setuptools"]
    root = HOME / "analysis"
    assert set(settings["packages"]) == {".".join(path.parent.relative_to(root).parts) for path in root.glob("weightsweep/**/__init__.py")}
    data = {path for package, patterns in settings["package-data"].items() for pattern in patterns for path in (root / package.replace(".", "/")).glob(pattern)}
    files = {path for path in root.glob("weightsweep/**/*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert data == files


def test_readme_names_the_oldest_python() -> None:
    assert first(r"^\| Python .*?\| ([0-9.]+) ", "README.md") == first(r'^requires-python = ">=(.*)"', "analysis/pyproject.toml")
