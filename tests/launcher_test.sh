#!/usr/bin/env bash
# Checks the launcher ./costate without building Costate: its usage and errors, an installation made
# of fake runners, and a source tree that is a four-line CMake project with fake runners.
#
# usage: tests/launcher_test.sh [LAUNCHER]; exit code 0 when every check passed.
set -uo pipefail

launcher=$(readlink -f -- "${1:-$(dirname -- "${BASH_SOURCE[0]}")/../costate}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
checks=0
failures=0

# check WHAT EXPECTED ACTUAL: the two strings are equal.
check() {
  checks=$((checks + 1))
  [[ $2 == "$3" ]] && return
  failures=$((failures + 1))
  printf 'FAILED %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3" >&2
}

# check_contains WHAT PART TEXT
check_contains() {
  checks=$((checks + 1))
  [[ $3 == *"$2"* ]] && return
  failures=$((failures + 1))
  printf 'FAILED %s\n  expected a text with: %s\n  got: %s\n' "$1" "$2" "$3" >&2
}

# run COMMAND …: leaves its standard output in $out, standard error in $err, exit code in $code.
run() {
  out=$("$@" 2>"$work/stderr")
  code=$?
  err=$(<"$work/stderr")
}

# fake_runner FILE: a runner that reports how it was called, and fails where it is told to.
fake_runner() {
  mkdir -p "$(dirname "$1")"
  cat >"$1" <<'END'
#!/bin/sh
echo "${0##*/} in $PWD:$(printf ' <%s>' "$@")"
[ "$1" != exit ] || exit "$2"
END
  chmod +x "$1"
}

# --- An installation: usage and errors ------------------------------------------------------------

prefix=$work/first/prefix
mkdir -p "$prefix/bin" "$work/elsewhere" "$work/links"
cp "$launcher" "$prefix/bin/costate"
for runner in train evaluate replay compare; do fake_runner "$prefix/libexec/costate/$runner"; done
cd "$work/elsewhere" || exit 1

run "$prefix/bin/costate"
check "usage without arguments exits 0" 0 "$code"
for runner in train distill evaluate replay export import compare study envs bench test build; do
  check_contains "usage names $runner" $'\n'"  $runner " "$out"
done
usage=$out
for flag in help --help -h; do
  run "$prefix/bin/costate" "$flag"
  check "$flag prints the usage" "$usage" "$out"
done

run "$prefix/bin/costate" trian
check "an unknown runner exits 2" 2 "$code"
check "an unknown runner prints nothing on standard output" "" "$out"
check_contains "an unknown runner gets the nearest name" 'did you mean "train"?' "$err"
run "$prefix/bin/costate" qqqqqqqqqqqq
check "a word like no runner exits 2" 2 "$code"
check "a word like no runner gets no guess, in one line" \
  'costate: unknown runner "qqqqqqqqqqqq" (costate help lists them)' "$err"
for word in "" "train evaluate"; do
  run "$prefix/bin/costate" "$word"
  check "\"$word\" is no runner and exits 2" 2 "$code"
done

run "$prefix/bin/costate" test
check "test in an installation exits 2" 2 "$code"
check_contains "test in an installation asks for the source tree" "needs the source tree" "$err"
run "$prefix/bin/costate" envs list
check "a runner that is not installed exits 1" 1 "$code"
check_contains "a runner that is not installed is named with its place" libexec/costate/envs "$err"

# --- An installation: finding the runners ---------------------------------------------------------

run "$prefix/bin/costate" train --env "a b" '' '*'
check "arguments and the caller's folder are kept" \
  "train in $work/elsewhere: <--env> <a b> <> <*>" "$out"
check "an installed launcher says nothing itself" "" "$err"
run "$prefix/bin/costate" train exit 7
check "the runner's exit code is kept" 7 "$code"
run "$prefix/bin/costate" help train
check "help RUNNER asks the runner" "train in $work/elsewhere: <--help>" "$out"

ln -s "$prefix/bin/costate" "$work/links/absolute"
ln -s ../links/absolute "$work/links/relative"
run "$work/links/relative" replay
check "it works through symbolic links" "replay in $work/elsewhere: <>" "$out"
PATH=$prefix/bin:$PATH run costate compare a b
check "it works from PATH" "compare in $work/elsewhere: <a> <b>" "$out"

mv "$work/first" "$work/moved to"
run "$work/moved to/prefix/bin/costate" train
check "a moved installation works" "train in $work/elsewhere: <>" "$out"

# --- A source tree --------------------------------------------------------------------------------

tree="$work/source tree"
mkdir -p "$tree/bin" "$tree"/{envs,logs,backends,policies,agents,runners,tests}
cp "$launcher" "$tree/costate"
printf '# none\n' >"$tree/packages.txt"
fake_runner "$tree/runners/train"
cat >"$tree/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(fake LANGUAGES NONE)
add_custom_command(OUTPUT libexec/costate/train DEPENDS runners/train
  COMMAND sh runners/before-build
  COMMAND ${CMAKE_COMMAND} -E copy runners/train ${CMAKE_BINARY_DIR}/libexec/costate/train
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
add_custom_target(runners ALL DEPENDS libexec/costate/train)
enable_testing()
add_test(NAME quick COMMAND ${CMAKE_COMMAND} -E echo "quick ran")
add_test(NAME lengthy COMMAND ${CMAKE_COMMAND} -E echo "lengthy ran")
set_tests_properties(lengthy PROPERTIES LABELS slow)
END
cp "$(dirname "$launcher")/CMakePresets.json" "$tree"
echo true >"$tree/runners/before-build"

run "$tree/costate" train --seed 1
check "the first run builds and then trains" "train in $work/elsewhere: <--seed> <1>" "$out"
check_contains "it says that it builds, on standard error" "building with" "$err"
check "the log of the build is there" yes "$([[ -s $tree/build/build.log ]] && echo yes)"

# With only these two in PATH the launcher can start nothing else: that is what makes it quick.
ln -s "$(type -P bash)" "$(type -P find)" "$tree/bin"
PATH=$tree/bin run "$tree/costate" train
check "with nothing changed it starts nothing but one find" \
  "0|train in $work/elsewhere: <>|" "$code|$out|$err"

ln -s "$tree/costate" "$work/links/tree"
run "$work/links/tree" train
check "a source tree works through a link" "train in $work/elsewhere: <>" "$out"

sleep 0.02 # so that the next times differ in any file system
touch "$tree/runners/train"
run "../links/../source tree/./costate" train
check "a roundabout path works" "train in $work/elsewhere: <>" "$out"
check "a roundabout path is still the same source tree" "" "$(grep configuring <<<"$err")"

sleep 0.02
echo 'echo the compiler complains >&2; exit 1' >"$tree/runners/before-build"
touch "$tree/runners/train"
run "$tree/costate" train
check "a build that fails exits 1" 1 "$code"
check "a build that fails does not start the runner" "" "$out"
check_contains "a build that fails shows the end of the log" "the compiler complains" "$err"
check_contains "a build that fails names the log" "the whole log is $tree/build/build.log" "$err"
run "$tree/costate" train
check "it fails again as long as nothing is mended" 1 "$code"

echo 'sleep 0.2; echo built >> build/times' >"$tree/runners/before-build"
"$tree/costate" train >"$work/one" 2>&1 &
"$tree/costate" train >"$work/two" 2>&1
wait $!
check "of two started at once, one builds" 1 "$(grep -c built "$tree/build/times")"
check_contains "and both run (one)" "train in" "$(<"$work/one")"
check_contains "and both run (two)" "train in" "$(<"$work/two")"

run "$tree/costate" test
check "test exits 0" 0 "$code"
check_contains "test runs what is not slow" "out of 1" "$out"
run "$tree/costate" test --slow
check_contains "test --slow runs everything" "out of 2" "$out"
run "$tree/costate" test --slow -R lengthy --verbose
check_contains "test hands the rest to ctest" "lengthy ran" "$out"
run "$tree/costate" build
check "build exits 0 and runs nothing" "0|" "$code|$out"
run "$tree/costate" build everything
check "build takes no arguments" 2 "$code"

mv "$tree" "$work/source moved"
tree="$work/source moved"
sleep 0.02
touch "$tree/runners/train"
run "$tree/costate" train
check "a source tree that was moved builds anew" "0|train in $work/elsewhere: <>" "$code|$out"

# --- Missing packages -----------------------------------------------------------------------------
# A fake dpkg-query knows one package; fake apt-get and sudo write down what they are asked for.

bin=$work/fake
mkdir -p "$bin"
cat >"$bin/dpkg-query" <<'END'
#!/bin/sh
echo "installed here-already"
echo "config-files was-removed"
[ ! -e "$FAKE_STATE/done" ] || printf 'installed %s\n' was-removed never-there
END
cat >"$bin/apt-get" <<'END'
#!/bin/sh
echo "apt-get $* ($DEBIAN_FRONTEND)" >>"$FAKE_STATE/calls"
[ ! -e "$FAKE_STATE/broken" ] || { echo "E: no network"; exit 100; }
[ "$1" != install ] || touch "$FAKE_STATE/done"
END
cat >"$bin/sudo" <<'END'
#!/bin/sh
echo sudo >>"$FAKE_STATE/calls"
exec "$@"
END
chmod +x "$bin"/*
export FAKE_STATE=$work/state
mkdir -p "$FAKE_STATE"
chmod 777 "$FAKE_STATE"
printf 'here-already\n# a comment\nwas-removed # removed, its settings kept\n\nnever-there\n' \
  >"$tree/packages.txt"

as_user=()
expected_sudo=$'sudo\n'
if ((EUID == 0)); then # the launcher's checks as an ordinary user too
  as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chown -R 65534:65534 "$tree"
fi
hidden=$work/without-sudo
mkdir -p "$hidden"
for tool in bash env readlink find sed tr grep mkdir touch flock nproc awk tail cmake ninja date; do
  ln -s "$(type -P $tool)" "$hidden/$tool"
done
cp "$bin/dpkg-query" "$bin/apt-get" "$hidden"

PATH=$hidden run "${as_user[@]/setpriv/$(type -P setpriv)}" "$tree/costate" train
check "packages missing and no way to root: exit 1" 1 "$code"
check_contains "the missing packages are named" "these are missing: was-removed never-there" "$err"
check_contains "the command to type is printed" \
  "apt-get update && apt-get install --no-install-recommends was-removed never-there" "$err"
check "nothing was called" "" "$(cat "$FAKE_STATE/calls" 2>/dev/null)"

touch "$FAKE_STATE/broken"
PATH=$bin:$PATH run "${as_user[@]}" "$tree/costate" train
check "apt-get that fails: exit 1" 1 "$code"
check_contains "apt-get that fails: its words are shown" "E: no network" "$err"
rm "$FAKE_STATE/broken" "$FAKE_STATE/calls"

PATH=$bin:$PATH run "${as_user[@]}" "$tree/costate" train
check "the packages are installed through sudo, then it runs" \
  "0|train in $work/elsewhere: <>" "$code|$out"
check "what was asked of apt-get" \
  "${expected_sudo}apt-get update (noninteractive)
${expected_sudo}apt-get install -y --no-install-recommends was-removed never-there (noninteractive)" \
  "$(<"$FAKE_STATE/calls")"

if ((EUID == 0)); then
  rm "$FAKE_STATE"/*
  touch "$tree/packages.txt"
  PATH=$bin:$PATH run "$tree/costate" train
  check "root needs no sudo" \
    "apt-get update (noninteractive)
apt-get install -y --no-install-recommends was-removed never-there (noninteractive)" \
    "$(<"$FAKE_STATE/calls")"
fi

# The list that is shipped: one package a line, comments apart.
list=$(dirname "$launcher")/packages.txt
check "packages.txt has one package a line" "" "$(grep -vE '^(#.*|[a-z0-9][a-z0-9.+-]+|)$' "$list")"

echo "launcher: $((checks - failures)) of $checks checks passed"
((failures == 0))
