#!/usr/bin/env bash
# Trains on a machine that may be taken away at any time.
#
#   train.sh RUN KEPT [all that `audit train` is told but -o and --resume]
#
# The run lies in RUN, on the machine's own disk. KEPT is a folder that outlives the machine, such as a mounted bucket:
# whenever there is a new checkpoint, and at the end, RUN is packed into KEPT/run.N.tar, with its sum beside it. A pack
# that is not whole is passed over, so a bucket that cannot rename or append will do. The two newest are kept. Started
# again on another machine, it goes on from the newest whole pack. KEEP_EVERY: seconds between two looks (60).
set -euo pipefail

run=$1 kept=$2
shift 2
every=${KEEP_EVERY:-60}
number=0
packed=""

numbers() { # of the packs in KEPT, newest first
    find "$kept" -maxdepth 1 -name 'run.*.tar.sha256' | sed -E 's/.*run\.([0-9]+)\.tar\.sha256/\1/' | sort -rn
}

restore() {
    local one
    for one in $(numbers); do
        if (cd "$kept" && sha256sum --check --status "run.$one.tar.sha256" 2>/dev/null); then
            mkdir -p "$run"
            tar -xf "$kept/run.$one.tar" -C "$run"
            echo "train.sh: going on from run.$one.tar"
            return
        fi
        echo "train.sh: run.$one.tar is not whole and is removed"
        rm -f "$kept/run.$one.tar" "$kept/run.$one.tar.sha256"
    done
}

# Checkpoints before the rest: a log may go beyond the newest checkpoint, and never end before it.
keep() {
    local names rest one code=0
    names=$(ls "$run/checkpoints" 2>/dev/null || true)
    if [ "$1" = if-new ] && [ "$names" = "$packed" ]; then return; fi
    if ! [ -d "$run" ]; then return; fi
    rest=$(ls "$run" | grep -vx checkpoints || true)
    tar -cf "$run.tar" -C "$run" ${names:+checkpoints} $rest 2>/dev/null || code=$?
    if [ "$code" -gt 1 ]; then return; fi # 1: a file grew meanwhile, as a log does
    number=$((number + 1))
    cp "$run.tar" "$kept/run.$number.tar"
    (cd "$(dirname "$run")" && sha256sum "$(basename "$run").tar") |
        sed "s/ .*/  run.$number.tar/" >"$kept/run.$number.tar.sha256"
    packed=$names
    for one in $(numbers | tail -n +3); do rm -f "$kept/run.$one.tar" "$kept/run.$one.tar.sha256"; done
}

mkdir -p "$(dirname "$run")" "$kept"
run=$(cd "$(dirname "$run")" && pwd)/$(basename "$run")
number=$(numbers | head -n 1)
number=${number:-0}
if ! [ -e "$run" ]; then restore; fi

audit train "$@" -o "$run" --resume &
trainer=$!
trap 'kill -TERM "$trainer" 2>/dev/null || true' TERM INT
seconds=0
while kill -0 "$trainer" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    if [ "$seconds" -ge "$every" ]; then
        seconds=0
        keep if-new
    fi
done
code=0
wait "$trainer" || code=$?
keep always
exit "$code"
