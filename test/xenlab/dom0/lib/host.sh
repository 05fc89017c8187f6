# The host's network, and what a guest may leave in it.

# make_bridge NAME ADDRESS/LENGTH...: a bridge with these addresses, and with an uplink that leads nowhere: it has a carrier, and a
# MAC of its own, before the first guest comes and after the last has gone.
make_bridge() {
	ip link add "$1" type bridge forward_delay 0
	ip link add "$1-up" type dummy
	ip link set "$1-up" master "$1" up
	ip link set "$1" address "$(<"/sys/class/net/$1/address")"
	bring_up "$@"
}

# bring_up IFACE ADDRESS/LENGTH...: sets them, and waits for a state that will not change while a guest is there.
bring_up() {
	local address
	ip link set "$1" addrgenmode none
	ip link set "$1" up # not in one: the kernel would do this first
	for address in "${@:2}"; do add_address "$1" "$address"; done
	until_true 10 grep -q up "/sys/class/net/$1/operstate"
}

# add_address IFACE ADDRESS/LENGTH: of use at once.
add_address() {
	case $2 in
	*:*) ip addr add "$2" dev "$1" nodad ;;
	*) ip addr add "$2" dev "$1" ;;
	esac
}

# make_station NAME PEER ADDRESS/LENGTH...: somebody else, in a network namespace; PEER is our end of his cable.
make_station() {
	local address
	ip netns add "$1"
	ip link add "$2" type veth peer name eth0 netns "$1"
	at "$1" sysctl -q -w net.ipv6.conf.eth0.accept_dad=0 # addresses are of use at once
	at "$1" ip link set lo up
	at "$1" ip link set eth0 up
	for address in "${@:3}"; do at "$1" ip addr add "$address" dev eth0; done
}

# at STATION COMMAND...: runs it there.
at() { ip netns exec "$@"; }

# serve STATION PORT...: serves /index.html by HTTP there, which says hello.
serve() {
	local port
	mkdir -p /tmp/www
	echo hello >/tmp/www/index.html
	for port in "${@:2}"; do at "$1" busybox httpd -p "$port" -h /tmp/www; done
}

# make_uplink IFACE: leads to a station `outside` that knows no way to any guest: 192.0.2.1/24 and 2001:db8::1/64 are ours, .2 and ::2 its.
make_uplink() {
	make_station outside "$1" 192.0.2.2/24 2001:db8::2/64
	echo 0 >"/proc/sys/net/ipv6/conf/$1/accept_dad"
	ip link set "$1" up
	add_address "$1" 192.0.2.1/24
	add_address "$1" 2001:db8::1/64
	until_true 10 has_link_local "$1" # without one the kernel asks for no neighbour when it forwards
}

has_link_local() { ip -6 addr show dev "$1" scope link -tentative | grep -q fe80; }

# host_state: all that a guest may leave behind on the host, without what the kernel learns by itself.
host_state() {
	echo "links:"
	ip -br link | awk '{ print $1, $2 }'
	echo "vlans:"
	bridge vlan
	echo "pinned to ports:"
	bridge fdb show | grep 00:16:3e: || true
	echo "firewall:"
	firewall_state
	echo "addresses:"
	ip -br addr
	echo "routes:"
	ip -4 route show table all
	ip -6 route show table all
	echo "neighbours:"
	ip neigh show nud permanent
	ip -4 neigh show proxy
	ip -6 neigh show proxy
	echo "forwarding:"
	cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
	echo "xenstore:"
	xenstore-ls -f | grep -E '/(backend|device)/vif/' || true
	echo "records:"
	if [ -d /run/vifd/vifs ]; then find /run/vifd/vifs -type f; fi
}

# firewall_state: other tables than vifd's as they are; of vifd's, whose chains stay for the next guest, all elements, and every line
# that names a guest's interface.
firewall_state() {
	nft list ruleset | awk '
		/^table / { ours = $3 == "vifd" }
		/elements = / { inside = ours }
		!ours || inside || /vif[0-9]+\./
		/}/ { inside = 0 }'
}

# ports BRIDGE: their names, sorted, in one line.
ports() { (cd "/sys/class/net/$1/brif" && echo *) | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/ $//'; }
