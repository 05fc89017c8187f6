// Package dhcp4 answers guests' DHCPv4 requests (RFC 2131), each on its own vif, where it gets the one address that is its own.
//
// # Who is answered
//
// A request counts if it came in by the vif and names the guest's MAC as its hardware address; the answer leaves by that vif, in a
// frame for that MAC alone, also where its IPv4 destination is the broadcast address. So whoever else shares the wire neither
// gets an address nor sees an answer. Requests to other servers, of relays (giaddr) and in VLANs are not heard.
//
// # What clients accept
//
// Config.Address has the mask that the guest is to believe in. With the network's mask, which has the router in it, every client is at
// home; the host then answers ARP for the other guests (proxy_arp), who are not on the wire. With a mask that has not (/32) clients need to
// be told that the router is on the link: those that ask for classless routes (option 121, RFC 3442, and 249, its number before: udhcpc,
// dhclient, systemd-networkd, Windows, dhcpcd) get a route to it before the default route, the others know by themselves what to make of
// a /32 with a router, or do not come up. So take the network's mask unless guests must not take each other for neighbours.
//
// Option 121 goes before the router option (RFC 3442), so the default route is in both.
//
// # Checksums
//
// A guest leaves the UDP checksum to an offload that never comes about on a virtual wire; a packet socket then sees the sum of
// the pseudo header in its place. That is accepted, as is none; another wrong sum is not. Answers carry whole checksums.
//
// # The host's own stack
//
// It sees what a renewing guest sends to the router's address as well, and answers that the port is unreachable where nobody listens on
// UDP port 67. Clients do not mind, as the tests show for two of them; a firewall that drops UDP port 67 from vifs in `input` avoids it,
// and does not keep the requests from this package.
//
// # Concurrency, blocking, failure
//
// A Server's methods may be called from any goroutine; only Close blocks, for some milliseconds. One goroutine and one socket serve all
// vifs: see internal/vifsock, also for what keeps a guest from flooding. A vif that is down, renamed, gone or not there yet is no
// error. Answers are made from the request and the Config alone: nothing is remembered, so a restart goes unnoticed.
package dhcp4
