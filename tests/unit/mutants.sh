#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mutants.sh FOLDER SEED N [IN]: do the unit tests notice? N mutants of the core's files that unit tests
# link (in the folder IN of hypervisor/, or a file there), each with one token changed (mutants.awk), are
# compiled with the sanitizers as check-unit has them, and run with the tests that link this file until one
# of them fails: killed. The survivors are printed, and the score. A mutant counts only when it compiles and
# gives other machine code than the original. Run by `make mutants`; MUTANTS_LINKS has FILE:TEST for each
# file that a test links.
#
# All of it happens in a copy of the source tree below FOLDER, which is kept for the next run.
set -eu
export LC_ALL=C

folder=$1 seed=$2 count=$3 in=${4:-}
tree=$folder/tree
checked=build/tests/unit            # in the copy: what runs
plain=build/plain                   # and what is compared: optimised, without sanitizers and line numbers

mkdir -p "$tree/build"
# What an interrupted run left: the object of a mutant.
[ ! -e "$folder/mutating" ] || (cd "$tree" && rm -f "$(cat ../mutating)")
for part in Makefile Config.mk hypervisor tests dom0-tools guests xenstore-schema; do
    rm -rf "${tree:?}/$part"
    cp -Rp "$part" "$tree/$part"
done
cp -p build/deps.mk "$tree/build/deps.mk"
rm -f "$folder/mutating"
cd "$tree"
ulimit -c 0
export ASAN_OPTIONS=symbolize=0 UBSAN_OPTIONS=symbolize=0
unset MAKEFLAGS MAKELEVEL MFLAGS

# Warnings would refuse mutants that another compiler lets through.
build() {
    make -s "$1" UNIT_CHECKED="$MUTANTS_CHECKED -w" >../build.log 2>&1
}
build_plain() {
    make -s "$1" UNIT_OUT=$plain UNIT_CHECKED='-O2 -g0 -w' >../build.log 2>&1
}
# Seconds of processor time, so that a loaded machine changes nothing, and a limit for those that sleep.
run() {
    (ulimit -t "$2" && timeout 300 "$checked/$1" || exit 1) >../test.log 2>&1
}

tests=$(printf '%s\n' $MUTANTS_LINKS | sed 's/.*:/test_/' | sort -u)
echo "mutants: building $(printf '%s\n' $tests | wc -l) tests, which must pass as they are"
for test in $tests; do
    build "$checked/$test" || { cat ../build.log; exit 1; }
    start=$(date +%s%N)
    run "$test" 60 || { cat ../test.log; echo "mutants: $test fails without any mutant" >&2; exit 1; }
    took=$((($(date +%s%N) - start) / 1000000))
    echo "$took $test $((took / 200 + 4))"
done | sort -n >../limits
[ "$(wc -l <../limits)" = "$(printf '%s\n' $tests | wc -l)" ] || { cat ../build.log ../test.log; exit 1; }

# killed FILE: a test that links it fails. First those that killed mutants of that file, then the fast ones.
killed() {
    awk -v file="hypervisor/$1:" 'FILENAME ~ /verdicts/ { if (index($3, file) == 1) kills[$5]++; next }
        { print -kills[$2], $0 }' ../verdicts ../limits | sort -n >../order
    while read -r _ _ test limit; do
        case " $MUTANTS_LINKS " in *" $1:${test#test_} "*) ;; *) continue ;; esac
        build "$checked/$test" || { cat ../build.log; exit 1; }
        run "$test" "$limit" </dev/null || { echo "$test" >../killer; return 0; }
    done <../order
    return 1
}

# shellcheck disable=SC2086 # words on purpose
awk -v seed="$seed" -f tests/unit/mutants.awk \
    $(printf "hypervisor/%s\n" $MUTANTS_LINKS | sed 's/:.*//' | grep "^hypervisor/$in" | sort -u) >../all
echo "mutants: $(wc -l <../all) are possible; seed $seed, $count of them:"
: >../verdicts
done=0
while [ $done -lt "$count" ] && IFS="$(printf '\t')" read -r file line class after; do
    name=${file#hypervisor/}
    object=core/${name%.c}.o
    echo "$checked/$object" >../mutating
    cp -p "$file" ../original.c
    build_plain "$plain/$object" && cp -p "$plain/$object" ../original.o
    before=$(sed -n "${line}p" "$file")
    AFTER=$after awk -v line="$line" '{ print NR == line ? ENVIRON["AFTER"] : $0 }' ../original.c >"$file"
    verdict=none
    if build_plain "$plain/$object" && ! cmp -s "$plain/$object" ../original.o &&
        build "$checked/$object"; then
        verdict=killed
        killed "$name" || verdict=survived
    fi
    cp -p ../original.c "$file"
    rm -f "$checked/$object" "$plain/$object" ../mutating
    echo "$verdict ${name%%/*} $file:$line $class $(cat ../killer 2>/dev/null)" >>../verdicts
    rm -f ../killer
    [ $verdict != none ] || continue
    done=$((done + 1))
    [ $verdict = survived ] || continue
    echo "$file:$line: $class survived"
    echo "  - $(echo "$before" | sed 's/^ *//')"
    echo "  + $(echo "$after" | sed 's/^ *//')"
done <../all

awk '$1 == "none" { next }
    { all[$2]++; killed[$2] += $1 == "killed"; total++; dead += $1 == "killed" }
    function score(name, dead, all) {
        return sprintf("%-10s %3d of %3d killed, %5.1f %%", name, dead, all, all ? 100 * dead / all : 0)
    }
    END {
        for (f in all)
            print score(f, killed[f], all[f]) | "sort"
        close("sort")
        print score("all", dead, total)
    }' ../verdicts
