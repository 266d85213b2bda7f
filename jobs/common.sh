# shellcheck shell=bash
# Sourced by the scripts of this folder and by tests/run.
#
# home: the checkout. Messages of these functions go to standard error, results to standard output.

home=${home:-$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)}

say() { printf '%s\n' "$*" >&2; }
fail() { # fail CODE SENTENCE
  local code=$1
  shift
  say "${0##*/}: $*"
  exit "$code"
}

# ':' separates targets in make and folders in PYTHONPATH.
case $home in *:*) fail 2 "the path '$home' contains ':', which make and Python cannot handle: move or rename that folder" ;; esac
if [ -n "${TMPDIR:-}" ] && { [ ! -d "$TMPDIR" ] || [ ! -w "$TMPDIR" ]; }; then
  say "${0##*/}: TMPDIR is not a writable folder: '$TMPDIR'. Using /tmp."
  export TMPDIR=/tmp
fi

# --help: the comment at the top of the calling script.
usage() { sed -n '2,/^set -eu/{/^#SBATCH/d;/^#/s/^# \{0,1\}//p}' "$0" || fail 4 'cannot write to standard output'; }

# parse_arguments ARGUMENTS...: a command line SWEEP.yaml... [OPTION [VALUE]]... [-- OPTIONS OF weightsweep run...]. The caller lists
# its options in takes_value and flags; the results are in sweeps, option[NAME] (1 for a flag) and run_options.
takes_value=()
flags=()
sweeps=()
run_options=()
declare -A option=()
# shellcheck disable=SC2034 # the caller uses these variables
parse_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage && exit 0 ;;
      --) run_options=("${@:2}") && check_run_options && return ;;
      --*=*)
        listed "${1%%=*}" ${takes_value+"${takes_value[@]}"} || unknown_option "$1"
        option[${1%%=*}]=${1#*=}
        shift
        ;;
      -*)
        if listed "$1" ${takes_value+"${takes_value[@]}"}; then
          [ $# -gt 1 ] || fail 2 "$1 needs a value (--help shows the usage)"
          option[$1]=$2
          shift 2
        elif listed "$1" ${flags+"${flags[@]}"}; then
          option[$1]=1
          shift
        else
          unknown_option "$1"
        fi
        ;;
      *) sweeps+=("$1") && shift ;;
    esac
  done
}
# The scripts read the results file, so its name is an option of the scripts, not of run.
check_run_options() {
  local word
  for word in ${run_options+"${run_options[@]}"}; do
    case $word in -o* | --output*) fail 2 "'$word' after --: name the results file before it" ;; esac
  done
}
unknown_option() { fail 2 "unknown option '$1': options of 'weightsweep run' follow after -- (--help shows the usage)"; }
listed() { # listed WORD WORDS...: whether it is one of them
  local word=$1 other
  shift
  for other in "$@"; do
    if [ "$word" = "$other" ]; then return 0; fi
  done
  return 1
}

