#!/usr/bin/env bash
# A run that was interrupted and resumed ends in the same bytes as one that was not.
#
# usage: tests/end_to_end/resume.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

# Many small updates, so that there are many places to stop at.
setting=(--threads 1 --set ppo.rollout_steps=32 --set ppo.minibatch=32 --log-rollouts all)

# interrupt SIGNAL RUN: sends the signal to the training of this run when it has begun, and leaves
# its output in $out, $err and $code.
interrupt() {
  local pid
  "$runners/train" --env $env --steps $steps --run "$2" "${setting[@]}" >out.txt 2>err.txt &
  pid=$!
  wait_for_rows 5 "$2" $pid && kill -"$1" $pid
  wait $pid
  code=$?
  out=$(<out.txt)
  err=$(<err.txt)
}
last_step() { tail -n 1 "$1/metrics.csv" | cut -d , -f 1; }

for env in CartPole-v1 Hopper-v5; do
  steps=16384
  check_run "$env: the uninterrupted run" 0 \
    train --env $env --steps $steps --run $env-whole --quiet "${setting[@]}"
  signals=(INT)
  [[ $env == CartPole-v1 ]] && signals+=(TERM)
  for signal in "${signals[@]}"; do
    name=$env-$signal
    interrupt $signal $name
    check "$name: the exit code is 0" 0 "$code"
    check_contains "$name: standard error says how to go on" "costate train --resume $name" "$err"
    stopped_at=$(last_step $name)
    check "$name: it stopped midway" yes \
      "$( ((stopped_at > 0 && stopped_at < steps)) && echo yes || echo "at step $stopped_at")"
    check_run "$name: it can be evaluated there" 0 evaluate $name --episodes 1 --threads 1
    check_run "$name: the episodes so far replay" 0 replay $name --verify --threads 1
    check_run "$name: it resumes" 0 train --resume $name --quiet
    check_same_results "$name: it ends as the uninterrupted run does" $env-whole $name
  done
done

env=CartPole-v1
before=$(fingerprint $env-whole)
check_run "a finished run resumes" 0 train --resume $env-whole --quiet
check "and nothing has changed" "$before" "$(fingerprint $env-whole)"

# Without annealing, which depends on the number of steps, stopping at a whole number of rollouts
# and going on is the same as never having stopped.
setting+=(--quiet --set ppo.schedule=constant)
check_run "a run of 2048 steps" 0 train --env $env --steps 2048 --run longer "${setting[@]}"
check_run "it resumes with more steps" 0 train --resume longer --steps 4096 --threads 1 --quiet
check "it went on to there" 4096 "$(last_step longer)"
check_run "a run of 4096 steps" 0 train --env $env --steps 4096 --run long "${setting[@]}"
check_same_results "the two are the same" long longer

finish
