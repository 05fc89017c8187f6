// Package sample makes a frame of what a statement's matches would say of it.
//
//	s, err := sample.Parse("ether saddr 00:16:3e:00:00:99 ip saddr 192.0.2.7")
//	frame, err := s.Frame(sample.Guest{MACs: …, IPs: …}, sample.FromGuest)
//
// The text is any number of matches, each a field and one value. What it does not say is as an honest packet of the guest has it:
//
//   - From the guest: its first MAC and its first address of the family to a neighbour, 00:00:5e:00:53:fe with 203.0.113.1 and
//     2001:db8:ffff::1 (RFC 7042, 5737, 3849), or the next of these that is not in the guest's prefixes. To the guest: the other
//     way round. For a prefix of the guest's stands its second address. Of a routed guest the host's MAC is the neighbour's.
//   - A guest without an IPv6 address has the link-local one of its MAC; one without an IPv4 address is 0.0.0.0, and is reached by
//     broadcast; one without a MAC has 00:00:5e:00:53:01.
//   - No word about the network layer: what the transport runs over (ICMP and the ports 67 and 68: IPv4; ICMPv6 and the ports
//     546 and 547: IPv6), else IPv4 if the guest has such an address, else IPv6.
//   - No word about the transport layer: UDP. Ports are 1024 to 9; DHCP's belong to each other, and what comes from a port below
//     1024 goes to 1024. TCP begins a connection (syn), where `ct state` says established it goes on (ack).
//   - ICMP is an echo request, or the type that has the field; errors quote a packet. ND is a solicitation with `nd sll`, an
//     advertisement with `nd tll`; from the sender, with its MAC as option unless `ip6 length` leaves no room for one; a
//     solicitation asks for the receiver, an advertisement tells of the sender. It goes where RFC 4861 has it go, MLD behind the
//     router alert, DHCP to everybody.
//   - ARP asks for the receiver, a reply tells it of the sender.
//   - A frame is tagged where a field of `vlan` or the EtherType says so; VLAN id 1.
//   - The EtherTypes of other protocols, and other protocols over IP, carry zeros.
//   - A multicast or broadcast address has its MAC, and the other way round.
//
// Lengths and checksums are right unless said. A length that is said is made true by the packet's data where it is long enough for
// its headers, else it is a lie. Of the first fragment the rest is not made; a later one has no transport header. Raw payload
// (@th,64,128) is written over all else, and the packet grows to hold it.
//
// What is no part of the frame is its Context: marks, interfaces, connections, routes.
//
// The package is pure, and what it makes can be used concurrently.
package sample
