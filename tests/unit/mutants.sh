#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mutants.sh FOLDER SEED N [IN]: prints the mutants that the unit tests do not detect, and the score. Makes N
# mutants of core files that unit tests link (IN: a folder or file of hypervisor/), each with one token
# changed (mutants.awk). Each is compiled with the sanitizers of check-unit, and run with the tests that link
# the file until one fails: killed. A mutant counts only if it compiles and its machine code differs from the
# original's. Run by `make mutants`; MUTANTS_LINKS has FILE:TEST for each file that a test links.
#
# Works in a copy of the source tree under FOLDER, which is kept for the next run. make builds the tests there
# once and prints its commands. A mutant has its own source, object and program, made with the commands of its
# file and of one test after another; what make has built is unchanged. The file `killers` records, across
# runs, which test killed mutants of which file; that test is tried first.
set -eu
export LC_ALL=C

folder=$1 seed=$2 count=$3 in=${4:-}
tree=$folder/tree
out=build/tests/unit                # in the copy

mkdir -p "$tree/build"
for part in Makefile Config.mk hypervisor tests dom0-tools guests xenstore-schema; do
    rm -rf "${tree:?}/$part"
    cp -Rp "$part" "$tree/$part"
done
cp -p build/deps.mk "$tree/build/deps.mk"
cd "$tree"
ulimit -c 0
export ASAN_OPTIONS=symbolize=0 UBSAN_OPTIONS=symbolize=0
unset MAKEFLAGS MAKELEVEL MFLAGS
touch ../killers

# A limit in CPU seconds, which does not depend on the load, and one in wall-clock time for tests that sleep.
run() {
    (ulimit -t "$2"; timeout 300 "$1" || exit 1) >../test.log 2>&1 </dev/null
}

links=$(printf '%s\n' $MUTANTS_LINKS | grep "^$in") || { echo "mutants: no test links $in" >&2; exit 1; }
files=$(printf 'hypervisor/%s\n' $links | sed 's/:.*//' | sort -u)
tests=$(printf '%s\n' $links | sed 's/.*:/test_/' | sort -u)

# Without warnings, which would refuse mutants that another compiler accepts.
# shellcheck disable=SC2086 # words on purpose
build() {
    make "$@" UNIT_CHECKED="$MUTANTS_CHECKED -w" $(printf "$out/%s\n" $tests)
}
echo "mutants: building $(printf '%s\n' $tests | wc -l) tests, which must pass as they are"
build -s "-j$(nproc)" >../build.log 2>&1 || { cat ../build.log; exit 1; }
# shellcheck disable=SC2046 # words on purpose
build -n $(printf ' -W %s' $files) | sed -e ':more' -e '/\\$/{N;s/\\\n//;bmore' -e '}' >../commands
for test in $tests; do
    start=$(date +%s%N)
    run "$out/$test" 60 || { cat ../test.log; echo "mutants: $test fails without any mutant" >&2; exit 1; }
    took=$((($(date +%s%N) - start) / 1000000))
    echo "$took $test $((took / 250 + 3))"
done | sort -n >../limits
[ "$(wc -l <../limits)" = "$(printf '%s\n' $tests | wc -l)" ] || { cat ../test.log; exit 1; }

# compile OBJECT [FLAGS]: compiles mutant.c next to $file, with the build's command for $file
compile() {
    sed -n -e "s|-c -o $object $file\$|${2:-} -c -o ../$1 ${file%/*}/mutant.c|p" \
        -e "s|^\\(objcopy .*\\) $object\$|\\1 ../$1|p" ../commands >../compile.sh
    sh -e ../compile.sh >../build.log 2>&1
}
# Compares the machine code of mutant.c and $file, optimised, without sanitizers and line numbers.
differs() {
    set -- '-O2 -g0 -fno-sanitize=all'
    compile mutated.o "$1"
    cp "$file" "${file%/*}/mutant.c"
    compile original.o "$1"
    ! cmp -s ../mutated.o ../original.o
}
# Succeeds if a test that links $file fails with the mutant. Tries tests that killed its mutants first, then
# fast ones.
killed() {
    awk -v file="$file" 'FILENAME ~ /killers/ { kills[$2] += $1 == file; next }
        { print -kills[$2], $0 }' ../killers ../limits | sort -n >../order
    while read -r _ _ test limit; do
        sed -n "s|-o $out/$test \\(.*\\) $object |-o ../mutant \\1 ../mutant.o |p" ../commands >../link.sh
        [ -s ../link.sh ] || continue
        sh ../link.sh >../build.log 2>&1 || { cat ../build.log; exit 1; }
        run ../mutant "$limit" || { echo "$file $test" >>../killers; return 0; }
    done <../order
    return 1
}

# shellcheck disable=SC2086 # words on purpose
awk -v seed="$seed" -f tests/unit/mutants.awk $files >../all
echo "mutants: $(wc -l <../all) are possible; seed $seed, $count of them:"
: >../verdicts
done=0
while [ $done -lt "$count" ] && IFS="$(printf '\t')" read -r file line class after; do
    object=$out/core/${file#hypervisor/}
    object=${object%.c}.o
    AFTER=$after awk -v line="$line" '{ print NR == line ? ENVIRON["AFTER"] : $0 }' "$file" \
        >"${file%/*}/mutant.c"
    compile mutant.o || continue
    verdict=killed
    if ! killed; then
        differs || continue
        verdict=survived
    fi
    folder=${file#hypervisor/}
    echo "$verdict ${folder%%/*} $file:$line $class" >>../verdicts
    done=$((done + 1))
    [ $verdict = survived ] || continue
    echo "$file:$line: $class survived"
    sed -n "${line}s/^ */  - /p" "$file"
    echo "  + $(echo "$after" | sed 's/^ *//')"
done <../all

awk '{ all[$2]++; killed[$2] += $1 == "killed"; total++; dead += $1 == "killed" }
    function score(name, dead, all) {
        return sprintf("%-10s %3d of %3d killed, %5.1f %%", name, dead, all, all ? 100 * dead / all : 0)
    }
    END {
        for (f in all)
            print score(f, killed[f], all[f]) | "sort"
        close("sort")
        print score("all", dead, total)
    }' ../verdicts
