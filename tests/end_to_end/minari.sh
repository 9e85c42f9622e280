#!/usr/bin/env bash
# Rollouts to Minari datasets and back, to comma-separated values, and datasets of others.
#
# usage: tests/end_to_end/minari.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

minari_check() { "$python" "$tests/logs/minari_check.py" "$@"; }

# check_refused WHAT CODE PART COMMAND …: one line with PART on standard error.
check_refused() {
  local what=$1 expected=$2 part=$3
  shift 3
  check_run "$what" "$expected" "$@"
  check_contains "$what: it says why" "$part" "$err"
  check "$what: in one line" 1 "$(wc -l <.stderr)"
}

check_run "a logged run with a box of actions" 0 train --env Pendulum-v1 --steps 2100 --envs 4 \
  --threads 1 --quiet --log-rollouts all --set ppo.rollout_steps=100 --set ppo.minibatch=100 \
  --run box
check_run "one with discrete actions" 0 train --env CartPole-v1 --steps 1200 --envs 4 --threads 1 \
  --quiet --log-rollouts all --set ppo.rollout_steps=100 --set ppo.minibatch=100 --run discrete
check_run "one with drawn numbers" 0 train --env Hopper-v5 --env-set randomize="mass 0.8..1.2" \
  --steps 800 --envs 2 --threads 1 --quiet --log-rollouts all --set ppo.rollout_steps=100 \
  --set ppo.minibatch=100 --run drawn

for run in box discrete drawn; do
  check_run "$run: export" 0 export_rollouts $run --minari datasets --id test/$run-v0
  check_contains "$run: the dataset is named" "dataset test/$run-v0" "$out"
  check_run "$run: an independent look finds a Minari dataset" 0 \
    minari_check "$PWD/datasets/test/$run-v0" $run/rollouts.h5
  check_run "$run: import" 0 import_rollouts datasets/test/$run-v0 --out $run.h5
  check "$run: nothing is lost" "same" "$(cmp $run/rollouts.h5 $run.h5 2>&1 && echo same)"
  check_run "$run: what came back replays" 0 replay $run.h5 --verify --threads 1
done
check_run "one episode" 0 export_rollouts discrete/rollouts.h5 --minari datasets --episode 3
check_contains "its dataset has an id of its own" "dataset costate/cartpole/ppo-v0" "$out"
check_run "an independent look finds it alone" 0 \
  minari_check "$PWD/datasets/costate/cartpole/ppo-v0" discrete/rollouts.h5 3
check_refused "a dataset that is there already" 2 "exists already" \
  export_rollouts box --minari datasets --id test/box-v0
check_refused "a wrong id" 2 "\"no version\" is no dataset id" \
  export_rollouts box --minari datasets --id "no version"
check_refused "no form" 2 "--minari,--csv" export_rollouts box
check_refused "two forms" 2 "--minari,--csv" export_rollouts box --minari datasets --csv x.csv
check_refused "no run" 2 "nothing-here" export_rollouts nothing-here --csv x.csv

check_run "as comma-separated values" 0 export_rollouts box --csv box.csv
check "they read back as the same numbers" "same" "$("$python" - <<'PYTHON'
import csv

import h5py
import numpy as np

with open("box.csv", newline="") as f:
    header, *rows = list(csv.reader(f))
file = h5py.File("box/rollouts.h5")
steps, lengths = file["steps"], file["episodes/length"][:]
expected = ["episode", "step", "observation[0]", "observation[1]", "observation[2]", "action[0]",
            "raw_action[0]", "reward", "terminated", "truncated", "log_prob", "value",
            *steps["distributions"].attrs["names"]]
columns = np.array(rows, dtype=np.float64).T
same = header == expected and columns.shape[1] == lengths.sum()
same &= np.array_equal(columns[0], np.repeat(np.arange(len(lengths)), lengths))
same &= np.array_equal(columns[1], np.concatenate([np.arange(n) for n in lengths]))
same &= np.array_equal(columns[7], steps["rewards"][:])
parts = [steps[n][:].reshape(len(rows), -1) for n in ("observations", "actions", "raw_actions")]
same &= np.array_equal(columns[2:7].T.astype(np.float32), np.concatenate(parts, axis=1))
for at, name in ((8, "terminated"), (9, "truncated"), (10, "log_probs"), (11, "values")):
    same &= np.array_equal(columns[at].astype(steps[name].dtype), steps[name][:])
same &= np.array_equal(columns[12:].T.astype(np.float32), steps["distributions"][:])
print("same" if same else f"differs: {header}")
PYTHON
)"

# Datasets as Minari and others write them with h5py, with nothing of ours in them.
"$python" - <<'PYTHON'
import json
import os

import h5py
import numpy as np

random = np.random.default_rng(1)


