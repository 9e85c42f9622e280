#!/usr/bin/env bash
# Runs that are killed with SIGKILL at random moments, some of them several times, and resumed until
# they are done end in the same bytes as runs that were left alone.
#
# usage: tests/end_to_end/kill_resume.sh FOLDER-OF-THE-RUNNERS [RUNS = 20] [SEED of the moments]
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

runs=${2:-20}
seed=${3:-$((SRANDOM % 32768))}
RANDOM=$seed
echo "$runs runs, moments from seed $seed"

# Both lay a checkpoint several times in their second or two of training.
declare -A steps=([CartPole-v1]=16384 [Hopper-v5]=8192)
start_command() { # ENV RUN
  command=("$runners/train" --env "$1" --steps "${steps[$1]}" --run "$2" --threads 1 --quiet
    --log-rollouts all --set ppo.rollout_steps=64 --set checkpoint_seconds=0.2)
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

declare -A duration # of an uninterrupted run, in ms
for env in "${!steps[@]}"; do
  start_command $env $env
  began=$(milliseconds)
  check_run "$env: the uninterrupted run" 0 "${command[@]}"
  duration[$env]=$(($(milliseconds) - began))
done

kills=0
for ((i = 1; i <= runs; ++i)); do
  env=CartPole-v1
  ((i % 2 == 0)) && env=Hopper-v5
  name=killed-$i
  start_command $env $name
  story=""
  for ((attempt = 1; ; ++attempt)); do
    "${command[@]}" 2>err.txt &
    pid=$!
    # One kill for certain, up to three more by chance, then it may finish.
    if ((attempt == 1 || (attempt <= 4 && RANDOM % 2 == 0))); then
      moment=$((RANDOM * 32768 + RANDOM))
      moment=$((moment % duration[$env]))
      sleep "$((moment / 1000)).$(printf '%03d' $((moment % 1000)))"
      kill -KILL $pid 2>/dev/null
    else
      moment=""
    fi
    wait $pid 2>/dev/null
    code=$?
    ((code == 0)) && break
    if ((code != 137)); then
      failed "$name: it resumes (killed after$story)" "exit code $code" "$(<err.txt)"
      break
    fi
    kills=$((kills + 1))
    story+=" $moment ms"
    if [[ -e $name/config.toml ]]; then
      command=("$runners/train" --resume $name --quiet
        --threads "$((1 + RANDOM % 2))")
    else
      story+=" (nothing there yet)" # so the same command starts it again
    fi
  done
  check_same_results "$name: $env killed after${story:- nothing, it was faster}" $env $name
  check "$name: nothing half-written remains" "" "$(find $name -name '*.tmp*')"
  rm -rf $name
done
check "at least half of the runs were killed" yes "$( ((2 * kills >= runs)) && echo yes)"

finish
