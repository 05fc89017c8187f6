# A real guest sends in others' names. A table of ours counts what it sent, before vifd's, and what came through, behind it.
make_bridge xenbr0 10.9.0.1/24 fd09::1/64
guest_create -a eth0=10.9.0.2/24 -a eth0=fd09::2/64 -p 10.9.0.1 -p fd09::1 \
	g1 'mac=00:16:3e:00:00:01,ip=10.9.0.2 fd09::2,bridge=xenbr0,script=vif-vifd'

# kinds: a name and what such a frame is.
kinds() {
	cat <<-'KINDS'
		honest  ether saddr 00:16:3e:00:00:01
		mac     ether saddr 00:16:3e:00:00:99
		ip4     ip saddr 10.9.0.77
		ip6     ip6 saddr fd09::77
		arp     arp saddr ip 10.9.0.78
	KINDS
}
{
	echo "table bridge witness {"
	while read -r kind match; do echo "counter $kind-sent {}; counter $kind-came {}"; done < <(kinds)
	for place in sent:-2000000000 came:2000000000; do
		echo "chain ${place%:*} { type filter hook prerouting priority ${place#*:};"
		while read -r kind match; do echo "iifname $(vif g1) $match counter name $kind-${place%:*}"; done < <(kinds)
		echo "}"
	done
	echo "}"
} | nft -f -
counted() { nft list counter bridge witness "$1" | awk '/packets/ { print $2 }'; }
some() { [ "$(counted "$1")" -gt 0 ]; }

expect yes "honest frames are answered" guest g1 'answered 10.9.0.1 && answered fd09::1'
expect no "another IPv4 address" guest g1 'spoof-ip 10.9.0.77 10.9.0.1'
expect no "another IPv6 address" guest g1 'spoof-ip fd09::77 fd09::1'
expect no "another's ARP" guest g1 'spoof-arp 10.9.0.78 10.9.0.1'
expect no "another MAC" guest g1 'spoof-mac 00:16:3e:00:00:99 10.9.0.1'
expect yes "and honest frames again" guest g1 'answered 10.9.0.1 && answered fd09::1'

while read -r kind _; do
	expect yes "$kind: the guest did send it" some "$kind-sent"
	if [ "$kind" = honest ]; then
		expect yes "$kind: it came" some "$kind-came"
	else
		same "$kind: nothing came" 0 "$(counted "$kind-came")"
	fi
done < <(kinds)
expect no "the bridge has not learnt the false MAC" grep -q 00:16:3e:00:00:99 <(bridge fdb show br xenbr0)
expect no "nor dom0 the false addresses" grep -qE '10\.9\.0\.7[78]|fd09::77' <(ip neigh show nud reachable; ip neigh show nud stale)