# one_sweep EXAMPLE: the only sweep file of the command line, in sweep.
one_sweep() {
  [ ${#sweeps[@]} != 0 ] || fail 2 "which sweep? For example: $1 (--help shows the usage)"
  [ ${#sweeps[@]} = 1 ] || fail 2 "expected one sweep file, not '${sweeps[0]}' and '${sweeps[1]}'"
  sweep=${sweeps[0]}
  check_readable "$sweep"
}
check_readable() { if [ ! -f "$1" ] || [ ! -r "$1" ]; then fail 2 "no sweep file '$1'"; fi; }

# cpu_quotas [MEMBERSHIP FOLDER]: "QUOTA PERIOD" per line (microseconds) of this process's control group and each group above it,
# versions 2 and 1.
cpu_quotas() {
  local root=${2:-/sys/fs/cgroup} controllers group folder
  while IFS=: read -r _ controllers group; do
    case ,$controllers, in
      ,,) folder=$root ;;
      *,cpu,*) folder=$root/cpu ;;
      *) continue ;;
    esac
    while group=${group%/}; do
      cat "$folder$group/cpu.max" 2>/dev/null || true
      paste -d ' ' "$folder$group"/cpu.cfs_{quota,period}_us 2>/dev/null || true
      if [ -z "$group" ]; then break; fi
      group=${group%/*}
    done
  done <"${1:-/proc/self/cgroup}"
}

# Number of physical cores that this process may use, limited by its CPU affinity and its control groups.
core_count() {
  local cores allowed quota period
  allowed=$(nproc)
  cores=$({ lscpu -p=CORE,SOCKET 2>/dev/null || true; } | grep -v '^#' | sort -u | wc -l)
  if [ "$cores" -eq 0 ] || [ "$cores" -gt "$allowed" ]; then cores=$allowed; fi
  while read -r quota period; do
    case $quota in '' | max | -*) continue ;; esac
    quota=$(((quota + period - 1) / period))
    if [ "$quota" -lt "$cores" ]; then cores=$quota; fi
  done < <(cpu_quotas)
  echo "$cores"
}

# Environment of every launcher and its ranks. The numerics need one thread per rank. Open MPI starts as root only with these variables;
# Hydra (MPICH, Intel MPI, MVAPICH) and srun need none.
mpi_environment() {
  export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
  if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
}

# Environment for ranks on this machine only, which may have other load: allow more ranks than cores; do not bind ranks to cores, since
# two mpirun at once would bind to the same cores; a waiting rank yields its core, else a step that two ranks share takes many times as
# long on busy cores; exchange messages through shared memory (ob1), since a search for networks takes 0.2 s at each start.
# OMPI_MCA_rmaps_*, hwloc_* and plm_* are for Open MPI 4, PRTE_MCA_* for Open MPI 5. These are Hydra's defaults.
mpi_environment_local() {
  mpi_environment
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
  export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe PRTE_MCA_hwloc_default_binding_policy=none
  export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_pml="${OMPI_MCA_pml-ob1}"
  if ! command -v ssh >/dev/null; then export OMPI_MCA_plm_rsh_agent=/bin/false PRTE_MCA_plm_ssh_agent=/bin/false; fi
}

# local_launcher RANKS: sets launch to the command that starts ranks on this machine: the mpirun of PATH, or the one that MPIRUN names.
# All variables are passed to the ranks. With -q Open MPI 4 does not comment on the exit code; the others have no such option.
# MPIRUN_MESSAGES=1 leaves -q out: Open MPI then names the rank that was killed.
local_launcher() {
  local mpirun=${MPIRUN:-mpirun} limit
  limit=$(ulimit -f) # Open MPI 4 hangs below 4 MB, the length of its shared memory
  if [ "$limit" != unlimited ] && [ "$limit" -lt 4096 ]; then
    fail 4 "files may have at most $limit kB (\`ulimit -f\`), but ranks share files of 4096 kB; raise the limit and run the same command again"
  fi
  mpi_environment_local
  launch=("$mpirun" -n "$1")
  if [ -n "${MPIRUN_MESSAGES:-}" ]; then return; fi
  case $("$mpirun" --version 2>&1 </dev/null) in
    *'(Open MPI) '[1-4].* | *'(OpenRTE) '[1-4].*) launch=("$mpirun" -q -n "$1") ;;
  esac
}

# quietly LOG COMMAND...: runs the command with its output in LOG; prints the end of LOG if the command fails.
quietly() {
  local log=$1 code=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 </dev/null || code=$?
  if [ "$code" != 0 ]; then
    tail -n 40 "$log" >&2
    say "${0##*/}: this command failed (its output is in $log): $*"
  fi
  return "$code"
}

# installed: true if these scripts were installed with the program (PREFIX/share/weightsweep/jobs), false in a checkout.
installed() { [ ! -f "$home/CMakeLists.txt" ]; }

# program: the path of the program: WEIGHTSWEEP, else the installed program, else the release build of the checkout.
program() {
  local default=$home/build/release/weightsweep
  if installed; then default=${home%/share/*}/bin/weightsweep; fi
  printf '%s\n' "${WEIGHTSWEEP:-$default}"
}

check_program() { # check_program PROGRAM: it is there
  local remedy='build it first (jobs/install && cmake --preset release && cmake --build --preset release)'
  if installed; then remedy='install weightsweep again, or name another program in WEIGHTSWEEP'; fi
  [ -x "$1" ] || fail 2 "$1 is not an executable program: $remedy"
}

# Builds the program, unless it is installed or WEIGHTSWEEP names one. Takes a fraction of a second when it is up to date.
build_program() {
  if [ -n "${WEIGHTSWEEP:-}" ] || installed; then return; fi
  local build=$home/build/release
  if [ ! -w "$home" ] && [ -x "$build/weightsweep" ]; then
    [ -z "$(find "$home/src" "$home/CMakeLists.txt" -newer "$build/weightsweep" -print -quit)" ] ||
      fail 2 "'$build/weightsweep' is older than its source, and '$home' is not writable: build it again as its owner, or name another program in WEIGHTSWEEP"
    return
  fi
  if [ ! -x "$build/weightsweep" ]; then say "Building weightsweep in ${build#"$PWD"/} ..."; fi
  if [ ! -f "$build/Makefile" ] && [ ! -f "$build/build.ninja" ]; then
    (cd "$home" && quietly "$build/configure.log" cmake --preset release -DBUILD_TESTING=OFF) || return 1
  fi
  (cd "$home" && quietly "$build/build.log" cmake --build --preset release --target weightsweep --parallel "$(nproc)") || return 1
}

# Default results file of a sweep file.
default_results() {
  local name=${1##*/}
  printf 'results/%s.h5\n' "${name%.y*ml}"
}

# Quotes a command line for a shell.
quoted() {
  local word line=
  for word in "$@"; do
    case $word in
      *[!A-Za-z0-9_./:=,@%+-]* | '') printf -v word '%q' "$word" ;;
    esac
    line+=" $word"
  done
  printf '%s\n' "${line# }"
}

