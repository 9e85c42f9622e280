#!/usr/bin/env bash
# Metrics of a run that was stopped and resumed twice: TensorBoard's files as an independent reader
# sees them, and the same columns in every file, between seeds and after a resume.
#
# usage: tests/end_to_end/metrics.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

event_file_check() { "$python" "$tests/logs/event_file_check.py" "$1"; }

for algo in ppo sac; do
  check_run "$algo: a run" 0 train --env Pendulum-v1 --algo $algo --steps 1000 --threads 1 --quiet \
    --run $algo
  for more in 2000 3000; do
    check_run "$algo: resumed" 0 train --resume $algo --steps $more --threads 1 --quiet
  done
  check_run "$algo: an independent reader finds the points of metrics.csv" 0 event_file_check $algo
  check_contains "$algo: in three files" "3 files, " "$out"
  check_run "$algo: another seed" 0 train --env Pendulum-v1 --algo $algo --steps 3000 --threads 1 \
    --quiet --seed 2 --run $algo-2
  check_run "$algo: and its points" 0 event_file_check $algo-2
  check "$algo: the same columns" "$(head -n 1 $algo/metrics.csv)" "$(head -n 1 $algo-2/metrics.csv)"
done

finish
