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

# All write a checkpoint several times in their second or two of training. One of them collects
# ahead, so that a rollout is part of the checkpoint; of another the replay buffer is; and one has a
# reference policy, its dual variable and a learning rate that follows the KL.
declare -A steps=([CartPole-v1]=65536 [Hopper-v5]=24576 [Pendulum-v1]=6000)
declare -A settings=([CartPole-v1]="--set ppo.rollout_steps=64 --set ppo.schedule=kl
    --ref pivot:3 --set ppo.kl.coefficient=0.1 --set ppo.kl.target=0.01"
  [Hopper-v5]="--set ppo.rollout_steps=64 --set runtime.overlap=true"
  [Pendulum-v1]="--algo sac --set sac.report_steps=100 --set sac.priority.enabled=true")
start_command() { # ENV RUN
  command=("$runners/train" --env "$1" --steps "${steps[$1]}" --run "$2" --threads 1 --quiet
    --log-rollouts all --set checkpoint_seconds=0.1 ${settings[$1]})
}
pause() { sleep "$(printf '0.%03d' $((RANDOM % $1)))"; } # a random time below $1 ms

# kill_sometime RUN PID: in one of four cases soon after the start, else at some place between where
# the run is and its end. Places are counted in rows of metrics, which a busy machine does not shift
# as it does the clock.
kill_sometime() {
  if ((RANDOM % 4 > 0)); then
    local here
    here=$(rows_of "$1")
    wait_for_rows $((here + RANDOM % (${rows[$env]} - here + 1))) "$1" "$2"
    pause 100
  else
    pause 999
  fi
  kill -KILL "$2" 2>/dev/null
}

declare -A rows
for env in "${!steps[@]}"; do
  start_command $env $env
  check_run "$env: the uninterrupted run" 0 "${command[@]}"
  rows[$env]=$(rows_of $env)
done

kills=0
for ((i = 1; i <= runs; ++i)); do
  envs=(CartPole-v1 Hopper-v5 Pendulum-v1)
  env=${envs[i % 3]}
  name=killed-$i
  start_command $env $name
  story=""
  for ((attempt = 1; ; ++attempt)); do
    "${command[@]}" 2>err.txt &
    pid=$!
    # One kill for certain, up to three more by chance; then it may finish.
    if ((attempt == 1 || (attempt <= 4 && RANDOM % 2 == 0))); then
      kill_sometime $name $pid
    fi
    wait $pid 2>/dev/null
    code=$?
    ((code == 0)) && break
    if ((code != 137)); then
      failed "$name: it resumes (killed after$story)" "exit code $code" "$(<err.txt)"
      break
    fi
    kills=$((kills + 1))
    if [[ -e $name/config.toml ]]; then
      story+=" row $(rows_of $name),"
      command=("$runners/train" --resume "$name" --quiet --threads "$((1 + RANDOM % 2))")
    else
      story+=" nothing," # so the same command starts it again
    fi
  done
  check_same_results "$name: $env killed after${story:- (it was faster than the kill)}" $env $name
  check "$name: nothing half-written remains" "" "$(find $name -name '*.tmp*')"
  rm -rf $name
done
check "at least half of the runs were killed" yes "$( ((2 * kills >= runs)) && echo yes)"

finish
