# A translated guest takes what vifd's DHCP and router advertisements tell it, and reaches an outside that knows no way to it.
make_uplink eth0
listener_start
before=$(host_state)
expect yes "a guest is created" guest_create g1 'mac=00:16:3e:00:00:01,script=vif-vifd'
lease=$(guest g1 dhcp) || true
holds "udhcpc takes a lease" '^lease 10\.77\.[0-9.]+/16 router 10\.77\.255\.254 dns 192\.0\.2\.53 domain guests\.example\.org ' "$lease"
expect yes "the outside answers over IPv4" guest g1 'answered 192.0.2.2'
eventually 15 "the guest has an IPv6 address of its own" guest g1 'ip -6 addr show dev eth0 | grep fd77:'
expect yes "the outside answers over IPv6" guest g1 'answered 2001:db8::2'
expect no "another address is not translated" guest g1 'spoof-ip 10.77.200.200 192.0.2.2'
guest g1 'mkdir -p /tmp/www; echo hello from the guest >/tmp/www/index.html; httpd -p 80 -h /tmp/www'
same "a forwarded port leads to it" "hello from the guest" "$(at outside timeout 5 wget -q -O - http://192.0.2.1:8080/index.html)"
guest_destroy g1
settles 10 "nothing is left behind" "$before" host_state
