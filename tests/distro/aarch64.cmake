# Cross-compilation to aarch64 on Debian with the libraries of `dpkg --add-architecture arm64`; tests run under qemu.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
# Open MPI's compiler wrapper is a program of aarch64.
set(MPI_C_COMPILER aarch64-linux-gnu-gcc)
set(MPI_C_HEADER_DIR /usr/lib/aarch64-linux-gnu/openmpi/include)
set(MPI_C_LIB_NAMES mpi)
set(MPI_mpi_LIBRARY /usr/lib/aarch64-linux-gnu/libmpi.so)
# The wrapper h5cc names the libraries of this machine.
set(HDF5_ROOT /usr/lib/aarch64-linux-gnu/hdf5/serial)
