# shellcheck shell=bash
# Sourced by jobs/submit and jobs/scaling after common.sh: settings of the cluster and the head of a batch script.

# read_settings: reads jobs/settings, the user's settings and the options of the command line, and checks the values of the batch script.
read_settings() {
  local own=${WEIGHTSWEEP_SETTINGS:-${XDG_CONFIG_HOME:-${HOME:-}/.config}/weightsweep/settings}
  # shellcheck source-path=SCRIPTDIR source=settings disable=SC2154 # home is common.sh's
  . "$home/jobs/settings"
  if [ -f "$own" ]; then
    check_names "$own"
    # shellcheck source=/dev/null
    . "$own" || fail 2 "your settings $own could not be read (see above); $home/jobs/settings is an example"
  elif [ -n "${WEIGHTSWEEP_SETTINGS:-}" ]; then
    fail 2 "no settings file '$own' (WEIGHTSWEEP_SETTINGS names it)"
  fi
  partition=${option[--partition]-$partition}
  account=${option[--account]-$account}
  time=${option[--time]-$time}
  nodes=${option[--nodes]-}
  tasks=${option[--tasks]-}
  setting partition "$partition" '^[A-Za-z0-9_.,-]*$' 'a name'
  setting account "$account" '^[A-Za-z0-9_.,-]*$' 'a name'
  setting time "$time" '^([0-9]+-[0-9]+(:[0-9]+){0,2}|[0-9]+(:[0-9]+){0,2}|)$' 'minutes, H:M:S or D-H, such as 4:00:00'
  setting lead "$lead" '^[1-9][0-9]{0,4}$' 'seconds, such as 120'
  check_lead
  setting nodes "$nodes" '^([1-9][0-9]*(-[1-9][0-9]*)?|)$' 'a number, or minimum and maximum, such as 2-4'
  [ "${nodes%-*}" -le "${nodes#*-}" ] 2>/dev/null || [ -z "$nodes" ] || fail 2 "nodes: '$nodes': expected the smaller number first"
  setting tasks "$tasks" '^([1-9][0-9]*|)$' 'a number of ranks of at least 1'
  setting launcher "$launcher" '^(mpirun|mpiexec|srun)[.a-z0-9]*( |$)' "mpirun, mpiexec or srun with its options, such as 'srun --mpi=pmix'"
  setting modules "$modules" '^[A-Za-z0-9_.,/+@%=: -]*$' 'names of modules, separated by spaces'
  setting options "$options" '^(--[^[:cntrl:]]+|)$' 'options of sbatch, each beginning with --'
  case $launcher in
    *--kill-on-bad-exit* | mpi*) ;;
    srun*) launcher=${launcher/srun/srun --kill-on-bad-exit=1} ;; # else the ranks would wait for one that is lost
  esac
}
# Without this check a misspelt name would be ignored.
check_names() {
  local name names
  names=$(assigned "$home/jobs/settings")
  for name in $(assigned "$1"); do
    # shellcheck disable=SC2086 # one word a name
    listed "$name" $names || fail 2 "$1: unknown setting '$name'; expected one of" $names "(write variables of your own in capitals)"
  done
}
assigned() { sed -nE 's/^[[:space:]]*([a-z_]+)=.*/\1/p' "$1"; }
# With a time limit of at most `lead` seconds a job would save before it has begun.
check_lead() {
  local days=0 clock=$time hours=0 minutes=0 seconds=0
  case $time in '' | 0) return ;; esac # 0: no limit
  case $time in
    *-*)
      days=${time%%-*} clock=${time#*-}
      IFS=: read -r hours minutes seconds <<<"$clock"
      ;;
    *:*:*) IFS=: read -r hours minutes seconds <<<"$clock" ;;
    *) IFS=: read -r minutes seconds <<<"$clock" ;;
  esac
  seconds=$((10#$days * 86400 + 10#${hours:-0} * 3600 + 10#${minutes:-0} * 60 + 10#${seconds:-0}))
  [ "$seconds" -gt "$lead" ] || fail 2 "time: '$time' is not longer than the $lead seconds before its end at which the job saves: choose a longer time, or a smaller lead in the settings"
}
setting() { # setting NAME VALUE PATTERN EXPECTED
  [[ $2 =~ $3 ]] || fail 2 "$1: expected $4, not '$2' (in jobs/settings, your own settings, or --$1)"
}

# default_tasks: sets tasks to all cores of the nodes, unless --tasks is set.
default_tasks() {
  local cores
  if [ -n "$tasks" ]; then return; fi
  cores=$(sinfo --noheader ${partition:+--partition="$partition"} --format '%P %z' 2>/dev/null | # SOCKETS:CORES:THREADS
    awk -v any="$partition" 'any != "" || $1 ~ /\*$/ { split($2, n, ":"); c = n[1] * n[2]; if (!least || c < least) least = c } END { print least }')
  [ -n "$cores" ] || fail 2 "cannot determine the number of ranks: SLURM does not report the cores per node of ${partition:-the default partition}. Set --tasks N"
  tasks=$((${nodes%%-*} * cores))
}

# batch_head NAME LOG [OPTIONS...]: prints the first lines of a batch script; LOG in SLURM's notation (%j: job id, %%: percent sign).
batch_head() {
  printf '#!/bin/bash%s\n' "${modules:+ -l}" # a login shell defines `module`
  printf '#SBATCH %s\n' "--job-name=$1" "--output=\"$2\"" --open-mode=append "${@:3}" \
    ${partition:+"--partition=$partition"} ${account:+"--account=$account"}
  if [ -n "$options" ]; then printf '#SBATCH %s\n' "$options"; fi # SLURM splits the line into options and interprets quotes
}
batch_environment() {
  if [ -n "$modules" ]; then printf 'module load %s\n' "$modules"; fi
  if [ -n "$prepare" ]; then printf '%s\n' "$prepare"; fi
}

# job_name STEM IDENTITY: a name of letters, digits, dots and dashes, different for each identity.
job_name() {
  local stem
  stem=$(printf %s "$1" | LC_ALL=C tr -c 'A-Za-z0-9._-' - | cut -c 1-40)
  printf '%s-%s\n' "$stem" "$(printf %s "$2" | sha256sum | cut -c 1-6)"
}

# check_log_folder FOLDER: refuses characters that SLURM cannot have in the name of a log.
check_log_folder() {
  case $1 in *[\"\\[:cntrl:]]*) fail 2 "SLURM could not write a log into '$1': choose a folder without quotes, backslashes and control characters" ;; esac
}
