#!/usr/bin/env bash
# A log of 24 000 steps is simulated anew without a difference, and one flipped bit in it is found
# and named.
#
# usage: tests/end_to_end/replay.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

check_run "a run of 24 000 logged steps" 0 train --env HalfCheetah-v5 --steps 24000 --envs 8 \
  --threads 1 --quiet --log-rollouts all --set ppo.rollout_steps=250 --set ppo.epochs=1 --run run
run replay run --verify --threads 1
check "replay finds no difference" \
  "0|run/rollouts.h5: 24 episodes, 24000 steps replayed, 0 differences|" "$code|$out|$err"

# The episodes that are asked for, by an independent look at the whole list.
run replay run --json
printf "%s" "$out" >list.json
for wish in --best --worst "--episode 3 --episode 17" "--sample 5"; do
  # shellcheck disable=SC2086
  check_run "replay $wish" 0 replay run $wish --verify --json --threads 1
  printf "%s" "$out" >verified.json
  check_run "replay $wish lists them" 0 replay run $wish --json
  printf "%s" "$out" >chosen.json
  check "of $wish" "right" "$("$python" - "$wish" chosen.json verified.json <<'PYTHON'
import json
import sys

every = json.load(open("list.json"))["episodes"]
chosen = json.load(open(sys.argv[2]))["episodes"]
verified = json.load(open(sys.argv[3]))
wish = sys.argv[1]
returns = [e["return"] for e in every]
indices = [e["index"] for e in chosen]
expected = {
    "--best": [returns.index(max(returns))],
    "--worst": [returns.index(min(returns))],
    "--episode 3 --episode 17": [3, 17],
}.get(wish, indices)
right = (
    indices == expected == sorted(set(indices))
    and len(indices) == {"--sample 5": 5}.get(wish, len(expected))
    and all(every[e["index"]] == e for e in chosen)
    and verified["episodes"] == len(chosen)
    and verified["steps"] == sum(e["length"] for e in chosen)
    and verified["differences"] == 0
)
print("right" if right else f"wrong: {indices}")
PYTHON
)"
done
check_error "an episode that is not there" 2 "--episode 24" "24 episodes" "0 to 23" -- \
  replay run --episode 24
check_error "more than there are" 2 "--sample 25" "24 episodes" -- replay run --sample 25
check_error "two wishes" 2 "--best" -- replay run --best --worst

for algo in sac mpo; do
  check_run "a logged run of $algo" 0 train --env Pendulum-v1 --algo $algo --steps 1200 --threads 1 \
    --quiet --log-rollouts all --run $algo
  check_run "replay finds no difference in it" 0 replay $algo --verify --threads 1