def dataset(name, metadata, fill, episodes=3, discrete=True):
    os.makedirs(f"foreign/{name}/data")
    json.dump({"data_format": "hdf5", "total_episodes": episodes, "total_steps": 25 * episodes,
               "dataset_id": name, "minari_version": "0.5.2", **metadata},
              open(f"foreign/{name}/data/metadata.json", "w"))
    with h5py.File(f"foreign/{name}/data/main_data.hdf5", "w", track_order=True) as file:
        for i in range(episodes):
            group = file.create_group(f"episode_{i}")
            group.attrs["id"], group.attrs["total_steps"] = i, 25
            if i > 0:
                group.attrs["seed"] = i
            actions = random.integers(0, 2, 25) if discrete else random.normal(size=(25, 1))
            group.create_dataset("actions", data=actions, chunks=True, maxshape=(None, *actions.shape[1:]))
            group.create_dataset("rewards", data=np.ones(25, np.float32))
            group.create_dataset("terminations", data=np.arange(25) == 24)
            group.create_dataset("truncations", data=np.zeros(25, bool))
            fill(group)


def box(group):
    group.create_dataset("observations", data=random.normal(size=(26, 4)), chunks=True,
                         maxshape=(None, 4), compression="gzip")


def in_a_dict(group):
    observations = group.create_group("observations")
    observations.create_dataset("position", data=random.normal(size=(26, 4)))


def too_few(group):
    group.create_dataset("observations", data=random.normal(size=(25, 4)))


infinite = json.dumps({"type": "Box", "dtype": "float64", "shape": [4], "low": [-np.inf] * 4,
                       "high": [np.inf] * 4})
two = json.dumps({"type": "Discrete", "dtype": "int64", "start": 0, "n": 2})
known = {"env_spec": json.dumps({"id": "CartPole-v1"}), "observation_space": infinite,
         "action_space": two}
dataset("good-v0", known, box)
dataset("dict-v0", {"env_spec": known["env_spec"]}, in_a_dict)
dataset("short-v0", known, too_few)
dataset("nameless-v0", {"observation_space": infinite, "action_space": two}, box)
dataset("later-v0", {**known, "action_space": two.replace('"start": 0', '"start": 1')}, box)
PYTHON
check_run "a foreign dataset" 0 import_rollouts foreign/good-v0 --out good.h5
check "of the environment that it names" "good.h5: CartPole-v1, 3 episodes, 75 steps" "$out"
check "with all of its numbers" "same" "$("$python" - <<'PYTHON'
import h5py
import numpy as np

theirs = h5py.File("foreign/good-v0/data/main_data.hdf5")
ours = h5py.File("good.h5")
groups = [theirs[f"episode_{i}"] for i in range(3)]


def both(name, end=25):
    return np.concatenate([g[name][:end] for g in groups])


same = np.array_equal(both("observations").astype(np.float32), ours["steps/observations"][:])
same &= np.array_equal([g["observations"][25] for g in groups],
                       ours["episodes/final_observation"][:]) or np.allclose(
    [g["observations"][25] for g in groups], ours["episodes/final_observation"][:], atol=1e-6)
same &= np.array_equal(both("actions"), ours["steps/actions"][:, 0])
same &= np.array_equal(both("rewards"), ours["steps/rewards"][:])
same &= np.array_equal(both("terminations"), ours["steps/terminated"][:].astype(bool))
same &= list(ours["episodes/seed"][:]) == [0, 1, 2] and list(ours["episodes/return"][:]) == [25.0] * 3
same &= list(ours["episodes/last_step"][:]) == [25, 50, 75]
print("same" if same else "differs")
PYTHON
)"
check_run "its episodes are listed" 0 replay good.h5
check_run "a policy learns from it" 0 distill --rollouts good.h5 --steps 500 --threads 1 --quiet \
  --run student
check_run "it is exported again" 0 export_rollouts good.h5 --minari again --id test/good-v1
check_refused "observations in a Dict" 1 "observations is a group (of a Dict or Tuple space)" \
  import_rollouts foreign/dict-v0 --out dict.h5
check_refused "no observation after the last step" 1 \
  "observations has 25 rows of 4 numbers, expected 26 of 4" \
  import_rollouts foreign/short-v0 --out short.h5
check "nothing is left of it" "" "$(ls short.h5* 2>/dev/null)"
check_refused "no environment" 1 "names no environment" \
  import_rollouts foreign/nameless-v0 --out nameless.h5
check_run "unless it is given" 0 import_rollouts foreign/nameless-v0 --out nameless.h5 \
  --env CartPole-v1
check_refused "actions that do not start at 0" 1 "starts at 1" \
  import_rollouts foreign/later-v0 --out later.h5
cp foreign/good-v0/data/main_data.hdf5 flat.hdf5
check_refused "a file alone" 2 "is no Minari dataset" import_rollouts flat.hdf5 --out x.h5
check_refused "no dataset" 2 "is no Minari dataset" import_rollouts box --out x.h5

finish
