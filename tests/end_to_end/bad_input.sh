#!/usr/bin/env bash
# Bad input gets one clear line on standard error, nothing on standard output and the right exit
# code: 2 where the command line or configuration is wrong, 1 where the run failed. A failing resume
# leaves the checkpoint as it was.
#
# usage: tests/end_to_end/bad_input.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

# --- The command line and the configuration -------------------------------------------------------

# Every one of these asks for the same run folder, which none of them may make.
# check_bad WHAT PART … -- ARGUMENT …
check_bad() {
  local what=$1 parts=()
  shift
  while [[ $1 != -- ]]; do
    parts+=("$1")
    shift
  done
  shift
  check_error "$what" 2 "${parts[@]}" -- train --env CartPole-v1 --run never --threads 1 "$@"
}

check_error "no environment" 2 "--env" -- train --run never
check_error "an unknown environment: the nearest is named" 2 '"CartPole-v2"' '"CartPole-v1"' -- \
  train --env CartPole-v2 --run never
check_bad "an unknown learner" "--algo" "algo" "sacc" "ppo" -- --algo sacc
check_bad "an unknown key: the nearest is named" \
  "--set" '"ppo.learning_rat"' '"ppo.learning_rate"' -- --set ppo.learning_rat=1
check_bad "--set without a value" "--set ppo.epochs" "KEY=VALUE" -- --set ppo.epochs
check_bad "a word for a number" "--set" "ppo.epochs" "many" "whole number" -- --set ppo.epochs=many
check_bad "a fraction for a whole number" "ppo.epochs" "1.5" "whole number" -- --set ppo.epochs=1.5
check_bad "a number for true or false" "ppo.normalize_advantages" "3" "true or false" -- \
  --set ppo.normalize_advantages=3
check_bad "a learning-rate rule that there is not" "sac.schedule" "kl" "constant | linear | cosine" -- \
  --algo sac --set sac.schedule=kl
check_bad "--ref without a weight" "--ref previous" "ppo.kl.coefficient > 0" -- --ref previous
check_bad "a reference that there is not" "ppo.kl.reference" "first" "fixed, previous or pivot:N" -- \
  --ref first --set ppo.kl.coefficient=1
check_bad "a reference of a run that there is not" "missing is not a run folder" -- \
  --set ppo.kl.coefficient=1 --set ppo.kl.run=missing
check_bad "a negative minibatch" "ppo.minibatch" "-4" "1" -- --set ppo.minibatch=-4
check_bad "no steps" "--steps" "steps = 0" "1" -- --steps 0
check_bad "fewer steps than environments" "steps is 3" "envs = 8" -- --steps 3 --envs 8
check_bad "no environments" "--envs" "envs = 0" "1" -- --envs 0
check_bad "a negative seed" "--seed" "seed = -1" "0" -- --seed -1
check_bad "a number that is not finite" "ppo.learning_rate" "nan" -- --set ppo.learning_rate=nan
check_bad "a distribution that does not fit" '"bernoulli"' "bounded box" "Discrete(2)" -- \
  --policy bernoulli
check_bad "a network that the fused kernels cannot compute" "gelu" "dense" "torch" -- \
  --network dense --set network.activation=gelu
check_bad "an unknown kind of network" "--network" "fast" "auto" -- --network fast
check_bad "an unknown precision" "network.precision" "float16" "bfloat16" -- \
  --set network.precision=float16
check_bad "LibTorch in bfloat16" "network.precision" "dense" "float32" -- \
  --network torch --set network.precision=bfloat16
LIBXSMM_TARGET=skx check_bad "a precision that the processor does not have" \
  "network.precision" "AVX-512 BF16" "float32" -- --set network.precision=bfloat16
check_bad "an unknown distribution" "--policy" "nonsense" "gaussian" "bernoulli" -- \
  --policy nonsense
check_bad "an unknown flag" "--sead" -- --sead 1
check_bad "a flag without its value" "--steps" -- --steps
check_bad "an argument too many" "surplus" -- surplus

printf '[ppo]\nclip = 0.2\nlearning_rat = 1e-3\n' >unknown.toml
check_bad "TOML: an unknown key" \
  "unknown.toml:3" '"ppo.learning_rat"' '"ppo.learning_rate"' -- --config unknown.toml
