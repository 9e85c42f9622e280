#!/usr/bin/env bash
# What --json prints is one JSON value, alone on standard output, with the documented keys.
#
# usage: tests/end_to_end/json.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

# check_json WHAT CONDITION COMMAND …: standard output is one JSON value (without NaN and Infinity,
# which JSON does not have), for which the condition holds. The condition is Python: the value is x,
# and keys(x, "a b …") says whether x is an object with exactly these keys.
check_json() {
  local what=$1 condition=$2
  shift 2
  run "$@"
  local answer
  answer=$("$python" -c '
import json, sys

def refuse(constant):
    raise ValueError(constant + " is not JSON")

def keys(value, names):
    return isinstance(value, dict) and sorted(value) == sorted(names.split())

def number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)

x = json.loads(sys.stdin.read(), parse_constant=refuse)
print("yes" if eval(sys.argv[1]) else "no: " + sys.argv[1])
' "${condition//$'\n'/ }" <<<"$out" 2>&1)
  if [[ $answer == yes ]]; then
    passed "$what"
  else
    failed "$what" "command: $*" "$answer" "standard output: $out" "standard error: $err"
  fi
}

short=(--threads 1 --set ppo.epochs=1 --set ppo.rollout_steps=128)
train_keys='keys(x, "run env algo policy seed steps episodes return_mean_100 wall_seconds
  steps_per_second")'
evaluate_keys='keys(e, "run env mode episodes mean median iqm std ci95 length_mean")'

# --- train, without --quiet: what it tells people must not get in the way -------------------------

check_json "train" "$train_keys and x['run'] == 'a' and x['env'] == 'CartPole-v1'
  and x['algo'] == 'ppo' and x['policy'] == 'categorical' and x['seed'] == 3 and x['steps'] == 2048
  and x['episodes'] > 0 and 8 < x['return_mean_100'] < 500 and x['wall_seconds'] > 0
  and x['steps_per_second'] > 0" \
  train --env CartPole-v1 --seed 3 --steps 2048 --run a --json --log-rollouts all "${short[@]}"
check_contains "train tells people on standard error" "training CartPole-v1 into a" "$err"
check_json "train without an episode that ended" \
  "$train_keys and x['policy'] == 'gaussian' and x['episodes'] == 0
  and x['return_mean_100'] is None" \
  train --env HalfCheetah-v5 --steps 1024 --run b --json "${short[@]}"
check_json "train --resume" "$train_keys and x['steps'] == 4096 and x['episodes'] > 0" \
  train --resume a --steps 4096 --json --threads 1
check_json "train of a second run to compare with" "$train_keys and x['seed'] == 4" \
  train --env CartPole-v1 --seed 4 --steps 2048 --run c --json --quiet "${short[@]}"
check "train --quiet says nothing else" "" "$err"

# --- evaluate -------------------------------------------------------------------------------------

one="(lambda e: $evaluate_keys and e['run'] == 'a' and e['env'] == 'CartPole-v1'
  and e['episodes'] == 4 and all(number(e[k]) for k in 'mean median iqm std length_mean'.split())
  and e['ci95'][0] <= e['mean'] <= e['ci95'][1] and len(e['ci95']) == 2)"
for mode in deterministic stochastic; do
  check_json "evaluate --mode $mode" "$one(x) and x['mode'] == '$mode'" \
    evaluate a --episodes 4 --mode $mode --threads 1 --json
done
check_json "evaluate --mode both" \
  "len(x) == 2 and all(map($one, x))
  and [e['mode'] for e in x] == ['deterministic', 'stochastic']" \
  evaluate a --episodes 4 --mode both --threads 1 --json
check_json "evaluate of one episode has no spread" \
  "(lambda e: $evaluate_keys)(x) and x['episodes'] == 1 and x['std'] is None" \
  evaluate a --episodes 1 --threads 1 --json

# --- replay ---------------------------------------------------------------------------------------

