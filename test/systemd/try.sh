#!/bin/sh
# What docs/deployment.md promises of the units, seen where systemd runs them. Ends with a line that begins with FAILED, or with "ok".
where='--nats nats://127.0.0.1:4222 --cluster boxed'
unit=quorate-controller
fail() { echo "FAILED: $1"; quorate members $where; tail -n 3 /tmp/*.log; journalctl --unit "$unit" --no-pager | tail -n 15; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: $2 in place of $3"; echo "$1: $2"; }
shows() { systemctl show "$unit" --property "$1" --value; }
await() { # WHAT COMMAND...: for a minute
  what=$1; shift
  for _ in $(seq 120); do "$@" >/dev/null 2>&1 && return; sleep 0.5; done
  fail "waited in vain for $what"
}
writes() { quorate model create service --name "$1" $where --timeout 20s >/dev/null; }
answers() { quorate members $where --timeout 2s; }

systemctl start "$unit" || fail 'it does not start'
await 'the controller to answer' answers
is 'the unit' "$(shows ActiveState)" active
is 'its user' "$(stat -c %U /proc/"$(shows MainPID)")" quorate
mkdir /tmp/ctrl2 /tmp/ctrl3
for id in ctrl2 ctrl3; do
  quorate node --id "$id" --data-dir "/tmp/$id" $where --http off 2>"/tmp/$id.log" &
done
for id in ctrl2 ctrl3; do
  blank() { quorate members $where | grep -q "Blank.*$id"; }
  await "$id to be blank" blank
  quorate members join "$id" --yes $where >/dev/null || fail "$id does not join"
done
writes before || fail 'no write'
quorate snapshot create --node ctrl1 --name a.snapshot $where >/dev/null || fail 'no snapshot under the hardening'
echo 'a write and a snapshot: done'

began=$(date +%s%N)
systemctl stop "$unit"
echo "stopped, the leader: after $((($(date +%s%N) - began) / 1000000)) ms"
is 'the result' "$(shows Result)" success
other() { quorate members $where | grep -q 'ctrl[23] .* leader '; }
other || fail 'nobody leads'
writes after || fail 'no write after the stop'

systemctl start "$unit"
await 'the controller to answer again' systemctl is-active "$unit"
sleep 2
kill -9 "$(shows MainPID)"
again() { [ "$(shows NRestarts)" = 1 ] && systemctl is-active "$unit"; }
await 'it to be started again' again
is 'starts after SIGKILL' "$(shows NRestarts)" 1

systemctl stop "$unit"
systemctl reset-failed "$unit" 2>/dev/null
sed -i 's/id: ctrl1/id: no name at all/' /etc/quorate/quorate.yaml
systemctl start "$unit"
failed() { systemctl is-failed "$unit"; }
await 'wrong settings to be refused' failed
sleep 4
is 'exit code of wrong settings' "$(shows ExecMainStatus)" 2
is 'starts after wrong settings' "$(shows NRestarts)" 0

unit=quorate-router
systemctl start "$unit" || fail 'the router does not start'
synced() { quorate routers $where | grep -q 'edge-1 *online *in sync'; }
await 'the router to be in sync' synced
is 'the router' "$(shows ActiveState)" active
echo ok
