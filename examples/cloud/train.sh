#!/usr/bin/env bash
# Trains on a machine that may be taken away at any time.
#
#   train.sh RUN KEPT [all that `audit train` is told but -o and --resume]
#
# The run lies in RUN, on the machine's own disk. KEPT is a folder that outlives the machine, such as a mounted bucket:
# whenever there is a new checkpoint, and at the end, RUN is packed into KEPT/run.N.tar, with its sum beside it. A pack
# that is not whole is passed over and stays, so a bucket that cannot rename or append will do. Of the others the two
# newest are kept. Started
# again on another machine, it goes on from the newest whole pack. KEEP_EVERY: seconds between two looks (60). A pack that
# cannot be written is said and tried again at the next look; at the end it is tried three times, KEEP_AGAIN seconds
# apart (10), before the exit code says so (1, or that of `audit`).
set -euo pipefail

run=$1 kept=$2
shift 2
every=${KEEP_EVERY:-60} again=${KEEP_AGAIN:-10}
number=0
packed=""
passed="none" # packs that could not be read: a line for each number

numbers() { # of the packs in KEPT, newest first
    find "$kept" -maxdepth 1 -name 'run.*.tar.sha256' | sed -E 's/.*run\.([0-9]+)\.tar\.sha256/\1/' | sort -rn
}

restore() { # fails where there are packs and none can be read: to begin anew would cost what was trained
    local one
    for one in $(numbers); do
        if (cd "$kept" && sha256sum --check --status "run.$one.tar.sha256" 2>/dev/null); then
            mkdir -p "$run"
            tar -xf "$kept/run.$one.tar" -C "$run"
            echo "train.sh: going on from run.$one.tar"
            return
        fi
        echo "train.sh: run.$one.tar is not whole, or cannot be read, and is passed over"
        passed="$passed
$one"
    done
    [ "$passed" = none ]
}

# Checkpoints before the rest: a log may go beyond the newest checkpoint, and never end before it. The sum comes last:
# without it, nothing is a pack. Called only where a failure is looked at, so that `set -e` does not end the script with
# the trainer still at work.
keep() {
    local names rest one sum code=0
    names=$(ls "$run/checkpoints" 2>/dev/null || true)
    if [ "$1" = if-new ] && [ "$names" = "$packed" ]; then return; fi
    if ! [ -d "$run" ]; then return; fi
    rest=$(ls "$run" | grep -vx checkpoints || true)
    tar -cf "$run.tar" -C "$run" ${names:+checkpoints} $rest 2>/dev/null || code=$?
    if [ "$code" -gt 1 ]; then # 1: a file grew meanwhile, as a log does
        echo "train.sh: $run could not be packed (tar says $code)" >&2
        return 1
    fi
    number=$((number + 1))
    if ! { cp "$run.tar" "$kept/run.$number.tar" && sum=$(sha256sum <"$run.tar") &&
        echo "${sum%% *}  run.$number.tar" >"$kept/run.$number.tar.sha256"; }; then
        echo "train.sh: run.$number.tar could not be written to $kept" >&2
        rm -f "$kept/run.$number.tar" "$kept/run.$number.tar.sha256" || true
        return 1
    fi
    packed=$names
    for one in $(numbers | grep -vxF "$passed" | tail -n +3); do rm -f "$kept/run.$one.tar" "$kept/run.$one.tar.sha256" || true; done
}

mkdir -p "$(dirname "$run")" "$kept"
run=$(cd "$(dirname "$run")" && pwd)/$(basename "$run")
number=$(numbers | head -n 1)
number=${number:-0}
if ! [ -e "$run" ] && ! restore; then
    echo "train.sh: no pack in $kept can be read; look at them, or name another folder to begin anew" >&2
    exit 1
fi

audit train "$@" -o "$run" --resume &
trainer=$!
trap 'kill -TERM "$trainer" 2>/dev/null || true' TERM INT
seconds=0
while kill -0 "$trainer" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    if [ "$seconds" -ge "$every" ]; then
        seconds=0
        keep if-new || true
    fi
done
code=0
wait "$trainer" || code=$?
for try in 1 2 3; do
    if keep always; then exit "$code"; fi
    if [ "$try" -lt 3 ]; then sleep "$again"; fi
done
echo "train.sh: the end of the run is not in $kept" >&2
if [ "$code" -eq 0 ]; then code=1; fi
exit "$code"
