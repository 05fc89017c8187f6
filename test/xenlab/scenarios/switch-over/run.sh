# A host changes from Xen's scripts to vifd, and back, with guests running: nobody's connection ends.
make_bridge xenbr0 10.9.0.1/24
cd /etc/xen/scripts
before=$(host_state)
expect yes "a guest connected by Xen's vif-bridge" guest_create -a eth0=10.9.0.2/24 -p 10.9.0.1 old 'mac=00:16:3e:00:00:01,ip=10.9.0.2'

say "to vifd"
for script in vif-bridge vif-route vif-nat; do
	mv $script $script.xen
	ln -s /usr/bin/vifd $script
done
listener_start
expect yes "it is answered" guest old 'answered 10.9.0.1'
expect no "and from now on guarded" guest old 'spoof-ip 10.9.0.77 10.9.0.1'
same "its xenstore still says connected" "connected 4" "$(hotplug_status old) $(xenstore-read "$(backend old)/state")"
expect yes "a guest connected by vifd" guest_create -a eth0=10.9.0.3/24 -p 10.9.0.1 new 'mac=00:16:3e:00:00:02,ip=10.9.0.3'
said=$(xl destroy old 2>&1)
same "the first goes without a complaint" '' "$said"
expect yes "the second is answered" guest new 'answered 10.9.0.1'

say "and back"
listener_stop
for script in vif-bridge vif-route vif-nat; do mv -f $script.xen $script; done
expect yes "it still is" guest new 'answered 10.9.0.1'
for family in bridge inet arp ip ip6; do nft delete table $family vifd 2>/dev/null || true; done
expect yes "also without vifd's tables" guest new 'answered 10.9.0.1'
expect yes "a guest connected by Xen's vif-bridge again" guest_create -a eth0=10.9.0.4/24 -p 10.9.0.1 old 'mac=00:16:3e:00:00:01,ip=10.9.0.4'
guest_destroy old new
rm -rf /run/vifd
settles 10 "nothing is left behind" "$before" host_state
