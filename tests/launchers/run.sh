#!/usr/bin/env bash
# Runs `sd batch` under real launchers on this machine. Under each one, every job must be made exactly
# once, and none when the same is run again with --resume. Before that, shard_tool must see shards
# 0, 1, … of it, each once and without a warning.
#
#   tests/launchers/run.sh [--shards] [LAUNCHER...]
#
#   torchrun mpirun slurm-array slurm-step slurm-array-step      all without names
#   --shards    only what shard_tool sees; needs no model
#
# Installs Debian's Slurm, MUNGE and Open MPI where they are missing (as root or with sudo). Slurm
# runs from a temporary folder, on free ports, as this user, and ends with this script.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../tools/versions.sh"

sd=${SD_BINARY:-$sd_root/build/release/bin/sd}
shard_tool=${SD_SHARD_TOOL:-$sd_root/build/release/bin/shard_tool}
job_count=10

work=$(mktemp -d "${TMPDIR:-/tmp}/sd-launchers-XXXXXX")
daemons=()
slurm_runs=false

clean_up() {
  if $slurm_runs; then scancel --user="$(id -u)" 2>/dev/null || true; fi
  local i
  for (( i = ${#daemons[@]} - 1; i >= 0; i-- )); do  # munged last, the others still ask it
    kill "${daemons[i]}" 2>/dev/null || true
    wait "${daemons[i]}" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
  done
  (( ${#missing[@]} )) || return 0
  local as_root=()
  if (( EUID != 0 )); then as_root=(sudo); fi
  say "Installing Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "these packages could not be installed: ${missing[*]}."
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

wait_until() {  # seconds, command...
  local end=$(( SECONDS + $1 ))
  shift
  until "$@"; do
    (( SECONDS < end )) || return 1
    sleep 0.2
  done
}

slurm_is_ready() { [[ $(sinfo --noheader --format=%T 2>/dev/null) == idle ]]; }

# One node, this host, that takes more tasks than it has cores.
start_slurm() {
  $slurm_runs && return
  install slurmctld slurmd slurm-client munge
  PATH=$PATH:/usr/sbin
  local host user
  host=$(hostname -s) user=$(id -un)
  mkdir -p "$work/slurm/state" "$work/slurm/spool"
  head -c 128 /dev/urandom >"$work/slurm/munge.key"
  chmod 400 "$work/slurm/munge.key"
  cat >"$work/slurm/slurm.conf" <<END
ClusterName=sd
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$work/slurm/munge.socket
StateSaveLocation=$work/slurm/state
SlurmdSpoolDir=$work/slurm/spool
SlurmctldPidFile=$work/slurm/slurmctld.pid
SlurmdPidFile=$work/slurm/slurmd.pid
SlurmctldLogFile=$work/slurm/slurmctld.log
SlurmdLogFile=$work/slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
END
  export SLURM_CONF=$work/slurm/slurm.conf
  munged --foreground --force --key-file="$work/slurm/munge.key" \
    --socket="$work/slurm/munge.socket" --pid-file="$work/slurm/munged.pid" \
    --seed-file="$work/slurm/munge.seed" >"$work/slurm/munged.log" 2>&1 &
  daemons+=($!)
  wait_until 20 test -S "$work/slurm/munge.socket" ||
    fail "munged did not start: $(tail -3 "$work/slurm/munged.log")"
  slurmctld -D >"$work/slurm/slurmctld.out" 2>&1 &
  daemons+=($!)
  slurmd -D >"$work/slurm/slurmd.out" 2>&1 &
  daemons+=($!)
  slurm_runs=true
  wait_until 60 slurm_is_ready ||
    fail "Slurm did not start: $(tail -3 "$work"/slurm/slurmctld.out "$work"/slurm/slurmd.out)"
}

# Each launcher: how many shards, and how it starts a command. What the command prints goes to
# standard output.
count_torchrun=3
with_torchrun() {
  OMP_NUM_THREADS=1 "$sd_venv/bin/torchrun" --no-python --standalone --nproc-per-node=3 "$@"
}

count_mpirun=3
with_mpirun() {
  install openmpi-bin
  # In a container without ptrace Open MPI's way between processes of one host warns.
  OMPI_MCA_btl_vader_single_copy_mechanism=none \
    mpirun.openmpi --allow-run-as-root --oversubscribe -n 3 "$@"
}

with_sbatch() {  # tasks of a job, array, command as a shell reads it
  start_slurm
  local logs
  logs=$(mktemp -d "$work/logs-XXXXXX")
  local status=0
  sbatch --wait --ntasks="$1" --array="$2" --output="$logs/%a" --wrap="$3" >/dev/null || status=$?
  cat "$logs"/*
  return "$status"
}

count_slurm_array=4
with_slurm_array() { with_sbatch 1 1-7:2 "${*@Q}"; }

count_slurm_step=2
with_slurm_step() {
  start_slurm
  srun --ntasks=2 "$@"
}

count_slurm_array_step=6
with_slurm_array_step() { with_sbatch 3 0-1 "srun --ntasks=3 ${*@Q}"; }

check_shards() {  # launcher, count
  local found expected
  "with_$1" "$shard_tool" >"$work/shards" 2>"$work/errors" ||
    fail "$1: shard_tool ended with $?: $(cat "$work/shards" "$work/errors")"
  found=$(awk '{ print $1 "/" $2 }' "$work/shards" | sort -n)
  expected=$(seq -f "%.0f/$2" 0 $(( $2 - 1 )))
  [[ $found == "$expected" ]] || fail "$1: expected shards 0 to $(( $2 - 1 )) of $2, found:
$(cat "$work/shards")"
  sort -n "$work/shards"
}

# Prints how many images the manifests have; fails unless each index is there once, with its file.
check_manifests() {  # folder
  python3 - "$1" "$job_count" <<'END'
import collections, json, pathlib, sys

folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
images = collections.Counter()
files = set()
manifests = sorted(folder.glob("manifest*.jsonl"))
for manifest in manifests:
    for text in manifest.read_text().splitlines():
        line = json.loads(text)
        if line["kind"] == "image":
            images[line["index"]] += 1
            files.add(line["file"])
expected = {index: 1 for index in range(count)}
if images != expected:
    sys.exit(f"expected each image 0 to {count - 1} once, found {dict(sorted(images.items()))}")
there = {path.name for path in folder.glob("*.png")}
if there != files or len(files) != count:
    sys.exit(f"the manifests name {sorted(files)}, the folder holds {sorted(there)}")
print(f"{count} images, each once, in {len(manifests)} manifests")
END
}

state_of() { find "$1" -name '*.png' -printf '%f %i %T@\n' | sort; }

check_batch() {  # launcher
  local folder=$work/images-$1 before
  "with_$1" "$sd" batch "$work/jobs.txt" -o "$folder" --seed 1 >"$work/out" 2>&1 ||
    fail "$1: sd batch ended with $?: $(tail -20 "$work/out")"
  check_manifests "$folder"
  before=$(state_of "$folder")
  "with_$1" "$sd" batch "$work/jobs.txt" -o "$folder" --seed 1 --resume >"$work/out" 2>&1 ||
    fail "$1: sd batch --resume ended with $?: $(tail -20 "$work/out")"
  check_manifests "$folder" >/dev/null
  [[ $(state_of "$folder") == "$before" ]] || fail "$1: --resume made images again."
  echo "With --resume none is made."
}

shards_only=false
launchers=()
for argument in "$@"; do
  case $argument in
    --shards) shards_only=true ;;
    torchrun | mpirun | slurm-array | slurm-step | slurm-array-step) launchers+=("$argument") ;;
    *) fail "expected --shards or torchrun, mpirun, slurm-array, slurm-step, slurm-array-step, found '$argument'." ;;
  esac
done
(( ${#launchers[@]} )) || launchers=(torchrun mpirun slurm-array slurm-step slurm-array-step)

[[ -x $shard_tool ]] || fail "$shard_tool is missing: build the target shard_tool."
colours=(red green blue yellow white)
for (( i = 0; i < job_count; i++ )); do
  echo "a ${colours[i % 5]} circle --steps $(( 1 + i / 5 ))"
done >"$work/jobs.txt"

for launcher in "${launchers[@]}"; do
  say "$launcher"
  name=${launcher//-/_}
  count=count_$name
  check_shards "$name" "${!count}"
  if ! $shards_only; then check_batch "$name"; fi
done
say "launchers: passed"
