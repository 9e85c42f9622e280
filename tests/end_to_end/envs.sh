#!/usr/bin/env bash
# Environments from the command line: options, pictures without a display, a short fuzz of all of
# them, the generated page, a model of the user's own, and training and replaying with all of it.
#
# usage: tests/end_to_end/envs.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"
unset DISPLAY

run envs describe all --markdown
check "docs/envs.md is what describe says" "" "$(diff <(printf '%s\n' "$out") "$tests/../docs/envs.md" | head -5)"

run envs fuzz all --steps 400 --seed 3
check "fuzz of all environments" 0 "$code"

for id in HalfCheetah-v5 CartPole-v1 CarRacing-v3; do
  check_run "a picture of $id" 0 envs view "$id" --png "$id.png" --size 64x48 --steps 3
  check "it is a PNG of 64 x 48" "64 48" "$("$python" -c '
import struct, sys
data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n"
print(*struct.unpack(">II", data[16:24]))' "$id.png")"
done
check_run "the same picture again" 0 envs view HalfCheetah-v5 --png again.png --size 64x48 --steps 3
check "has the same bytes" "" "$(cmp HalfCheetah-v5.png again.png 2>&1)"

check_run "an unknown option" 2 envs check Ant-v5 --env-set healthy_rewrd=0.5
check_contains "names the nearest" 'did you mean "healthy_reward"?' "$err"
check_run "an unknown parameter" 2 envs check Hopper-v5 --env-set "randomize=mas 1..2"
check_contains "names the nearest parameter" 'did you mean "mass"?' "$err"
check_run "a camera that there is not" 2 envs view Hopper-v5 --png no.png --camera top
check_contains "names those that there are" "track" "$err"

cat >own.xml <<'XML'
<mujoco>
  <worldbody>
    <body name="bob" pos="0 0 1">
      <joint name="hinge" axis="0 1 0" damping="0.1"/>
      <geom size="0.05" pos="0 0 -0.5"/>
    </body>
  </worldbody>
  <actuator>
    <motor joint="hinge" ctrllimited="true" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
XML
cat >own.toml <<'TOML'
reward = "1.0 upright(bob) - 0.01 control"
frame_skip = 10
TOML
check_run "a model of the user's own" 0 envs check mjcf:own.xml
check_run "training on it, with everything around it" 0 train --env mjcf:own.xml --steps 4096 --quiet \
  --env-set "randomize=mass/bob 0.5..2, damping 0.5..2" --env-set action_delay=1 \
  --env-set action_noise=0.1 --env-set observation_noise=0.01 --env-set sensor_drop=0.01 \
  --env-set frame_stack=2 --env-set action_repeat=2 --env-set time_limit=100 \
  --log-rollouts all --run own
check_run "its rollouts replay to the bit" 0 replay own --verify
check "the factors are logged" "2" "$("$python" -c '
import h5py
print(h5py.File("own/rollouts.h5")["episodes/drawn"].shape[1])')"
check_run "it can be evaluated" 0 evaluate own --episodes 2

check_run "training under a challenge, with a cost of actions that grows over the run" 0 \
  train --env Pendulum-v1 --steps 8192 --quiet --env-set challenge=medium \
  --env-set action_delay=1 --env-set "randomize=length 0.7..1.7" --env-set action_cost=0.3 \
  --env-set action_cost_ramp=600 --log-rollouts all --run challenge
check_contains "the run keeps what the challenge stands for" "dummy_observations = 20" \
  "$(<challenge/config.toml)"
check_contains "and what was set beside it" "action_delay = 1" "$(<challenge/config.toml)"
check_run "its rollouts replay to the bit, though the cost counts over episodes" 0 \
  replay challenge --verify
run evaluate challenge --episodes 5 --threads 1 --json
one=$out
run evaluate challenge --episodes 5 --threads 3 --json
check "an evaluation takes the whole cost, whatever ran before on a worker" "$one" "$out"
check_run "a challenge for discrete actions" 2 envs check CartPole-v1 --env-set challenge=easy
check_contains "says what it needs" "needs an action that is a box" "$err"

finish
