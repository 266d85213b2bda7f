#!/bin/bash
# jobs/sweep.sbatch under a real SLURM: the time limit, rounds until done with the bits of an undisturbed run, a round without
# progress, a bad sweep file, scancel. Needs root, slurm-wlm, munge (jobs/install --slurm) and the built program; takes
# about three minutes.
#   tests/slurm/test_sbatch.sh [FOLDER]      keeps everything in FOLDER; else a temporary one is removed on success
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=${1:-$(mktemp -d)}
mkdir -p "$dir" && cd "$dir"
export SLURM_CONF=$dir/cluster/slurm.conf
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_hwloc_base_binding_policy=none
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
weightsweep=${WEIGHTSWEEP:-$root/build/release/weightsweep}

say() { printf '%s\n' "$*" >&2; }
give_up() {
  say "FAILED: $*" "(everything is in $dir)"
  tail -n 30 weightsweep-*.log >&2 || true
  exit 1
}
expect() { # expect WHAT LOG: the log has that line
  grep -q "$1" "$2" || give_up "no line '$1' in $2"
}
submit() { sbatch --parsable "$@"; }
field() { scontrol show job -o "$1" | grep -o "$2=[^ ]*" | cut -d = -f 2; }

# finish JOB SECONDS: waits until it has ended for good, and spares it the pause that SLURM puts before a requeued job.
finish() {
  local job=$1 state=
  for _ in $(seq "$2"); do
    state=$(field "$job" JobState)
    case $state in
      PENDING) [ "$(field "$job" Reason)" != BeginTime ] || scontrol update "job=$job" StartTime=now ;;
      RUNNING | COMPLETING | CONFIGURING) ;;
      *) echo "$state" && return ;;
    esac
    sleep 1
  done
  give_up "job $job is still $state after $2 s"
}

sweep_file() { # sweep_file STEPS
  cat <<EOF
name: slurm-test
task: mlp-inverse
model: deep-sets
axes:
  unknowns: [15]
  equation_ratio: [1.33, 2]
training: {steps: $1, batch: 64, shards: 4}
evaluation: {every: $((($1 + 9) / 10)), generators: 1024}
EOF
}
numbers() { "$weightsweep" export "$1" --curves | sed 's/,[^,]*$//'; } # all but the seconds, the last column

[ -x "$weightsweep" ] || { say "no program $weightsweep: build it first"; exit 1; }
"$here/cluster" start "$dir/cluster"
trap '"$here/cluster" stop "$dir/cluster"' EXIT

say 'How fast is this machine?'
sweep_file 200 >pace.yaml
began=$(date +%s%N)
mpirun --oversubscribe -n 2 "$weightsweep" run pace.yaml -o pace.h5 --progress none </dev/null
steps=$((200 * 60 * 1000000000 / ($(date +%s%N) - began)))
say "The time limit: $steps steps, about a minute; the signal comes after 10 to 40 s"
sweep_file "$steps" >sweep.yaml
job=$(submit --time 1 --signal B:USR1@20 --nodes 2 --ntasks 2 "$root/jobs/sweep.sbatch" sweep.yaml -o results.h5)
state=$(finish "$job" 400)
log=weightsweep-$job.log
[ "$state" = COMPLETED ] || give_up "job $job ended as $state"
expect 'The time limit is near: saving.' "$log"
expect 'Interrupted; everything is saved.' "$log"
expect ', round 2, ' "$log"
"$weightsweep" verify results.h5 || give_up 'verify'
mpirun --oversubscribe -n 4 "$weightsweep" run sweep.yaml -o undisturbed.h5 --progress none </dev/null
numbers results.h5 >results.csv
numbers undisturbed.h5 >undisturbed.csv
cmp results.csv undisturbed.csv || give_up 'other numbers than in an undisturbed run'
say "Done in $(grep -c ', round ' "$log") rounds, with the numbers of an undisturbed run"

say 'A program that always fails: the job stops by itself'
# shellcheck disable=SC2016 # the other program expands these
printf '#!/bin/bash\n[ "$1" != run ] || exit 1\nexec "%s" "$@"\n' "$weightsweep" >broken
chmod +x broken
job=$(WEIGHTSWEEP=$dir/broken submit --ntasks 2 "$root/jobs/sweep.sbatch" sweep.yaml -o broken.h5)
[ "$(finish "$job" 60)" = FAILED ] || give_up "job $job did not fail"
expect 'no further than the one before' "weightsweep-$job.log"

say 'A bad sweep file: exit code 2, no second round'
sed 's/steps/stepz/' sweep.yaml >bad.yaml
job=$(submit --ntasks 2 "$root/jobs/sweep.sbatch" bad.yaml -o bad.h5)
[ "$(finish "$job" 60)" = FAILED ] || give_up "job $job did not fail"
[ "$(field "$job" ExitCode)" = 2:0 ] || give_up "job $job: exit code $(field "$job" ExitCode), not 2"

say 'scancel: stays cancelled'
job=$(submit --ntasks 2 "$root/jobs/sweep.sbatch" sweep.yaml -o cancelled.h5)
for _ in $(seq 100); do [ ! -e cancelled.h5 ] || break; sleep 0.3; done
sleep 2
scancel "$job"
[ "$(finish "$job" 60)" = CANCELLED ] || give_up "job $job was not cancelled"
"$weightsweep" verify cancelled.h5 || give_up 'verify after scancel'

say 'All as wanted.'
if [ $# = 0 ]; then trap '"$here/cluster" stop "$dir/cluster"; rm -rf "$dir"' EXIT; fi
