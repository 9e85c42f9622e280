#!/usr/bin/env bash
# LibTorch costs the runners nothing until a network asks for it, and is then found: beside the
# runner, in the build tree and in an installation, also one that has been moved.
#
# usage: tests/end_to_end/torch_plugin.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

torch_training=(--env CartPole-v1 --steps 64 --envs 2 --quiet --set network.kind=torch
  --set ppo.rollout_steps=16 --set ppo.minibatch=16)

for runner in train distill evaluate replay compare envs; do
  run ldd "$runners/$runner"
  if [[ $code == 0 && $out == *libc.so* && $out != *libtorch* && $out != *libc10* ]]; then
    passed "$runner does not link LibTorch"
  else
    failed "$runner does not link LibTorch" "$(grep -E 'torch|c10' <<<"$out")" "$err"
  fi
done

check_run "a LibTorch network trains" 0 train "${torch_training[@]}" --run torch
check_run "and is evaluated" 0 evaluate torch --episodes 1

build=$(dirname "$(dirname "$runners")")
mkdir lonely
cp "$runners/train" lonely
runners=$work/lonely
export COSTATE_DATA=$build/share/costate
check_error "without the library" 1 "cannot load libcostate_torch.so: " "No such file" -- \
  train "${torch_training[@]}" --run missing
check_run "without the library other networks train" 0 \
  train "${torch_training[@]}" --set network.kind=dense --run dense
echo "no library" >lonely/libcostate_torch.so
check_error "with a broken library" 1 "cannot load libcostate_torch.so: " -- \
  train "${torch_training[@]}" --run broken
unset COSTATE_DATA

if [[ -e $build/cmake_install.cmake ]]; then
  check_run "the build is installed" 0 cmake --install "$build" --prefix "$work/installed"
  mv installed moved
  mkdir bin
  ln -s "$work/moved/bin/costate" bin
  ln -s "$work/moved/libexec/costate/train" bin
  check_run "a moved installation trains" 0 bin/costate train "${torch_training[@]}" --run moved-1
  check_run "so does its runner through a link" 0 bin/train "${torch_training[@]}" --run moved-2
  check_same_results "the launcher gives the results of the build tree" torch moved-1
  check_same_results "so does the link" torch moved-2
fi

finish
