"""The portable kernels give the same bits with every compiler, optimization level, instruction set and processor, and their GEMM uses no
multiplication or addition that is not fused."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The known answers. They change only with the version of the portable numerics.
DIGESTS = {
    "gemm": "942b211de57b23e0",
    "sums": "a0c1a1d4929313ae",
    "simd_math": "35cb9239d0a664ef",
    "math": "9b8a2a0abd9ce8a4",
    "least_squares": "e79ccf192088d0d1",
    "batched": "e11dfb4ce654bf8d",
}

KERNELS = ["simd_set", "gemm_fp32", "math"]
ONCE = [*(f"src/kernel/{name}.c" for name in KERNELS), "tests/unit/kernel_digest.c"]
LOOPS = ["batched_loops", "least_squares_loops", "gemm_fp32_tiles", "sums"]
PER_SET = [*(f"src/kernel/{name}.c" for name in LOOPS), "tests/unit/simd_arrays.c"]
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi", f"-I{ROOT}/src", f"-I{ROOT}/tests/unit"]
SETS = {
    "x86_64": {
        "PLAIN": [],
        "AVX2": ["-mavx2", "-mfma"],
        "AVX512": ["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"],
    },
    "aarch64": {"PLAIN": [], "NEON": []},
}


def build(compiler: list[str], machine: str, folder: Path) -> Path:
    objects = []
    sources = [(source, "", []) for source in ONCE]
    sources += [(source, name, [f"-DSIMD_{name}", *flags]) for name, flags in SETS[machine].items() for source in PER_SET]
    for source, name, flags in sources:
        objects.append(folder / f"{Path(source).stem}{name}.o")
        subprocess.run([*compiler, *FLAGS, *flags, "-c", ROOT / source, "-o", objects[-1]], check=True)
    program = folder / "kernel_digest"
    subprocess.run([*compiler, *objects, "-o", program, "-lm"], check=True)
    return program


def check_digests(command: list[str | Path]) -> None:
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    digests = [line.rsplit(" ", 2) for line in lines]
    assert {kernel for _, kernel, _ in digests} == set(DIGESTS)
    assert [line for line, (_, kernel, digest) in zip(lines, digests, strict=True) if digest != DIGESTS[kernel]] == []


@pytest.mark.parametrize("level", ["-O1", "-O3"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_same_digests_with_each_compiler(compiler: str, level: str, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    machine = os.uname().machine
    if machine not in SETS:
        pytest.skip(f"no instruction sets are known for {machine}")
    check_digests([build([compiler, level], machine, tmp_path)])


@pytest.mark.parametrize("level", ["-O1", "-O3"])
def test_same_digests_on_aarch64(level: str, tmp_path: Path) -> None:
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not compiler or not emulator:
        pytest.skip("gcc-aarch64-linux-gnu and qemu-user-static are not installed")
    check_digests([emulator, build([compiler, level, "-static"], "aarch64", tmp_path)])


def functions_of(object_file: str) -> dict[str, str]:
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", object_file], check=True, capture_output=True, text=True).stdout
    parts = re.split(r"^[0-9a-f]+ <(\S+)>:$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_gemm_has_only_fused_multiply_adds() -> None:
    if not shutil.which("objdump"):
        pytest.skip("objdump is not installed")
    objects = [name for name in os.environ["KERNEL_OBJECTS"].split(":") if "gemm_fp32_tiles" in name]
    assert objects
    for name in objects:
        tiles = {function: code for function, code in functions_of(name).items() if re.match(r"(tile|transposed)_\d", function)}
        assert len(tiles) >= 12, name
        for function, code in tiles.items():
            assert re.search(r"\bvfn?madd\d+ps|\bfmla\b", code), f"{function} in {name} has no fused multiply-add"
            separate = re.search(r"\s(v?(mul|add|sub)[ps]s|f(mul|add|sub|nmul))\s.*", code)
            assert not separate, f"{function} in {name}: {separate and separate.group(0).strip()}"
