# Routed guests: by a rule, and by the name vif-route with Xen's gatewaydev.
ln -sf /usr/bin/vifd /etc/xen/scripts/vif-route
: >/etc/vifd/rules.d/90-default.yaml
make_uplink eth0
before=$(host_state)

routed() { # NAME SCRIPT LAST: the addresses end in LAST
	local v4=192.0.2.$3 v6=2001:db8::$3
	say "$1"
	expect yes "it reaches the host and the outside" guest_create -a "eth0=$v4/32" -a "eth0=$v6/128" -g 192.0.2.1 -g 2001:db8::1 \
		-p 192.0.2.1 -p 2001:db8::1 -p 192.0.2.2 -p 2001:db8::2 "$1" "mac=00:16:3e:00:00:$3,ip=$v4 $v6,script=$2,gatewaydev=eth0"
	expect yes "the outside reaches it over IPv4" at outside ping -c 1 -W 5 "$v4"
	expect yes "the outside reaches it over IPv6" at outside ping -c 1 -W 5 "$v6"
	holds "its route is vifd's" "^$v4 dev $(vif "$1") .*proto 118" "$(ip route)"
	expect no "another address reaches nobody" guest "$1" 'spoof-ip 192.0.2.77 192.0.2.1'
	guest_destroy "$1"
	settles 10 "nothing is left behind" "$before" host_state
}
routed by-rule vif-vifd 11
routed by-name vif-route 12