printf '# a comment\n[ppo]\nepochs = "many"\n' >type.toml
check_bad "TOML: a wrong type" "type.toml:3" "ppo.epochs" "many" "whole number" -- \
  --config type.toml
printf '[ppo]\nminibatch = -4\n' >range.toml
check_bad "TOML: out of range" "range.toml:2" "ppo.minibatch" "-4" "1" -- --config range.toml
printf '[ppo]\nepochs = [1, 2\nclip = 0.2\n' >malformed.toml
check_bad "TOML: malformed" "malformed.toml:" "not valid TOML" -- --config malformed.toml
head -c 300 /dev/urandom >noise.toml
check_bad "TOML: not text at all" "noise.toml:1" "not valid TOML" -- --config noise.toml
check_bad "a configuration that is missing" "missing.toml" "No such file" -- --config missing.toml
mkdir folder.toml
check_bad "a configuration that is a folder" "folder.toml" "directory" -- --config folder.toml
check "none of these made a run folder" "" "$(ls -d never runs 2>/dev/null)"

# --- Run folders ----------------------------------------------------------------------------------

short=(--threads 1 --quiet --set ppo.epochs=1 --set ppo.rollout_steps=64 --set network.hidden=16)
check_run "a run to damage" 0 train --env CartPole-v1 --steps 1024 --log-rollouts all \
  --run whole "${short[@]}"
check_run "a run of another environment" 0 train --env Pendulum-v1 --steps 1024 --run other \
  "${short[@]}"
mkdir empty
check_error "a reference of another shape" 2 "ppo.kl.run" "other (gaussian" "(categorical" -- \
  train --env CartPole-v1 --run never "${short[@]}" --set ppo.kl.coefficient=1 --set ppo.kl.run=other
check_run "a reference of another run" 0 train --env CartPole-v1 --steps 1024 --run referring \
  "${short[@]}" --ref fixed --set ppo.kl.coefficient=1 --set learner.kl.run=whole

before=$(fingerprint whole)
check_error "--run of an existing run" 2 "whole" "--resume" -- \
  train --env CartPole-v1 --run whole "${short[@]}"
for folder in missing empty; do
  for runner in evaluate replay; do
    check_error "$runner: $folder is no run" 2 "$folder is not a run folder" -- $runner $folder
  done
  check_error "--resume: $folder is no run" 2 "$folder is not a run folder" -- \
    train --resume $folder
done
check_error "--resume with another seed" 2 "--seed" "cannot change" -- \
  train --resume whole --seed 2
check_error "--resume with another key" 2 "ppo.clip" "cannot change" -- \
  train --resume whole --set ppo.clip=0.1
check_error "--resume with --run" 2 "--resume" "--run" -- train --resume whole --run another
check_error "--resume with a bad value" 2 "--threads" "threads = -1" -- \
  train --resume whole --threads -1
check_error "--resume to before where it is" 2 "steps is 512" "1024" -- \
  train --resume whole --steps 512 --quiet
check "the run is as it was" "$before" "$(fingerprint whole)"

check_error "evaluate: no run" 2 "RUN" -- evaluate
check_error "evaluate: no episodes" 2 "--episodes" "0" "1" -- evaluate whole --episodes 0
check_error "evaluate: an unknown mode" 2 "--mode" "sometimes" "stochastic" -- \
  evaluate whole --mode sometimes
check_error "replay: no run" 2 "run folder" -- replay
check_error "replay: a run without rollouts" 1 "other/rollouts.h5" "--log-rollouts" -- replay other
check_error "replay: a file that is missing" 1 "gone.h5" "No such file" -- \
  replay gone.h5 --verify
check_error "compare: one run" 2 "at least two runs" -- compare whole
check_error "compare: no run" 2 "\"missing\": there is no such run folder" -- compare whole missing
check_error "compare: different environments" 2 "whole" "other" "one environment" -- \
  compare whole other --episodes 1
check_error "envs: no command" 2 -- envs
check_error "envs: an unknown command" 2 '"show"' "describe" -- envs show
check_error "envs: an unknown environment" 2 '"Hoper-v5"' '"Hopper-v5"' -- envs describe Hoper-v5
check_error "envs: a word like no environment" 2 '"qqqqqqqqqqqq"' "envs list" -- \
  envs describe qqqqqqqqqqqq
