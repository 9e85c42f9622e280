#!/usr/bin/env bash
# One seed gives one result: metrics, checkpoint and rollouts are equal byte for byte at 1, 2 and 4
# threads, whatever the environment, the kind of network, the logging of rollouts, and also where the
# next rollout is collected during an update.
#
# usage: tests/end_to_end/determinism.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

# 16 environments in shards of 2, so that 4 threads have something to divide.
short=(--steps 2048 --envs 16 --quiet --set runtime.shard=2 --set ppo.rollout_steps=64
  --set ppo.epochs=2 --set ppo.minibatch=128 --set checkpoint_seconds=0.1)

declare -A kinds=([dense]="--network dense" [torch]="--network torch"
  [overlap]="--set runtime.overlap=true")
for env in CartPole-v1 Hopper-v5; do
  for kind in "${!kinds[@]}"; do
    for log in all off; do
      setting=$env-$kind-$log
      for threads in 1 2 4; do
        check_run "$setting trains with $threads threads" 0 train --env $env --log-rollouts $log \
          ${kinds[$kind]} --threads $threads --run $setting-$threads "${short[@]}"
      done
      for threads in 2 4; do
        check_same_results "$setting: $threads threads as 1" $setting-1 $setting-$threads
      done
    done
    check "$env-$kind: logging does not change the training" \
      "$(sha256sum <$env-$kind-all-1/metrics.csv)" "$(sha256sum <$env-$kind-off-1/metrics.csv)"
  done
done

for algo in sac mpo td3; do
  off_policy=(--algo $algo --env Pendulum-v1 --steps 1500 --envs 4 --quiet --log-rollouts all
    --set runtime.shard=2 --set $algo.slices=3 --set checkpoint_seconds=0.1
    --ref previous --set $algo.kl.coefficient=0.1)
  for threads in 1 2 4; do
    check_run "$algo trains with $threads threads" 0 train --threads $threads \
      --run $algo-$threads "${off_policy[@]}"
  done
  for threads in 2 4; do
    check_same_results "$algo: $threads threads as 1" $algo-1 $algo-$threads
  done
done

run train --env CartPole-v1 --seed 2 --threads 1 --run seed-2 "${short[@]}"
if cmp -s CartPole-v1-dense-off-1/metrics.csv seed-2/metrics.csv; then
  failed "another seed gives another result" "the metrics of seeds 1 and 2 are equal"
else
  passed "another seed gives another result"
fi

finish
