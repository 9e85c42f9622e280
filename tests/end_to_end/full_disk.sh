#!/usr/bin/env bash
# A disk that fills up while training: one line, exit code 1, the earlier checkpoint still whole and
# nothing half-written left behind. Needs to mount a small tmpfs, which it does in a mount namespace
# of its own; where that is not permitted it ends with exit code 77 (skipped).
#
# usage: tests/end_to_end/full_disk.sh FOLDER-OF-THE-RUNNERS
if [[ ${COSTATE_FULL_DISK:-} != mounted ]]; then
  if ! unshare --mount mount -t tmpfs none /mnt 2>/dev/null; then
    echo "skipped: mounting a tmpfs is not permitted here (run it as root)"
    exit 77
  fi
  COSTATE_FULL_DISK=mounted exec unshare --mount "$0" "$@"
fi
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

mkdir disk
mount -t tmpfs -o size=1536k none disk
trap 'umount "$work/disk" 2>/dev/null; rm -rf "$work"' EXIT

temporaries() { find disk -name '*.tmp*'; }

# Little learning: it is the steps that fill the disk.
quick=(--threads 1 --quiet --set ppo.epochs=1 --set network.hidden=16 --log-rollouts all)

run train --env Pendulum-v1 --steps 2000000 --run disk/run --set checkpoint_seconds=0.05 \
  "${quick[@]}"
check "training into a full disk: exit code 1" 1 "$code"
check "it prints nothing on standard output" "" "$out"
check "it prints one line on standard error" 1 "$(wc -l <.stderr)"
check_contains "the line names the folder" "costate train: cannot write disk/run/" "$err"
check_contains "the line says why" "No space left on device" "$err"
check "nothing half-written remains" "" "$(temporaries)"
check_run "the earlier checkpoint loads" 0 evaluate disk/run --episodes 1 --threads 1
check_run "the episodes before it replay" 0 replay disk/run --verify --threads 1

before=$(sha256sum disk/run/checkpoints/last.h5)
check_error "resuming on the full disk" 1 "No space left on device" -- \
  train --resume disk/run --threads 1 --quiet
check "the checkpoint is as it was" "$before" "$(sha256sum disk/run/checkpoints/last.h5)"

mount -o remount,size=64m disk
steps=$(($(tail -n 1 disk/run/metrics.csv | cut -d , -f 1) + 20000))
check_run "with space again it resumes" 0 \
  train --resume disk/run --steps $steps --threads 1 --quiet --set checkpoint_seconds=30
umount disk

# Too small for the first checkpoint.
mount -t tmpfs -o size=48k none disk
check_error "a disk too small for the first checkpoint" 1 \
  "disk/run/" "No space left on device" -- \
  train --env Pendulum-v1 --steps 4096 --run disk/run "${quick[@]}"
check "nothing half-written remains" "" "$(temporaries)"
check_run "evaluate says that there is no checkpoint" 1 evaluate disk/run --episodes 1
mount -o remount,size=64m disk
check_run "with space it starts" 0 train --resume disk/run --threads 1 --quiet
check_run "its policy loads" 0 evaluate disk/run --episodes 1 --threads 1

envs_to_full_disk() { envs list >/dev/full; }
run envs_to_full_disk
check "standard output on a full disk" \
  "1|costate envs: cannot write to standard output" "$code|$err"

finish
