#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Tests dom0-tools/debian/guests with a `cleave` that only writes down how it is called: how each VM is
# ended when the machine goes down, and which run on. Run by make check-unit.
set -eu

script=$(pwd)/dom0-tools/debian/guests
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export CLEAVE_HOME="$scratch/home" CALLS="$scratch/calls" SCRATCH="$scratch" PATH="$scratch/bin:$PATH"
mkdir -p "$scratch/bin" "$CLEAVE_HOME/vms"

cat >"$scratch/bin/cleave" <<'END'
#!/bin/sh
[ "$1" = list ] || echo "$*" >>"$CALLS"
case $1 in
list) cat "$SCRATCH/list" ;;
save | restore)
    case $* in *broken*) exit 1 ;; esac
    [ "$1" = restore ] || echo state >"$3" ;;
esac
END
chmod +x "$scratch/bin/cleave"

# vm NAME ID STATE [LINE-OF-ITS-FILE]: a VM with a record; - as LINE: one of xl, without
vm() {
    cat >>"$scratch/list" <<END
    {
      "name": "$1",
      "id": $2,
      "uuid": "uuid-$1",
      "state": "$3",
      "memory_kib": 1
    },
END
    [ "${4:-}" != - ] || return 0
    mkdir -p "$CLEAVE_HOME/vms/uuid-$1"
    printf 'type = "pvh"\n%s\n' "${4:-}" >"$CLEAVE_HOME/vms/uuid-$1/config"
}

fail() {
    echo "guests_test: $*; the calls were:" >&2
    cat "$CALLS" >&2
    exit 1
}

# called TIMES WORDS
called() {
    [ "$(grep -cFx -- "$2" "$CALLS")" = "$1" ] || fail "not called $1 times: cleave $2"
}

: >"$CALLS"
vm Domain-0 0 running -
vm plain 1 blocked
vm kept 2 running 'on_host_shutdown = "save"'
vm ended 3 running "on_host_shutdown='destroy'"
vm broken 4 running 'on_host_shutdown = "save"'
vm paused 5 paused 'on_host_shutdown = "save"'
vm changed 6 running 'on_host_shutdown = "save"
on_host_shutdown=destroy'
vm ofxl 7 running -
"$script" stop >"$scratch/said" 2>&1 || fail "stop failed"
called 1 "shutdown --timeout 120 --force plain"
called 1 "save kept $CLEAVE_HOME/saved/uuid-kept.state"
called 0 "shutdown --timeout 120 --force kept"
called 1 "shutdown --timeout 120 --force broken"
[ ! -e "$CLEAVE_HOME/saved/uuid-broken.state" ] || fail "a state that is not complete is kept"
! grep -q ofxl "$CALLS" || fail "a VM of xl was ended"
! grep -q Domain-0 "$CALLS" || fail "the control domain was ended"
! grep -q 'save paused' "$CALLS" || fail "a paused guest was saved"
# these still run in the list that the second look sees, as all do: so they are destroyed twice
called 2 "destroy ended"
called 2 "destroy paused"
called 2 "destroy changed"
grep -q '^6 VMs run' "$scratch/said" || fail "not 6 VMs were counted: $(cat "$scratch/said")"

: >"$CALLS"
echo state >"$CLEAVE_HOME/saved/uuid-broken.state"
"$script" restore >"$scratch/said" 2>&1 || fail "restore failed"
called 1 "restore $CLEAVE_HOME/saved/uuid-kept.state"
[ ! -e "$CLEAVE_HOME/saved/uuid-kept.state" ] || fail "a state can be used twice"
[ ! -e "$CLEAVE_HOME/saved/uuid-broken.state" ] || fail "a state that failed is tried again"
[ -e "$CLEAVE_HOME/saved/uuid-broken.state.failed" ] || fail "a state that failed is gone"
: >"$CALLS"
"$script" restore || fail "restore without states failed"
[ ! -s "$CALLS" ] || fail "what has been restored was restored again"
: >"$CALLS"
: >"$scratch/list"
"$script" stop >"$scratch/said" || fail "stop without VMs failed"
[ ! -s "$CALLS$(cat "$scratch/said")" ] || fail "stop without VMs did something"
! "$script" start 2>/dev/null || fail "an unknown word is accepted"
echo "guests: VMs are ended as their files say, and run on once"
