# The main job, once through: libxl calls vifd, a guest is connected, can be nobody else, and goes without a trace.
make_bridge xenbr0 10.9.0.1/24 fd09::1/64
before=$(host_state)
expect yes "a guest is created, and answered over IPv4 and IPv6" \
	guest_create -a eth0=10.9.0.2/24 -a eth0=fd09::2/64 -p 10.9.0.1 -p fd09::1 \
	g1 'mac=00:16:3e:00:00:01,ip=10.9.0.2 fd09::2,bridge=xenbr0,script=vif-vifd'
same "hotplug-status, exactly" connected "$(hotplug_status g1)"
expect no "another IPv4 address is not answered" guest g1 'spoof-ip 10.9.0.77 10.9.0.1'
expect no "another IPv6 address is not answered" guest g1 'spoof-ip fd09::77 fd09::1'
expect no "another MAC is not answered" guest g1 'spoof-mac 00:16:3e:00:00:99 10.9.0.1'
expect yes "the guest itself still is" guest g1 'answered 10.9.0.1'
guest_destroy g1
settles 10 "nothing is left behind" "$before" host_state
