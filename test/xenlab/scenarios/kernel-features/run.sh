# What Debian's kernel has and many others have not: VLAN filtering; connection tracking, reject and ibrname in the bridge family.
expect yes "the kernel takes these rules" vifd check --kernel

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
for i in 1 2; do
	make_bridge xenbr$i 10.9.$i.1/24
	make_station station$i port$i 10.9.$i.9/24
	ip link set port$i master xenbr$i up
	serve station$i 80 81 82
done
expect yes "a guest on two bridges" guest_create -a eth0=10.9.1.2/24 -a eth1=10.9.2.2/24 -p 10.9.1.9 -p 10.9.2.9 \
	both 'mac=00:16:3e:00:00:02,ip=10.9.1.2,bridge=xenbr1,script=vif-vifd' 'mac=00:16:3e:00:00:03,ip=10.9.2.2,bridge=xenbr2,script=vif-vifd'
get() { guest both "timeout 5 wget -q -O - http://$1/index.html"; }
expect yes "without ct others may begin with the guest" at station1 ping -c 1 -W 5 10.9.1.2
expect no "with ct they may not" at station2 ping -c 2 -W 2 10.9.2.2
same "ct: what the guest begins is answered" hello "$(get 10.9.2.9 || true)"
expect yes "ct: by dom0 as well" guest both 'answered 10.9.2.1'
# All three ports are served: who refuses is the host.
same "reject: a reset comes back" "wget: can't connect to remote host (10.9.1.9): Connection refused" "$(get 10.9.1.9:81 || true)"
expect no "ibrname: port 82 is closed on the one bridge" get 10.9.1.9:82
same "ibrname: and open on the other" hello "$(get 10.9.2.9:82 || true)"