# plan_json SWEEP [run options...]: the plan of the sweep as JSON, or the exit code of the program for a wrong sweep file. Uses only --set
# among the options.
plan_json() {
  local sweep=$1 code=0
  local -a set=()
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --set) set+=("$1" "${2-}") && shift ;;
      --set=*) set+=("$1") ;;
    esac
    shift $(($# > 0 ? 1 : 0))
  done
  "$(program)" plan "$sweep" --format json ${set+"${set[@]}"} || code=$?
  return "$code"
}
plan_check() {
  plan_json "$@" >/dev/null || return $?
  known_run_options "${@:2}"
}

# known_run_options OPTIONS...: refuses options that the program would refuse when the job begins.
known_run_options() {
  local word help
  [ $# != 0 ] || return 0
  help=$("$(program)" run --help) || return 0 # the program itself reports why it cannot start
  for word in "$@"; do
    case $word in
      --*) [[ $help =~ (^|[[:space:]])"${word%%=*}"([[:space:]]|$) ]] || fail 2 "'${word%%=*}' after --: unknown option of 'weightsweep run'; see weightsweep run --help" ;;
    esac
  done
}

# end_without_ranks LAUNCHER: kills an mpirun whose children have all been dead for ten seconds. Open MPI's mpirun can deadlock at its
# end if a rank was killed while it connected (seen in 4.1.4 with PMIx 4.2.2); it would run until the job's time limit.
end_without_ranks() {
  local dead=0 child state states
  while [ "$dead" -lt 5 ]; do
    sleep 2 >/dev/null 2>&1
    states=
    for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null || true); do
      state=$(sed 's/.*) //; s/ .*//' "/proc/$child/stat" 2>/dev/null || true)
      states+=${state:-Z}
    done
    if [[ $states =~ ^Z+$ ]]; then dead=$((dead + 1)); else dead=0; fi
  done
  say "All ranks have ended, but the launcher has not: killing it."
  kill -KILL "$1" 2>/dev/null || true
}

# run_ranks COMMAND...: runs the command, its pid in ranks, and sets code to its exit code. Traps of the caller run while it waits.
ranks=
signals=0 # the traps count them: a signal ends `wait` early
run_ranks() {
  local watch before=
  "$@" </dev/null &
  ranks=$!
  end_without_ranks "$ranks" </dev/null >/dev/null &
  watch=$!
  while [ "$before" != "$signals" ]; do
    before=$signals
    wait "$ranks" && code=0 || code=$?
  done
  kill "$watch" 2>/dev/null || true
}

# explain CODE RESULTS: explains an exit code of the ranks that leaves work to do. The program itself has explained 2, 3 and 75.
explain() {
  case $1 in
    75) ;; # the program has said so
    4) say "Stopped by the machine (see above); $2 holds all up to the last checkpoints." ;;
    5) say "Done, but some runs diverged or failed (see the table); -- --retry in the next command repeats them." ;;
    2 | 3) say "Not started: see above." ;;
    *) say "The ranks ended early ($(ended_by "$1")). If $2 exists, it holds all up to the last checkpoints." ;;
  esac
}
ended_by() {
  case $1 in
    137) echo "exit code 137: a rank was killed, or its node ran out of memory" ;;
    126 | 127) echo "exit code $1: the launcher or the program could not be started" ;;
    129 | 1[3-8]? | 19[0-2]) echo "exit code $1: signal $(kill -l "$1")" ;;
    *) echo "exit code $1" ;;
  esac
}

# draw RESULTS: prints the table and draws the figures in the folder of the results. A failed figure is reported and changes no exit code.
draw() {
  "$home/jobs/python" -m weightsweep table "$1" || say "The table could not be made; the results are in $1."
  "$home/jobs/python" -m weightsweep plot "$1" || say "The plots could not be made; the results are in $1."
  say "For one page with everything: $(quoted "$(if installed; then echo "$home/"; fi)jobs/python" -m weightsweep report "$1")"
}
