# Installation beside the program (jobs, sweeps, Python package), and `cpack`: a Debian package, or an archive where
# dpkg-shlibdeps is not installed. packaging/README.md describes both.

set(share ${CMAKE_INSTALL_DATADIR}/weightsweep)
install(DIRECTORY jobs sweeps DESTINATION ${share} USE_SOURCE_PERMISSIONS)
install(DIRECTORY analysis/weightsweep DESTINATION ${share}/analysis COMPONENT python PATTERN __pycache__ EXCLUDE)
install(FILES analysis/pyproject.toml DESTINATION ${share}/analysis COMPONENT python)

# The program prints its completion for bash, and help2man makes the manual from its help.
set(completion ${CMAKE_BINARY_DIR}/completion/weightsweep)
add_custom_command(OUTPUT ${completion} DEPENDS weightsweep
                   COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/completion
                   COMMAND weightsweep completion bash >${completion} ||
                           ${CMAKE_COMMAND} -E rm ${completion}
                   COMMENT "Writing the completion for bash")
add_custom_target(completion ALL DEPENDS ${completion})
install(FILES ${completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions OPTIONAL)

# Only in the Debian package: the Python package on the path of /usr/bin/python3, and the documents.
install(DIRECTORY analysis/weightsweep DESTINATION lib/python3/dist-packages COMPONENT debian EXCLUDE_FROM_ALL
        PATTERN __pycache__ EXCLUDE)
install(FILES LICENSE RENAME copyright DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES CHANGELOG.md RENAME changelog DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT debian EXCLUDE_FROM_ALL)
file(CREATE_LINK ../../weightsweep/sweeps ${CMAKE_BINARY_DIR}/examples SYMBOLIC)
install(FILES README.md CITATION.cff ${CMAKE_BINARY_DIR}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
        COMPONENT debian EXCLUDE_FROM_ALL)

set(CPACK_PACKAGE_NAME weightsweep)
set(CPACK_PACKAGE_VENDOR weightsweep)
set(CPACK_PACKAGE_CONTACT "weightsweep maintainers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "trains grids of networks that infer the weights of other networks")
set(CPACK_PACKAGE_DESCRIPTION "weightsweep trains grids of small networks that infer the weights of
other networks from input/output pairs, with MPI, on anything from a laptop
to a cluster. Results, curves, models and checkpoints are written to one
HDF5 file. A Python package makes tables, figures and a report from it.")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES TRUE)

find_program(DPKG_SHLIBDEPS dpkg-shlibdeps)
if(DPKG_SHLIBDEPS)
  set(CPACK_GENERATOR DEB)
else()
  set(CPACK_GENERATOR TGZ)
endif()

if(CPACK_GENERATOR STREQUAL DEB)
  set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};weightsweep;Unspecified;/;${CMAKE_BINARY_DIR};weightsweep;debian;/")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  # 1~debian12: names the release on which the package was built; an official package of that release sorts as newer.
  file(STRINGS /etc/os-release distribution REGEX "^ID=")
  file(STRINGS /etc/os-release number REGEX "^VERSION_ID=")
  string(REGEX REPLACE "ID=|VERSION_ID=|\"" "" distribution "1~${distribution}${number}")
  set(CPACK_DEBIAN_PACKAGE_RELEASE ${distribution})
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_PACKAGE_SECTION science)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  set(launcher openmpi-bin)
  if("${MPI_C_LIBRARIES}" MATCHES mpich)
    set(launcher mpich)
  endif()
  set(CPACK_DEBIAN_PACKAGE_DEPENDS "${launcher}, python3 (>= 3.11), python3-h5netcdf, python3-h5py, python3-matplotlib, \
python3-numpy, python3-scipy, python3-xarray")
  set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3-pandas, python3-torch, slurm-client")
  set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/packaging/debian/compress.cmake)
  set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/debian/postinst
      ${CMAKE_SOURCE_DIR}/packaging/debian/prerm)
  set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
endif()
include(CPack)
