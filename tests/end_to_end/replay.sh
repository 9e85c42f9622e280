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

finish
