#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Tests `cleave -H HOST VERB...` with an ssh that runs the command on this machine, where another `cleave`
# writes down its arguments. Run by make check-unit.
set -eu

cleave=$(pwd)/build/dom0-tools/cleave/cleave
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin"
export SCRATCH="$scratch" PATH="$scratch/bin:$PATH"

# as sshd does: the words after the host are joined, for the user's shell
cat >"$scratch/bin/ssh" <<'END'
#!/bin/sh
printf '%s\n' "$1" "$2" "$3" >"$SCRATCH/ssh"
shift 3
exec sh -c "$*"
END
cat >"$scratch/bin/cleave" <<'END'
#!/bin/sh
printf '<%s>\n' "$@"
cat
exit 5
END
chmod +x "$scratch/bin/ssh" "$scratch/bin/cleave"

fail() {
    echo "remote_test: $*" >&2
    exit 1
}

status=0
odd="name='it'\"s; \$(exit)"
echo input | "$cleave" -H root@host create /a.cfg "$odd" '' --json >"$scratch/out" || status=$?
[ $status = 5 ] || fail "exit status $status, not the verb's"
printf '<%s>\n' create /a.cfg "$odd" '' --json >"$scratch/expected"
echo input >>"$scratch/expected"
cmp "$scratch/out" "$scratch/expected" || fail "words or input changed: $(cat "$scratch/out")"
[ "$(tr '\n' ' ' <"$scratch/ssh")" = "-T -- root@host " ] || fail "ssh was called with $(cat "$scratch/ssh")"

for words in '-H' '-H host' '--host'; do
    status=0
    # shellcheck disable=SC2086 # words on purpose
    "$cleave" $words 2>"$scratch/error" || status=$?
    [ $status = 2 ] || fail "cleave $words: exit status $status"
    grep -q 'HOST VERB' "$scratch/error" || fail "cleave $words: $(cat "$scratch/error")"
done
status=0
PATH=/nonexistent "$cleave" -H host list 2>"$scratch/error" || status=$?
[ $status = 1 ] && grep -q 'openssh-client' "$scratch/error" || fail "without ssh: $(cat "$scratch/error")"
echo "remote: words, input and exit status pass through ssh"
