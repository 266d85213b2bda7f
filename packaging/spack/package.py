# Not run here: no build was made. Written to Spack's packaging guide (version 1.0 and later). The
# names and variants are those of the builtin repository; the style is checked with ruff.
#
#   git archive --prefix=weightsweep-0.5.0/ -o weightsweep-0.5.0.tar.gz HEAD  # in the checkout
#   spack repo create REPO weightsweep && spack repo add REPO
#   install -D packaging/spack/package.py REPO/packages/weightsweep/package.py
#   spack install --no-checksum weightsweep            # where the archive is
#   spack test run weightsweep

import os

from spack_repo.builtin.build_systems.cmake import CMakePackage

from spack.package import *


class Weightsweep(CMakePackage):
    """weightsweep trains grids of small networks that infer the weights of other networks
    from input/output pairs, with MPI, and writes every result to one HDF5 file."""

    manual_download = True
    url = f"file://{os.getcwd()}/weightsweep-0.5.0.tar.gz"

    license("MIT")

    version("0.5.0")

    variant("onednn", default=True, description="Use oneDNN for bf16", when="target=x86_64:")
    variant("python", default=True, description="Install what the Python package needs")

    depends_on("c", type="build")
    depends_on("cmake@3.21:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("help2man", type="build")

    depends_on("mpi@3:")
    depends_on("hdf5@1.10.2:+hl")
    depends_on("openblas")
    depends_on("libyaml")
    depends_on("cjson")
    depends_on("random123")
    depends_on("zlib-api")
    depends_on("onednn@2.6:3 cpu_runtime=omp", when="+onednn")

    with when("+python"):
        depends_on("python@3.11:", type="run")
        depends_on("py-h5netcdf", type="run")
        depends_on("py-h5py", type="run")
        depends_on("py-matplotlib", type="run")
        depends_on("py-numpy", type="run")
        depends_on("py-scipy", type="run")
        depends_on("py-xarray", type="run")

    def cmake_args(self):
        return [
            self.define("ONEDNN", self.spec.satisfies("+onednn")),
            self.define("BUILD_TESTING", self.run_tests),
        ]

    def setup_run_environment(self, env):
        if self.spec.satisfies("+python"):
            env.prepend_path("PYTHONPATH", join_path(self.prefix.share, "weightsweep", "analysis"))

    def test_info(self):
        """the program starts and names its version"""
        weightsweep = which(self.prefix.bin.weightsweep)
        out = weightsweep("info", output=str.split, error=str.split)
        assert str(self.spec.version) in out

    def test_plan(self):
        """an installed sweep is planned without MPI"""
        weightsweep = which(self.prefix.bin.weightsweep)
        sweep = join_path(self.prefix.share, "weightsweep", "sweeps", "quick.yaml")
        out = weightsweep("plan", sweep, "--format", "json", output=str.split)
        assert '"totals"' in out
