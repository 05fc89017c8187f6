# What every way of calling vifd must come to.

# whole_life SCRIPT: with libxl calling SCRIPT, a guest is created, rebooted, given a second vif, deprived of it, and destroyed; nothing
# of it is left. The vifs are connected by whatever the scenario has set up.
whole_life() {
	local before mac=00:16:3e:00:00:01
	make_bridge xenbr0 10.9.0.1/24 fd09::1/64
	before=$(host_state)

	say "created"
	expect yes "a guest is created, and answered over IPv4 and IPv6" \
		guest_create -a eth0=10.9.0.2/24 -a eth0=fd09::2/64 -p 10.9.0.1 -p fd09::1 \
		g1 "mac=$mac,ip=10.9.0.2 fd09::2,bridge=xenbr0,script=$1"
	connected g1 0
	expect yes "dom0 reaches it over IPv4" ping -c 1 -W 5 10.9.0.2
	expect yes "dom0 reaches it over IPv6" ping -c 1 -W 5 fd09::2
	expect no "nobody answers it under another's address" guest g1 'spoof-ip 10.9.0.77 10.9.0.1'

	say "rebooted"
	expect yes "it reboots, and is answered again" guest_reboot g1
	connected g1 0
	same "the first vif's record is gone" 1 "$(records)"

	say "a second vif"
	expect yes "a vif is attached" xl network-attach g1 mac=00:16:3e:00:00:05 ip=10.9.0.5 bridge=xenbr0 "script=$1"
	expect yes "the guest has it" guest g1 'tries=0; until [ -e /sys/class/net/eth1 ] || [ $tries = 100 ]; do tries=$((tries+1)); usleep 100000; done;
		ip link set eth1 up; ip addr flush dev eth0; ip addr add 10.9.0.5/24 dev eth1'
	connected g1 1
	expect yes "it is answered on that" guest g1 'answered 10.9.0.1'
	expect yes "it is detached" xl network-detach g1 1
	settles 10 "its port is gone" "$(vif g1) xenbr0-up" ports xenbr0
	settles 10 "its record is gone" 1 records

	say "destroyed"
	guest_destroy g1
	settles 15 "nothing is left behind" "$before" host_state
}

# connected GUEST NUMBER: what the host shows of a vif that is.
connected() {
	local name
	name=$(vif "$1" "$2")
	settles 15 "$name: hotplug-status, exactly" connected hotplug_status "$1" "$2"
	settles 15 "$name: the backend's state" 4 xenstore-read "$(backend "$1" "$2")/state"
	same "$name: MAC, MTU, bridge" "fe:ff:ff:ff:ff:ff 1500 xenbr0 up" \
		"$(cd "/sys/class/net/$name" && echo "$(<address) $(<mtu) $(basename "$(readlink master)") $(<operstate)")"
	same "$name: the MTU that the guest is told" 1500 "$(xenstore-read "/local/domain/$(xl domid "$1")/device/vif/$2/mtu")"
	holds "$name: vifd says so" "\"interface\": *\"$name\"" "$(vifd status -o json 2>/dev/null)"
}
