// Package vifsock hears what guests send to servers, DHCP requests and router solicitations, and answers on the vif that they came in by.
//
// A packet socket (packet(7)) hears and speaks past the host's addresses, routes, neighbours and firewall. So a guest is served that has
// no address yet, and whatever the host's `input` chains say; and an answer leaves by the vif it is meant for, and by no other.
//
// # One socket for all vifs
//
// A socket bound to each vif would do as well, but closing a packet socket waits for a grace period of RCU (packet_release in
// net/packet/af_packet.c), 5 to 20 ms. After a crash with 1 000 guests the kernel closed one after the other for 5 to 20 s, and
// nobody could take the process's place before. The price is that the filter looks at each packet that the host itself takes in or routes (not at
// what it bridges); it compares two bytes and is done. It is not paid before the first Open.
//
// # Flood
//
// Of one interface more than Burst packets at once, or Rate a second, are not read: the socket's filter then leaves the interface
// out for a second. So a guest that floods costs no more than one that does not, and takes nothing from the others.
//
// # Ordering, concurrency, blocking
//
// Packets are handled in the order of their arrival, one at a time, by the socket's own goroutine; the handler keeps nothing of a
// packet. All methods may be called from any goroutine. Send does not block: what finds no room in the link's queue is lost, with an
// error. Close waits for the handler, and for a grace period.
//
// # Failure
//
// Interfaces that are down, gone, renamed or not there yet are nothing to a Socket but an error of Send. A Socket belongs to the
// network namespace of the thread that called Open.
package vifsock
