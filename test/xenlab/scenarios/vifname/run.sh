# Two vifs, one of which the configuration names; a second guest that wants the same name is refused, and the first not touched.
make_bridge xenbr0 10.9.0.1/24
make_bridge xenbr1 10.9.1.1/24
before=$(host_state)
expect yes "two vifs" guest_create -a eth0=10.9.0.2/24 -a eth1=10.9.1.2/24 -p 10.9.0.1 -p 10.9.1.1 \
	g1 'mac=00:16:3e:00:00:01,ip=10.9.0.2,bridge=xenbr0,script=vif-vifd,vifname=web0' \
	'mac=00:16:3e:00:00:02,ip=10.9.1.2,bridge=xenbr1,script=vif-vifd'
same "the first has its name" "web0 xenbr0-up" "$(ports xenbr0)"
expect no "and not the other" test -e "/sys/class/net/$(vif g1 0)"
expect yes "the second has Xen's" test -e "/sys/class/net/$(vif g1 1)"
same "the guest is told its MTU" 1500 "$(xenstore-read "/local/domain/$(xl domid g1)/device/vif/0/mtu")"
expect no "nothing is written below the name" xenstore-read /local/domain/web0
expect no "a named vif is guarded, too" guest g1 'spoof-ip 10.9.0.77 10.9.0.1'

say "the name again"
index=$(</sys/class/net/web0/ifindex)
expect no "a second guest is refused" guest_create -n g2 'mac=00:16:3e:00:00:03,ip=10.9.0.3,bridge=xenbr0,script=vif-vifd,vifname=web0'
holds "xl says why" 'web0' "$(grep -E 'script:' /run/xenlab/g2.xl || true)"
expect no "it does not exist" xl domid g2
same "the first is as it was" "$index" "$(</sys/class/net/web0/ifindex)"
expect yes "and is answered" guest g1 'answered 10.9.0.1'
guest_destroy g1
settles 10 "nothing is left behind" "$before" host_state