done
for env in LunarLander-v3 dmc/cheetah-run; do
  check_run "a logged run on $env" 0 train --env $env --steps 800 --envs 2 --threads 1 --quiet \
    --log-rollouts all --set ppo.rollout_steps=100 --set ppo.minibatch=100 --run ${env//\//-}
  check_run "replay finds no difference in it" 0 replay ${env//\//-} --verify --threads 2
done
check_run "the files have the documented layout" 0 \
  "$python" "$tests/logs/h5py_check.py" run/rollouts.h5 run/checkpoints/last.h5
check_contains "h5py sees every step" "24 episodes, 24000 steps" "$out"

# flip_bit DATASET BIT INDEX…: flips one bit of one number in a copy of the log, flipped.h5.
flip_bit() {
  cp run/rollouts.h5 flipped.h5
  "$python" - "$@" <<'PYTHON'
import sys
import h5py
import numpy as np

name, bit, index = sys.argv[1], int(sys.argv[2]), tuple(map(int, sys.argv[3:]))
with h5py.File("flipped.h5", "r+") as file:
    values = file[name]
    number = np.array(values[index])
    word = number.view(f"u{number.dtype.itemsize}")
    word ^= word.dtype.type(1 << bit)
    values[index] = number
PYTHON
}

# check_found FIELD EPISODE STEP: replay names it in flipped.h5.
check_found() {
  check_run "a flipped bit in $1: exit code 1" 1 replay flipped.h5 --verify --threads 1
  check_contains "it is named" "flipped.h5: first difference in episode $2, step $3: $1[" "$err"
  check "in one line" 1 "$(wc -l <.stderr)"
}

# Episodes are 1000 steps long, so row 13 357 is step 357 of episode 13.
flip_bit steps/actions 0 13357 4
check_found actions 13 357
flip_bit steps/rewards 0 13357
check_found rewards 13 357
flip_bit episodes/initial_state 3 7 100
check_found initial_state 7 0
check_contains "with its byte" "initial_state[100] is" "$err"
flip_bit episodes/seed 40 7
check_run "a flipped bit in the seed: exit code 1" 1 replay flipped.h5 --verify --threads 1
check_contains "it is named" "(changed after they were written: episodes/seed)" "$err"
flip_bit steps/values 3 13357
check_run "a flipped bit in a value: exit code 1" 1 replay flipped.h5 --verify --threads 1
check_contains "it is named" "episode 13: values is not what was written, by its checksum" "$err"

# Wherever a bit of the file flips, the answer is an error or a difference in a line, or what the
# file says is the same.
check_run "a small log" 0 train --env CartPole-v1 --steps 2000 --envs 2 --threads 1 --quiet \
  --log-rollouts all --set ppo.rollout_steps=200 --set ppo.minibatch=100 --run small
check "a bit flipped anywhere in the file is found" "found" "$("$python" - "$runners/replay" <<'PYTHON'
import os
import random
import subprocess
import sys

import h5py
import numpy as np


def content(path):
    with h5py.File(path, "r") as file:
        found = {k: str(v) for k, v in file.attrs.items()}
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()})
                        if isinstance(item, h5py.Dataset) else None)
        return found


whole = open("small/rollouts.h5", "rb").read()
expected = content("small/rollouts.h5")
place = random.Random(5)
bad = []
for i in range(150):
    data = bytearray(whole)
    at = place.randrange(len(data))
    data[at] ^= 1 << place.randrange(8)
    open("damaged.h5", "wb").write(data)
    run = subprocess.run([sys.argv[1], "damaged.h5", "--verify", "--threads", "2"],
                         capture_output=True, text=True, timeout=60)
    clear = run.returncode == 1 and 1 <= run.stderr.count("\n") <= 2 and "damaged.h5" in run.stderr
    try:
        harmless = run.returncode == 0 and content("damaged.h5") == expected
    except Exception:
        harmless = False
    if not clear and not harmless:
        bad.append((at, run.returncode, run.stderr))
print(bad or "found")
PYTHON
)"

# What made the log, and whether that is still there.
cp run/rollouts.h5 older.h5
"$python" - <<'PYTHON'
import h5py

with h5py.File("older.h5", "r+") as file:
    file.attrs["version"] = 1
PYTHON
check_error "a file of an older version" 1 "older.h5 has rollout format version 1, expected 2" \
  "an older costate" -- replay older.h5
assets=$(readlink -f "$runners/../../share/costate/assets")
sed 's/gear="120"/gear="121"/' "$assets/half_cheetah.xml" >cheetah.xml
check "the model can be edited" 1 "$(cmp -s "$assets/half_cheetah.xml" cheetah.xml; echo $?)"
cp cheetah.xml edited.xml
check_run "a run on a model of one's own" 0 train --env HalfCheetah-v5 \
  --env-set xml_file="$PWD/edited.xml" --steps 2000 --envs 2 --threads 1 --quiet \
  --log-rollouts all --set ppo.rollout_steps=100 --set ppo.minibatch=100 --run own
check_run "replay finds no difference in it" 0 replay own --verify --threads 1
cp "$assets/half_cheetah.xml" edited.xml
check_error "a model that was edited since" 1 "own/rollouts.h5" "edited.xml has changed since" -- \
  replay own --verify
cp -r run other
sed -i 's/^seed = .*/seed = 2/' other/config.toml
check_error "a configuration that was edited since" 1 "other/config.toml has seed = 2" \
  "other/rollouts.h5 was logged with seed = 1" -- replay other --verify

# The log of a training that is still going on.
"$runners/train" --env CartPole-v1 --steps 100000000 --threads 1 --quiet --log-rollouts last \
  --set checkpoint_seconds=0.05 --run going >going.out 2>&1 &