check_json "replay --verify" \
  "keys(x, 'file episodes steps differences first_difference') and x['file'] == 'a/rollouts.h5'
  and x['episodes'] > 0 and x['steps'] == 4096 and x['differences'] == 0
  and x['first_difference'] is None" \
  replay a --verify --threads 1 --json
check_json "replay lists the episodes" \
  "keys(x, 'file env seed episodes') and sum(e['length'] for e in x['episodes']) == 4096" \
  replay a --json
"$python" -c '
import h5py
with h5py.File("a/rollouts.h5", "r+") as file:
    file["steps/rewards"][0] += 0.5'
check_json "replay --verify of a log that was changed" \
  "keys(x, 'file episodes steps differences first_difference') and x['differences'] == 1
  and x['first_difference']['episode'] == 0 and x['first_difference']['step'] == 0
  and x['first_difference']['field'] == 'rewards'" \
  replay a --verify --threads 1 --json
check "and its exit code is 1" 1 "$code"

# --- compare --------------------------------------------------------------------------------------

check_json "compare" \
  "keys(x, 'format version env episodes states epsilon normalisation threshold groups projection pairs') \
  and x['env'] == 'CartPole-v1' and [g['runs'] for g in x['groups']] == [['a'], ['c']] \
  and all(g['unit'] == 'episodes' and len(g['return']['values']) == 3 for g in x['groups']) \
  and x['pairs'][0]['actions']['joint']['kl_ab']['value'] > 0 \
  and len(x['pairs'][0]['actions']['dimensions']) == 1" \
  compare a c --episodes 3 --threads 1 --json

# --- bench ----------------------------------------------------------------------------------------

check_json "bench" "keys(x, 'machine rows') and x['machine']['cores'] >= 1
  and [r['name'] for r in x['rows']] == ['env.CartPole-v1.t1.n256', 'env.CartPole-v1.t2.n256',
    'env.CartPole-v1.t2.n256.shards']
  and all(keys(r, 'name ours limit ratio unit runs spread') and r['runs'] == 2
    and number(r['spread']) and number(r['ratio']) and r['ratio'] > 0
    for r in x['rows'])" \
  bench env --filter CartPole --runs 2 --seconds 0.01 --threads 2 --json

# --- envs -----------------------------------------------------------------------------------------

spec="(lambda e: keys(e, 'id family summary observation action time_limit control_step
  reward_threshold reward termination parameters options') and e['observation']['kind'] == 'box')"
check_json "envs list" "len(x) == 46 and all(map($spec, x))
  and {'CartPole-v1', 'HalfCheetah-v5'} <= {e['id'] for e in x}" envs list --json
check_json "envs describe" "$spec(x) and x['id'] == 'Hopper-v5' and x['time_limit'] == 1000
  and x['observation']['shape'] == [11] and x['action']['low'] == [-1, -1, -1]
  and x['observation']['low'] == [None] * 11" envs describe Hopper-v5 --json
printf '0.5,-0.5,0.25\n0,0,0\n' >actions.csv
point="keys(p, 'qpos qvel observation' + more) and len(p['qpos']) == 6 and len(p['qvel']) == 6
  and len(p['observation']) == 11"
step="' reward terminated truncated'"
check_json "envs trace of a MuJoCo task" "keys(x, 'env start steps') and x['env'] == 'Hopper-v5'
  and (lambda p, more: $point)(x['start'], '') and len(x['steps']) == 2
  and all((lambda p, more: $point)(p, $step) for p in x['steps'])
  and all(p['terminated'] is False and p['truncated'] is False for p in x['steps'])" \
  envs trace Hopper-v5 --actions actions.csv --no-noise --json
printf '1\n0\n1\n' >actions.csv
check_json "envs trace of a classic task" "keys(x, 'env start steps')
  and keys(x['start'], 'state observation') and len(x['steps']) == 3
  and all(keys(p, 'state observation' + $step) for p in x['steps'])
  and x['start']['state'] == [0, 0, 0, 0]" \
  envs trace CartPole-v1 --actions actions.csv --no-noise --json

finish
