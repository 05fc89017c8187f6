package sysctl

import "strings"

// Name is where a setting is below net: {"ipv4", "conf", "vif1.0", "proxy_arp"}. An interface's name may hold dots, so these are never
// what parts are told apart by.
type Name []string

// IPv4 and IPv6 name a setting of one interface; "all" and "default" are interfaces here.
func IPv4(iface, setting string) Name { return Name{"ipv4", "conf", iface, setting} }
func IPv6(iface, setting string) Name { return Name{"ipv6", "conf", iface, setting} }

// String is the name as sysctl(8) takes it: with dots between its parts, or with slashes where a part has dots in it.
func (n Name) String() string {
	all := append([]string{"net"}, n...)
	for _, part := range n {
		if strings.Contains(part, ".") {
			return strings.Join(all, "/")
		}
	}
	return strings.Join(all, ".")
}

// valid tells whether the name stays below net.
func (n Name) valid() bool {
	for _, part := range n {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "/\x00") {
			return false
		}
	}
	return len(n) > 1
}
