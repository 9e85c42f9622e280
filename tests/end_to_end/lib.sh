# shellcheck shell=bash
# What the end-to-end tests share. To be sourced: `source lib.sh "$@"`, where the first argument is
# the folder of the runners. Leaves the test in an empty folder that is removed when it ends.
#
# Every check prints one line, "ok …" or "FAILED …"; `finish` ends the test with the exit code.
set -uo pipefail

if [[ ! -x ${1:-}/train ]]; then
  echo "usage: $0 FOLDER, expected the folder of the runners, such as build/libexec/costate" >&2
  exit 2
fi
runners=$(readlink -f -- "$1")
tests=$(readlink -f -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
python=/usr/bin/python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
checks=0
failures=0

train() { "$runners/train" "$@"; }
distill() { "$runners/distill" "$@"; }
evaluate() { "$runners/evaluate" "$@"; }
replay() { "$runners/replay" "$@"; }
export_rollouts() { "$runners/export" "$@"; }
import_rollouts() { "$runners/import" "$@"; }
compare() { "$runners/compare" "$@"; }
study() { "$runners/study" "$@"; }
envs() { "$runners/envs" "$@"; }
bench() { "$runners/bench" "$@"; }

# run COMMAND …: leaves its standard output in $out, standard error in $err, exit code in $code.
run() {
  out=$("$@" 2>"$work/.stderr")
  code=$?
  err=$(<"$work/.stderr")
}

passed() {
  checks=$((checks + 1))
  echo "ok      $1"
}

# failed WHAT DETAIL …
failed() {
  checks=$((checks + 1))
  failures=$((failures + 1))
  echo "FAILED  $1"
  shift
  printf '          %s\n' "${@//$'\n'/$'\n          '}"
}

# check WHAT EXPECTED ACTUAL: the two strings are equal.
check() {
  if [[ $2 == "$3" ]]; then passed "$1"; else failed "$1" "expected: $2" "got:      $3"; fi
}

# check_contains WHAT PART TEXT
check_contains() {
  if [[ $3 == *"$2"* ]]; then passed "$1"; else failed "$1" "expected: …$2…" "got:      $3"; fi
}

# check_run WHAT CODE COMMAND …: the command ends with this exit code.
check_run() {
  local what=$1 expected=$2
  shift 2
  run "$@"
  if [[ $code == "$expected" ]]; then
    passed "$what"
  else
    failed "$what" "command:  $*" "expected: exit code $expected" "got:      $code" "$out" "$err"
  fi
}

# check_error WHAT CODE PART … -- COMMAND …: the command ends with this exit code, prints nothing on
# standard output and one line on standard error, which contains every part.
check_error() {
  local what=$1 expected=$2 parts=() problems=() part
  shift 2
  while [[ $1 != -- ]]; do
    parts+=("$1")
    shift
  done
  shift
  run "$@"
  [[ $code == "$expected" ]] || problems+=("expected exit code $expected, got $code")
  [[ -z $out ]] || problems+=("expected nothing on standard output, got: $out")
  [[ -n $err && $err != *$'\n'* ]] || problems+=("expected one line on standard error")
  [[ $err == "costate $1: "* ]] || problems+=("expected a line that begins with: costate $1: ")
  for part in "${parts[@]}"; do
    [[ $err == *"$part"* ]] || problems+=("expected a line with: $part")
  done
  if ((${#problems[@]} == 0)); then
    passed "$what"
  else
    failed "$what" "command: $*" "${problems[@]}" "standard error: $err"
  fi
}

# What of a run does not depend on time, place or threads.
results_of() {
  (cd "$1" && ls -d metrics.csv metrics.jsonl checkpoints/last.h5 rollouts.h5 2>/dev/null)
}

# check_same_results WHAT RUN RUN: the results of the two are the same files with the same bytes.
check_same_results() {
  local file problems=()
  [[ -s $2/metrics.csv && -s $2/checkpoints/last.h5 ]] || problems+=("$2 is no complete run")
  [[ $(results_of "$2") == "$(results_of "$3")" ]] ||
    problems+=("files differ: $(results_of "$2" | xargs) and $(results_of "$3" | xargs)")
  for file in $(results_of "$2"); do
    cmp -s "$2/$file" "$3/$file" || problems+=("$(cmp "$2/$file" "$3/$file" 2>&1)")
  done
  if ((${#problems[@]} == 0)); then passed "$1"; else failed "$1" "${problems[@]}"; fi
}

# The checksums of a run's results, to see whether something changed them.
fingerprint() {
  local file
  for file in $(results_of "$1"); do sha256sum "$1/$file"; done
}

# How many rows of metrics a run has written.
rows_of() {
  local lines=0
  [[ -e $1/metrics.csv ]] && lines=$(wc -l <"$1/metrics.csv")
  echo $((lines > 0 ? lines - 1 : 0)) # without the header
}

# wait_for_rows COUNT RUN PID: until the run has written that many rows of metrics. Fails where the
# process ends first.
wait_for_rows() {
  while (($(rows_of "$2") < $1)); do
    kill -0 "$3" 2>/dev/null || return 1
    sleep 0.005
  done
}

finish() {
  echo "$(basename "$0" .sh): $((checks - failures)) of $checks checks passed"
  exit $((failures > 0))
}