pid=$!
verified=0
for _ in $(seq 200); do
  if [[ -e going/checkpoints/last.h5 ]]; then
    run replay going --verify --threads 1
    [[ $code == 0 && $out != *": 0 episodes"* ]] && verified=$((verified + 1))
    [[ $code == 0 && $verified -lt 5 ]] || break
  fi
  sleep 0.05
done
kill -0 "$pid" 2>/dev/null && running=yes || running=no
kill "$pid" 2>/dev/null
wait "$pid"
check "the log of a running training was verified five times" "5 yes" "$verified $running"
check "without trouble" "0" "$code"

# What one sees: a page, a picture, videos.
check_run "a page of two episodes" 0 replay run flipped.h5 --worst --html page.html
check "it asks for nothing" 0 "$(grep -cE '<(script|img|link)[^>]* (src|href)=' page.html)"
check_run "a picture" 0 replay run --best --step 10 --png frame.png --size 64x48
check "it is a PNG of that size" "64x48" "$("$python" -c '
import struct
data = open("frame.png", "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n"
print("%dx%d" % struct.unpack(">II", data[16:24]))')"
check_run "a picture beyond the end" 2 replay run --episode 0 --step 1001 --png beyond.png
check_contains "says how long the episode is" "1000 steps" "$err"
check_run "a video of another kind" 2 replay run --best --video video.avi
check_contains "names those that there are" ".mp4, .webm or .gif" "$err"
check_run "a camera that there is not" 2 replay run --best --png camera.png --camera nowhere
check_contains "names it" "nowhere" "$err"
check_run "two runs for what shows one" 2 replay run flipped.h5 --png two.png
check "nothing is left of what failed" 0 "$(ls | grep -cE 'beyond|avi|camera|two|tmp')"

# A signal ends a verification in an orderly way. How soon it is at work depends on the machine.
for delay in 0.05 0.1 0.2 0.4 0.8; do
  "$runners/replay" run --verify --threads 1 >stopped.out 2>stopped.err &
  sleep $delay
  kill -TERM $! 2>/dev/null
  wait $!
  code=$?
  [[ $code == 1 ]] && break
done
check "a signal ends the verification: exit code 1" 1 "$code"
check_contains "it says how far it came" "run/rollouts.h5: stopped by a signal after " \
  "$(<stopped.err)"
check_contains "of how much" " of 24 episodes" "$(<stopped.err)"

# A policy's episodes, rolled out now.
check_run "a policy is rolled out" 0 replay --policy run --episodes 3 --seed 7 --threads 2 --json
check "into the run's folder" "run/live.h5 3" \
  "$("$python" -c 'import json,sys; x=json.loads(sys.argv[1]); print(x["file"], len(x["episodes"]))' "$out")"
check_run "the file verifies" 0 replay run/live.h5 --verify --threads 1
check_run "and has the documented layout" 0 "$python" "$tests/logs/h5py_check.py" run/live.h5
check_run "by the mode, from a checkpoint" 0 replay --policy run/checkpoints/last.h5 --episodes 3 \
  --seed 7 --mode mode --out mode.h5 --verify --threads 1
check_run "evaluate sees the same episodes" 0 evaluate run --episodes 3 --seed 7 --threads 1 --json
check "with the same returns and modes, and with values" "right" "$("$python" - "$out" <<'PYTHON'
import json
import sys

import h5py
import numpy as np

with h5py.File("mode.h5") as file, h5py.File("run/live.h5") as sampled:
    steps = file["steps"]
    means = steps["distributions"][:, :6]
    right = np.isclose(file["episodes/return"][:].mean(), json.loads(sys.argv[1])["mean"])
    right &= np.array_equal(steps["raw_actions"][:], means)
    right &= np.array_equal(sampled["episodes/seed"][:], file["episodes/seed"][:])
    right &= not np.array_equal(sampled["steps/raw_actions"][:], sampled["steps/distributions"][:, :6])
    right &= np.std(steps["values"][:]) > 0
    print("right" if right else "wrong")
PYTHON
)"
check_error "a policy and a run" 2 "--policy" -- replay run --policy run
check_error "nothing to replay" 2 "--policy" -- replay
check_error "no policy to act" 2 "--policy" -- replay run --episodes 3

finish
