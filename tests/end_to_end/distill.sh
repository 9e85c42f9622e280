#!/usr/bin/env bash
# Distillation: a teacher's policy in another shape, from a run, a checkpoint or rollout files; the
# run that it leaves is one like any other.
#
# usage: tests/end_to_end/distill.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

# return_of RUN MODE: its mean return over the same starts for all, rounded down.
return_of() {
  evaluate "$1" --episodes 40 --mode "$2" --threads 1 --json |
    "$python" -c 'import json, math, sys; print(math.floor(json.load(sys.stdin)["mean"]))'
}
# check_return WHAT RUN MODE LEAST
check_return() {
  local mean
  mean=$(return_of "$2" "$3")
  check "$1" yes "$( ((mean >= $4)) && echo yes || echo "$mean, expected at least $4")"
}

check_run "a teacher for CartPole" 0 train --env CartPole-v1 --steps 30000 --threads 1 --quiet \
  --log-rollouts last --run pole
check_run "a teacher for Pendulum" 0 train --env Pendulum-v1 --algo sac --steps 10000 --threads 1 \
  --quiet --env-set torque_cost=0 --run swing
teachers() { find pole swing -type f -exec sha256sum {} + | sort; }
before=$(teachers)

# --- students -------------------------------------------------------------------------------------

check_run "CartPole, by cross-entropy" 0 distill --teacher pole --run pole-2 --threads 1
check_contains "it tells what it does" "distilling pole in CartPole-v1 into pole-2" "$out"
check_contains "and how well" "on held-out episodes 0." "$out"
check_return "the student balances the pole" pole-2 deterministic 300
for student in gaussian bernoulli ternary; do
  check_run "Pendulum: a $student student" 0 distill --teacher swing --student $student \
    --run swing-$student --threads 1 --quiet
  check_return "it swings up" swing-$student deterministic -300
done
check_contains "its environment is the teacher's" "torque_cost = 0.0" \
  "$(grep torque_cost swing-bernoulli/config.toml)"
check_run "what the teacher showed replays" 0 replay swing-bernoulli --verify --threads 1
check_contains "all of it" "100 episodes, 20000 steps replayed, 0 differences" "$out"
check_run "student and teacher compare" 0 compare swing swing-gaussian --episodes 2 --threads 1
check_run "a checkpoint is a teacher as well" 0 distill --teacher swing/checkpoints/last.h5 \
  --student bernoulli --run from-checkpoint --threads 1 --quiet
check_same_results "to the same bytes" swing-bernoulli from-checkpoint
check_run "and can be evaluated" 0 evaluate swing/checkpoints/last.h5 --episodes 2 --threads 1

check_run "behaviour cloning from rollout files" 0 distill \
  --rollouts swing-gaussian/rollouts.h5,swing-ternary/rollouts.h5 --student bernoulli --run cloned \
  --threads 1 --json
check "JSON, alone, with the losses" "cloned Pendulum-v1 imitation bernoulli 3000000 True" \
  "$("$python" -c '
import json, sys
x = json.loads(sys.stdin.read())
assert sorted(x) == sorted("run env algo policy seed steps loss validation_loss wall_seconds "
                           "steps_per_second".split()), x
print(x["run"], x["env"], x["algo"], x["policy"], x["steps"], 0 < x["validation_loss"] < 0.7)
' <<<"$out" 2>&1)"
check_return "it swings up" cloned deterministic -300
check_run "from a training run's rollouts" 0 distill --rollouts pole/rollouts.h5 --run pole-3 \
  --threads 1 --quiet
check "no teacher's folder has changed" "$before" "$(teachers)"

# --- the same bytes -------------------------------------------------------------------------------

short=(distill --teacher swing --student bernoulli --steps 200000 --episodes 10 --quiet
  --set imitation.report_steps=1000)
check_run "one thread" 0 "${short[@]}" --threads 1 --run one
check_run "three" 0 "${short[@]}" --threads 3 --run three
check_same_results "the results are the same" one three
"$runners/distill" "${short[@]:1}" --threads 1 --run stopped >/dev/null 2>err.txt &
pid=$!
wait_for_rows 5 stopped $pid && kill -INT $pid
wait $pid
check "Ctrl-C: the exit code is 0" 0 $?
check_contains "it says how to go on" "costate train --resume stopped" "$(<err.txt)"
check "it stopped midway" yes "$( (($(rows_of stopped) < 200)) && echo yes || rows_of stopped)"
mv swing away
check_run "it goes on, without its teacher" 0 distill --resume stopped --threads 1 --quiet
mv away swing
check_same_results "and ends in the same bytes" one stopped

# --- what is refused ------------------------------------------------------------------------------

check_error "no teacher" 2 "--teacher RUN or --rollouts FILE.h5" -- distill --student bernoulli
check_error "two sources" 2 "either" -- distill --teacher swing --rollouts swing-gaussian/rollouts.h5
check_error "episodes of rollouts" 2 "--episodes" "--rollouts" -- \
  distill --rollouts pole/rollouts.h5 --episodes 3
check_error "a teacher that is no run" 2 "nowhere" "config.toml" -- distill --teacher nowhere
check_error "an unknown key: the nearest is named" 2 '"imitation.labls"' '"imitation.labels"' -- \
  distill --teacher swing --set imitation.labls=hard
check_error "a key of another learner" 2 '"ppo.epochs"' -- distill --teacher swing --set ppo.epochs=2
check_error "a student that does not fit" 2 '"bernoulli"' "Discrete(2)" -- \
  distill --teacher pole --student bernoulli
check_error "a teacher of another environment" 2 "imitation.teacher pole: the environment is" \
  "CartPole-v1, expected Pendulum-v1" -- \
  train --env Pendulum-v1 --algo imitation --set imitation.teacher=pole --run refused
check_error "a teacher of other observations" 2 "imitation.teacher swing: the observation space" \
  "Box(3), expected Box(2, 3)" -- \
  distill --teacher swing --env-set frame_stack=2 --run refused
check_error "rollouts of another environment" 1 "pole/rollouts.h5: the environment is CartPole-v1" \
  "expected Pendulum-v1" -- \
  distill --rollouts swing-gaussian/rollouts.h5,pole/rollouts.h5 --run refused
check_error "no such file" 1 "nothing.h5" -- distill --rollouts nothing.h5 --run refused
head -c 20000 pole/rollouts.h5 >cut.h5
check_error "a broken file" 1 "cut.h5" -- distill --rollouts cut.h5 --run refused
cp pole/checkpoints/last.h5 broken.h5
printf x | dd of=broken.h5 bs=1 seek=5000 conv=notrunc status=none
check_error "a broken checkpoint" 1 "broken.h5" -- distill --teacher broken.h5 --run refused
check_error "imitation without demonstrations" 2 "imitation.teacher or imitation.rollouts" -- \
  train --env Pendulum-v1 --algo imitation --run refused
check_error "a run that is there already" 2 "swing already holds a run" -- \
  distill --teacher swing --run swing
check "none of these made a folder" no "$([[ -e refused ]] && echo yes || echo no)"
check "nor changed a teacher" "$before" "$(teachers)"

run distill --help
for key in imitation.labels imitation.patience network.hidden environment.action_cost --teacher; do
  check_contains "the help explains $key" "$key" "$out"
done

finish
