# xenstore's keys change while the guest runs: the listener notices, and the guest is what they now say.
make_bridge xenbr0 10.9.0.1/24
make_bridge xenbr1
listener_start
expect yes "a guest is created" guest_create -a eth0=10.9.0.2/24 -p 10.9.0.1 g1 'mac=00:16:3e:00:00:01,ip=10.9.0.2,bridge=xenbr0,script=vif-vifd'

say "ip"
expect no "another address is not its own" guest g1 'spoof-ip 10.9.0.3 10.9.0.1'
xenstore-write "$(backend g1)/ip" 10.9.0.3
eventually 10 "now it is" guest g1 'spoof-ip 10.9.0.3 10.9.0.1'
expect no "and the first no longer" guest g1 'ping -c 2 -W 2 -I 10.9.0.2 10.9.0.1'
xenstore-write "$(backend g1)/ip" '10.9.0.2 10.9.0.3'
eventually 10 "both are, when both are named" guest g1 'ping -c 1 -W 2 -I 10.9.0.2 10.9.0.1 && spoof-ip 10.9.0.3 10.9.0.1'

say "mac"
expect no "another MAC is not its own" guest g1 'spoof-mac 00:16:3e:00:00:09 10.9.0.1'
xenstore-write "$(backend g1)/mac" 00:16:3e:00:00:09
eventually 10 "now it is" guest g1 'spoof-mac 00:16:3e:00:00:09 10.9.0.1'
expect no "and the first no longer" guest g1 'ping -c 2 -W 2 10.9.0.1'
xenstore-write "$(backend g1)/mac" 00:16:3e:00:00:01
eventually 10 "it is again" guest g1 'ping -c 1 -W 2 10.9.0.1'

say "bridge"
index=$(<"/sys/class/net/$(vif g1)/ifindex")
xenstore-write "$(backend g1)/bridge" xenbr1
settles 10 "it moves" "$(vif g1) xenbr1-up" ports xenbr1
same "out of the first" xenbr0-up "$(ports xenbr0)"
# There somebody else answers: the guest still knows the MAC of whom it talked to.
ip addr del 10.9.0.1/24 dev xenbr0
add_address xenbr1 10.9.0.8/24
eventually 10 "it is answered there" guest g1 'ping -c 1 -W 2 10.9.0.8'
same "and is the same interface" "$index" "$(<"/sys/class/net/$(vif g1)/ifindex")"
same "still connected" "connected 4" "$(hotplug_status g1) $(xenstore-read "$(backend g1)/state")"

say "nonsense"
unanswered() { ! guest g1 'ping -c 1 -W 2 10.9.0.8'; }
xenstore-write "$(backend g1)/ip" '10.9.0.2/33; rm -rf /'
eventually 10 "the vif passes nothing while nobody knows who it is" unanswered
expect yes "the listener lives" kill -0 "$listener"
xenstore-write "$(backend g1)/ip" 10.9.0.2
eventually 10 "it is answered again when it is right" guest g1 'ping -c 1 -W 2 10.9.0.8'
