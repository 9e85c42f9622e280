#!/usr/bin/env bash
# A study that is killed or interrupted goes on by the same command and ends in the same bytes as
# one that was left alone; cells that are done are not run again. Its page is well-formed and needs
# nothing from elsewhere.
#
# usage: tests/end_to_end/study.sh FOLDER-OF-THE-RUNNERS
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh" "$@"

# Many small updates, so that there are many places to stop at.
experiment=minimum-time
setting=(bang-bang --only $experiment --seeds 2 --set steps=32000 --set envs=16
  --set ppo.rollout_steps=50 --set ppo.epochs=2 --set checkpoint_seconds=0.1)

# study_results OUT: checksums of what of a study does not depend on time.
study_results() {
  (cd "$1" && find . \( -name result.json -o -name metrics.csv -o -name last.h5 \
    -o -name report.html \) -exec sha256sum {} + | sort -k 2)
}
# begin OUT ARGUMENT …: starts the study in the background, and waits until a cell is under way.
begin() {
  local out=$1
  shift
  "$runners/study" run "${setting[@]}" --out "$out" "$@" >out.txt 2>err.txt &
  pid=$!
  wait_for_rows 10 "$out/$first" $pid
}
# The processes that work for the study in this folder.
workers() { grep -lsz -- "^$1\$" /proc/[0-9]*/cmdline | wc -l; }

check_run "a study" 0 study run "${setting[@]}" --out whole --jobs 2
check_contains "it tells how far it is" "cells" "$out"
check_contains "it ends with its page" "whole/report.html" "$out"
cells=$(find whole -name result.json | wc -l)
check "every cell has a result" "$(find whole -name config.toml | wc -l)" "$cells"
check "there are several" yes "$( ((cells >= 4 && cells % 2 == 0)) && echo yes)"
results=$(study_results whole)
first=$(cd whole && find . -name seed-1 | sort | head -n 1)
check_run "a cell is a run like any other" 0 evaluate "whole/$first" --episodes 2 --threads 1

begin killed --jobs 2
check "two workers are busy beside it" 3 "$(workers killed)"
kill -KILL $pid
wait $pid 2>/dev/null
check "it was killed midway" "137 no" \
  "$? $([[ -e killed/report.html || $(find killed -name result.json | wc -l) == "$cells" ]] &&
    echo yes || echo no)"
for _ in {1..200}; do
  [[ $(workers killed) == 0 ]] && break
  sleep 0.01
done
check "its workers are gone with it" 0 "$(workers killed)"
check_run "it goes on by the same command, with other jobs" 0 \
  study run "${setting[@]}" --out killed --jobs 1
check "and ends in the same bytes" "$results" "$(study_results killed)"
check "nothing half-written remains" "" "$(find killed -name '*.tmp*')"

begin stopped --jobs 1
check_error "a second one in the same folder" 1 "stopped" "another" -- \
  study run "${setting[@]}" --out stopped
kill -INT $pid
wait $pid
check "interrupted, it exits 1" 1 $?
err=$(<err.txt)
check "and says so in one line" 1 "$(wc -l <err.txt)"
check_contains "the line says how to go on" "to go on: costate study run bang-bang" "$err"
# shellcheck disable=SC2086
check_run "which is true" 0 study ${err##*costate study }
check "and ends in the same bytes" "$results" "$(study_results stopped)"

before=$(find whole -name result.json -o -name last.h5 | sort | xargs stat -c '%n %Y %i')
check_run "once more, as JSON" 0 study run "${setting[@]}" --out whole --json
check_contains "nothing was left to do" "$cells of $cells cells are done already" "$err"
check "no cell was run again" "$before" \
  "$(find whole -name result.json -o -name last.h5 | sort | xargs stat -c '%n %Y %i')"
check "the JSON is one object with the experiment" "bang-bang $experiment [1, 2]" "$("$python" -c '
import json, sys
report = json.loads(sys.stdin.read())
condition = report["experiments"][0]["conditions"][0]
mean = sum(condition["mode"]["return"]["values"]) / 2
assert abs(condition["mode"]["return"]["mean"] - mean) < 1e-9
print(report["study"], report["experiments"][0]["name"], condition["seeds"])' <<<"$out" 2>&1)"

check "the page is well-formed and self-contained" "fine" "$("$python" - whole/report.html <<'PYTHON' 2>&1
import sys
import xml.etree.ElementTree as tree

page = tree.parse(sys.argv[1])
ids = [e.get("id") for e in page.iter() if e.get("id")]
assert len(ids) == len(set(ids)), "an id is there twice"
tags = [e.tag.split("}")[-1] for e in page.iter()]
assert "script" not in tags and "link" not in tags and "img" not in tags
assert tags.index("table") < tags.index("svg"), "tables first"
for e in page.iter():
    for name, value in e.attrib.items():
        assert name not in ("src", "href"), name
        if "url(" in value:
            assert value.removeprefix("url(#").removesuffix(")") in ids, value
for table in page.iter("table"):
    widths = {len(row) for row in table.iter("tr")}
    assert len(widths) == 1, f"rows of {widths} cells"
print("fine")
PYTHON
)"

check_run "the studies are listed" 0 study list
check_contains "with their experiments" "--only $experiment" "$out"
check_run "as JSON too" 0 study list --json
check_contains "with their conditions" '"gaussian' "$out"

check_error "an unknown study: the nearest is named" 2 '"bang-bong"' "did you mean bang-bang" -- \
  study run bang-bong
check_error "an unknown experiment" 2 "--only nothing" "$experiment" -- \
  study run bang-bang --only nothing
check_error "an unknown command" 2 '"rum"' "list or run" -- study rum
check_error "no command" 2 "subcommand" -- study
check_error "no study" 2 "NAME" -- study run
check_error "no jobs" 2 "--jobs" "0" "1" -- study run bang-bang --jobs 0
check_error "no seeds" 2 "--seeds" "0" "1" -- study run bang-bang --seeds 0
check_error "an unknown key: the nearest is named" 2 '"ppo.clop"' '"ppo.clip"' -- \
  study run bang-bang --set ppo.clop=1
check_error "seeds by --set" 2 "seed=3" "--seeds" -- study run bang-bang --set seed=3
check_error "other settings in the same folder" 1 "config.toml has steps = 32000" \
  "expected steps = 48000" "--out" -- study run "${setting[@]}" --set steps=48000 --out whole
check "none of these made a folder" "" "$(ls -d runs 2>/dev/null)"

# A cell that cannot be run: a file is in its way.
mkdir -p "failing/$(dirname "$first")"
echo "in the way" >"failing/$first"
check_run "a study with a cell that fails exits 1" 1 study run "${setting[@]}" --out failing
check_contains "it names the cell and the reason" "seed 1: costate study: cannot make the folder" \
  "$err"
check_contains "and runs the others" "costate study: $((cells - 1)) of $cells cells are done, 1 failed" \
  "$err"
check "without a report" no "$([[ -e failing/report.html ]] && echo yes || echo no)"
rm "failing/$first"
check_run "when the cause is gone it goes on" 0 study run "${setting[@]}" --out failing
check "and ends in the same bytes" "$results" "$(study_results failing)"

finish
