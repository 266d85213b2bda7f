cmake_minimum_required(VERSION 3.21)
# Writes `header` with the git revision of `source`, "unknown" without git. The header changes only with the revision.
set(revision unknown)
if(EXISTS ${source}/.git) # else git would take a repository further up
  execute_process(COMMAND git -C ${source} describe --always --dirty OUTPUT_VARIABLE described
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(revision ${described})
  endif()
endif()
file(CONFIGURE OUTPUT ${header} CONTENT "#define REVISION \"@revision@\"\n" @ONLY)
