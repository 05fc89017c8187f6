# lab: --xenstored c
# xenstored dies and comes back: guests stay connected, vifd says what is wrong, and hears of changes afterwards.
# (xl does not outlive it: a xenstored that starts anew knows no domains. What it lost is written again by hand.)
make_bridge xenbr0 10.9.0.1/24
listener_start
expect yes "a guest is created" guest_create -a eth0=10.9.0.2/24 -p 10.9.0.1 g1 'mac=00:16:3e:00:00:01,ip=10.9.0.2,bridge=xenbr0,script=vif-vifd'
interface=$(vif g1)
backend=$(backend g1)
keys=$(xenstore-ls -f "$backend")
echo "$keys"
reached() { ping -c 1 -W 3 10.9.0.2; }
unreached() { ! reached; }
by_hand() {
	XENBUS_TYPE=vif XENBUS_BASE_PATH=backend XENBUS_PATH=${backend#/local/domain/0/} vif=$interface script=/etc/xen/scripts/vif-vifd \
		/etc/xen/scripts/vif-vifd "$1" type_if=vif
}

say "xenstored is killed"
kill -KILL "$(</run/xenstored.pid)"
expect yes "dom0 reaches the guest" reached
expect yes "vifd status answers" vifd status
begin=$SECONDS
expect no "a hotplug call fails" by_hand online
expect yes "within its 30 s" test $((SECONDS - begin)) -lt 32
holds "and says why" 'xenstore' "$(by_hand online 2>&1 || true)"
same "the guest's port stays" "$interface xenbr0-up" "$(ports xenbr0)"
expect yes "dom0 still reaches the guest" reached
expect yes "the listener lives" kill -0 "$listener"

say "and started again"
expect yes "it starts" start_xenstored c
while IFS= read -r line; do
	path=${line%% = *} value=${line#* = \"}
	xenstore-write "$path" "${value%\"}"
done <<<"$keys"
expect yes "a hotplug call succeeds again" by_hand online
same "it says connected" connected "$(xenstore-read "$backend/hotplug-status")"
expect yes "dom0 reaches the guest as before" reached
xenstore-write "$backend/ip" 10.9.0.3
eventually 20 "a change is heard of again: the guest is no longer itself" unreached
xenstore-write "$backend/ip" 10.9.0.2
eventually 20 "and is again" reached
