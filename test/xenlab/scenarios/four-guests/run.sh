# Four guests created at once: libxl runs their scripts side by side.
make_bridge xenbr0 10.9.0.1/24 fd09::1/64
before=$(host_state)
creating=()
for i in 1 2 3 4; do
	guest_create -n -a "eth0=10.9.0.1$i/24" -a "eth0=fd09::1$i/64" -p 10.9.0.1 -p fd09::1 \
		"g$i" "mac=00:16:3e:00:00:0$i,ip=10.9.0.1$i fd09::1$i,bridge=xenbr0,script=vif-vifd" &
	creating+=($!)
done
for i in 1 2 3 4; do
	status=0
	wait "${creating[i - 1]}" || status=$?
	same "g$i is created" 0 $status
done
for i in 1 2 3 4; do
	expect yes "g$i is answered" guest_wait "g$i"
	same "g$i: hotplug-status" connected "$(hotplug_status "g$i")"
	expect no "g$i may not be its neighbour" guest "g$i" "spoof-ip 10.9.0.1$((i % 4 + 1)) 10.9.0.1"
done
guest_destroy g1 g2 g3 g4
settles 15 "nothing is left behind" "$before" host_state
