// Package nat is the facet "what this guest's packets are called outside": addresses derived for guests that have none of
// their own, masquerade on the way out of the network's uplink, port forwards in, and the end of a gone guest's connections.
//
// Derive and Identify are pure. A Table is the kernel's tables `ip vifd` and `ip6 vifd`, apart from the firewall's `inet
// vifd`: Install puts a Program and everybody's elements in force in one transaction, Set and Remove connect and disconnect one
// guest by elements of sets and maps alone. All of those are hash tables: they cost the same with one guest and with thousands, and
// unlike sets of intervals they show their elements together with the rules that look them up (actions/firewall/prepare.go). For
// that, prefixes have a set for each length, and a forwarded range of ports is an element for each port, which is also the only
// way to forward it to another range: the kernel's dnat picks a port of a range, it does not count along.
//
// Guests are masqueraded in IPv6 as in IPv4: their addresses are out of a subnet that nobody outside knows the way to. Guests among
// each other see the addresses that they have.
//
// A forward answers on every local address of the host but loopback and link-local ones, or on the one it names; to outsiders, to all
// guests, and to the host itself. From chosen sources only, it answers the host and guests where their address is one of those. What
// was not forwarded reaches the host itself. Only packets of a guest to itself by way of the host are given another source, that
// of the host on the guest's interface: everybody else the forwarded guest sees by the address they have, and answers through the
// host, which is its gateway.
//
// A guest's elements are known by its addresses, so that a process which has just started knows whose they are: `guests` says
// which interface has which. Two interfaces may have the same, as those of one emulated and one paravirtual card do; what they
// share stays until both have gone, and a process that has just started takes all forwards to that address for both's.
//
// A Table is safe for concurrent use: calls that come while a transaction is under way are carried out together in the next
// one. Each is in force, or its error says why not, when the call returns; a transaction that fails changes nothing. When the
// kernel turns out to hold something else than was put there, everything is read back and put right. Calls block for as long as
// the kernel takes, some 0.1 ms, and one that brings a prefix of a length that nobody had before for some 20 ms.
package nat
