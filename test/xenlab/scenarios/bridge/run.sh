# vifd under the name of Xen's vif-bridge, without any rule of its own: the configuration's bridge, its MTU, a guard.
ln -sf /usr/bin/vifd /etc/xen/scripts/vif-bridge
: >/etc/vifd/rules.d/90-default.yaml # takes the default rules away
make_bridge xenbr0 10.9.0.1/24
make_bridge xenbr1 10.9.1.1/24
ip link set xenbr1-up mtu 1400
ip link set xenbr1 mtu 1400
before=$(host_state)
expect yes "two vifs on two bridges" guest_create -a eth0=10.9.0.2/24 -a eth1=10.9.1.2/24 -p 10.9.0.1 -p 10.9.1.1 \
	g1 'mac=00:16:3e:00:00:01,ip=10.9.0.2' 'mac=00:16:3e:00:00:02,ip=10.9.1.2,bridge=xenbr1'
same "the first is where no bridge is named" "$(vif g1 0) xenbr0-up" "$(ports xenbr0)"
same "the second where it says" "$(vif g1 1) xenbr1-up" "$(ports xenbr1)"
same "it has its bridge's MTU" 1400 "$(<"/sys/class/net/$(vif g1 1)/mtu")"
same "the guest is told so" 1400 "$(xenstore-read "/local/domain/$(xl domid g1)/device/vif/1/mtu")"
expect no "it is guarded" guest g1 'spoof-ip 10.9.1.77 10.9.1.1 eth1'

say "once more"
xenstore-write "$(backend g1)/hotplug-status" ''
by_hand() {
	XENBUS_TYPE=vif XENBUS_BASE_PATH=backend XENBUS_PATH=$1 vif=$(vif g1) script=/etc/xen/scripts/vif-bridge \
		/etc/xen/scripts/vif-bridge "$2" type_if=vif
}
expect yes "online again, by an absolute path" by_hand "$(backend g1)" online
same "says connected again" connected "$(hotplug_status g1)"
expect yes "the guest notices nothing" guest g1 'answered 10.9.0.1'
guest_destroy g1
settles 10 "nothing is left behind" "$before" host_state
