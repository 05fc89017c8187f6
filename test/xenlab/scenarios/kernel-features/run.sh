# What Debian's kernel has and many others have not: VLAN filtering; connection tracking, reject and ibrname in the bridge family.
expect yes "the kernel takes these rules" vifd check --kernel
# Of the rules with a reject and ct, the one that lets no resets in.
same "a reject whose answer is lost is warned of" 'rule "stateful"' "$(vifd check 2>&1 | grep -F 'VIF523' | grep -o 'rule "[a-z]*"' || true)"

say "VLANs"
make_bridge xenbr0
ip link set xenbr0 type bridge vlan_filtering 1
for id in 10 20 30; do
	bridge vlan add dev xenbr0 vid $id self
	ip link add link xenbr0 name xenbr0.$id type vlan id $id
	bring_up xenbr0.$id 10.9.$id.1/24 fd09:$id::1/64
done
before=$(host_state)
expect yes "untagged frames are in VLAN 10" guest_create -a eth0=10.9.10.2/24 -a eth0=fd09:10::2/64 -p 10.9.10.1 -p fd09:10::1 \
	tagged 'mac=00:16:3e:00:00:01,ip=10.9.10.2 fd09:10::2 10.9.20.2 fd09:20::2 10.9.30.2,bridge=xenbr0,script=vif-vifd'
same "the port's VLANs" "10 PVID Egress Untagged/20" "$(bridge vlan show dev "$(vif tagged)" | sed 1d | sed "s/^[^ ]* *//" | paste -sd /)"
guest tagged 'modprobe 8021q; for id in 20 30; do ip link add link eth0 name eth0.$id type vlan id $id && ip link set eth0.$id up &&
	ip addr add 10.9.$id.2/24 dev eth0.$id; done; ip addr add fd09:20::2/64 dev eth0.20'
expect yes "tagged ones in VLAN 20, IPv4" guest tagged 'answered 10.9.20.1'
expect yes "and IPv6" guest tagged 'answered fd09:20::1'
expect no "those of VLAN 30 are not let in" guest tagged 'answered 10.9.30.1'
expect no "a tag is no way around the guard" guest tagged 'spoof-ip 10.9.20.77 10.9.20.1 eth0.20'
guest_destroy tagged
settles 10 "nothing is left behind" "$before" host_state

say "connection tracking, reject, ibrname"
for i in 1 2 3; do
	make_bridge xenbr$i 10.9.$i.1/24 fd09:$i::1/64
	make_station station$i port$i 10.9.$i.9/24
	ip link set port$i master xenbr$i up
	serve station$i 80 81 82
done
vifs=()
for i in 1 2 3; do vifs+=("mac=00:16:3e:00:00:1$i,ip=10.9.$i.2 fd09:$i::2,bridge=xenbr$i,script=vif-vifd"); done
expect yes "a guest on three bridges" guest_create -a eth0=10.9.1.2/24 -a eth1=10.9.2.2/24 -a eth2=10.9.3.2/24 -a eth1=fd09:2::2/64 -a eth2=fd09:3::2/64 \
	-p 10.9.1.9 -p 10.9.2.9 -p 10.9.3.9 both "${vifs[@]}"
get() { guest both "timeout 5 wget -q -O - http://$1/index.html"; }
expect yes "without ct others may begin with the guest" at station1 ping -c 1 -W 5 10.9.1.2
expect no "with ct they may not" at station2 ping -c 2 -W 2 10.9.2.2
expect no "nor may dom0" ping -c 2 -W 2 10.9.2.2
same "ct: what the guest begins is answered" hello "$(get 10.9.2.9 || true)"
# dom0's ARP, unlike that of others, is invalid to the kernel; its IP is tracked.
expect yes "ct: by dom0 as well, IPv4" guest both 'answered 10.9.2.1'
expect yes "and IPv6" guest both 'answered fd09:2::1'
expect yes "established: by dom0 as well, IPv4" guest both 'answered 10.9.3.1'
expect yes "and IPv6" guest both 'answered fd09:3::1'
same "ct count: ARP and neighbour discovery are not counted, and not lost" "ct state established,related,new ct count over 1000 drop" \
	"$(nft list chain bridge vifd from/few | grep -o 'ct state.*')"
# It answers past its IP stack.
for i in 2 3; do
	mkdir -p /run/udhcpd
	touch /run/udhcpd/leases$i
	printf '%s\n' "interface xenbr$i" "start 10.9.$i.100" "end 10.9.$i.110" "lease_file /run/udhcpd/leases$i" "pidfile /run/udhcpd/pid$i" >/run/udhcpd/conf$i
	busybox udhcpd -S /run/udhcpd/conf$i
done
holds "stateful-basic: dom0's DHCP server is heard" '^lease 10\.9\.2\.' "$(guest both 'dhcp eth1' || true)"
holds "established: dom0's DHCP server is heard" '^lease 10\.9\.3\.' "$(guest both 'dhcp eth2' || true)"

# All three ports are served: who refuses is the host.
refused() { echo "wget: can't connect to remote host ($1): Connection refused"; }
same "reject: a reset comes back" "$(refused 10.9.1.9)" "$(get 10.9.1.9:81 || true)"
same "reject, and ct that lets resets in: it does" "$(refused 10.9.3.9)" "$(get 10.9.3.9:81 || true)"
same "reject, and ct alone: it does not connect, and is not told why" Terminated "$(get 10.9.2.9:81 || true)"
expect no "ibrname: port 82 is closed on the one bridge" get 10.9.1.9:82
same "ibrname: and open on the other" hello "$(get 10.9.2.9:82 || true)"