check_error "envs: actions that are missing" 1 "gone.csv" "No such file" -- \
  envs trace CartPole-v1 --actions gone.csv
printf '0\nleft\n' >words.csv
check_error "envs: an action that is no number" 2 "words.csv:2" "left" -- \
  envs trace CartPole-v1 --actions words.csv
check_error "bench: no group" 2 "GROUP" -- bench
check_error "bench: an unknown group" 2 '"environments"' "env, infer" -- bench environments
check_error "bench: a filter that matches nothing" 2 "--filter HalfCheetah" '"infer"' -- \
  bench infer --filter HalfCheetah
check_error "bench: no runs" 2 "--runs" "0" "1" -- bench env --runs 0
check_error "bench: an argument too many" 2 "surplus" -- bench env surplus

# --- Damaged files --------------------------------------------------------------------------------

damaged=damaged/checkpoints/last.h5
# check_damaged WHAT PART …: evaluate and resume refuse the checkpoint and leave it alone.
check_damaged() {
  local what=$1 sum
  shift
  sum=$(sha256sum $damaged 2>&1)
  check_error "evaluate: $what" 1 "last.h5" "$@" -- evaluate damaged --episodes 1
  check_error "resume: $what" 1 "last.h5" "$@" -- \
    train --resume damaged --steps 2048 --threads 1 --quiet
  check "resume leaves it as it was: $what" "$sum" "$(sha256sum $damaged 2>&1)"
}
# flip_byte FILE OFFSET: every bit of one byte.
flip_byte() {
  "$python" - "$@" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    byte = file.read(1)[0]
    file.seek(int(sys.argv[2]))
    file.write(bytes([byte ^ 0xFF]))
PYTHON
}

cp -r whole damaged
size=$(stat -c %s $damaged)
rm $damaged
check_damaged "a missing checkpoint"
: >$damaged
check_damaged "an empty checkpoint" "truncated or damaged"
head -c $((size / 2)) whole/checkpoints/last.h5 >$damaged
check_damaged "half a checkpoint" "truncated or damaged"
for offset in $((size / 2)) $((size - 20)); do # in the data, in the length behind it
  cp whole/checkpoints/last.h5 $damaged
  flip_byte $damaged "$offset"
  check_damaged "byte $offset of $size flipped" "truncated or damaged"
done
cp other/checkpoints/last.h5 $damaged
check_damaged "a checkpoint of another shape" "expected"
check "none of these made or removed a file" "$(cd whole && find . | sort)" \
  "$(cd damaged && find . | sort)"

cp whole/checkpoints/last.h5 $damaged
before=$(sha256sum $damaged)
size=$(stat -c %s whole/rollouts.h5)
head -c $((size / 2)) whole/rollouts.h5 >damaged/rollouts.h5
check_error "replay: half a rollout file" 1 "damaged/rollouts.h5" -- replay damaged --verify
check_error "resume: half a rollout file" 1 "damaged/rollouts.h5" -- \
  train --resume damaged --steps 2048 --threads 1 --quiet
echo "not HDF5" >damaged/rollouts.h5
check_error "replay: a rollout file that is text" 1 "damaged/rollouts.h5" -- replay damaged --verify
check "the checkpoint is as it was" "$before" "$(sha256sum $damaged)"

rm -rf damaged && cp -r whole damaged
sed -i 's/^gamma = .*/gamma = 0.5/' damaged/config.toml
check_error "resume: an edited config.toml" 1 "gamma = 0.5" "gamma = 0.99" "last.h5" -- \
  train --resume damaged --steps 2048 --threads 1 --quiet
cp whole/config.toml damaged/
rm damaged/metrics.csv
check_error "resume: missing metrics" 1 "damaged/metrics.csv" "step" -- \
  train --resume damaged --steps 2048 --threads 1 --quiet

printf 'env = "CartPole-v1"\nsteps = \n' >damaged/config.toml
check_error "a run whose config.toml is malformed" 2 "damaged/config.toml:2" -- \
  evaluate damaged --episodes 1

finish
