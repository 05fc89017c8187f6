// Package route has the host route for a guest: the guest's addresses become routes to its vif, the host answers for it at the uplink and for
// the outside at the vif, IPv4 and IPv6 alike. It takes the place of Xen's vif-route and network-route.
//
// Route is the desired state, Diff compares it with what is, Apply makes it so, Undo takes it back. A Step prints itself as the
// ip(8) or sysctl(8) command a person would type.
//
// Ordering: whoever calls Apply has committed the guest's firewall before, and written down what Prepare gave him. Apply goes: what the host's
// vifs share (forwarding), link down where it must be, MAC, MTU, the vif's settings, its addresses, link up, and only then neighbours, routes and
// what is answered for at the uplink: the kernel takes no route by a link that is down (ENETDOWN), and a link that goes down
// loses its routes, neighbours and proxied addresses. So what is up has been guarded before, and nobody is told
// of a guest that cannot be reached. Undo goes the other way.
//
// Idempotency: Apply writes only what differs. A fresh vif, which is down, is not asked for routes; one that is up is, and the kernel walks
// through all of its tables for that.
//
// Ownership: routes and neighbour entries are ours by their protocol (rtnl.Protocol), which needs Linux 5.1 for neighbours; addresses on the vif
// because the vif is. A route to a guest's address that somebody else made, with the same metric in the same table, is
// replaced, as leftovers have to be; nothing else of anybody's is touched, save that what belongs to a vif goes with its going down.
// What the host answers for already at the uplink, by somebody else's word, is left to him.
//
// Identity: a vif is its ifindex. Where its name is no longer the expected one, nothing of it is touched; a setting, which the kernel
// knows by the interface's name, is written only to the right one (package sysctl). Two vifs may have one address: an emulated device
// beside a paravirtual one, whose metrics differ; or, wrongly, two guests: there who comes last has it.
//
// Concurrency: functions may be called from any goroutine, for one vif by one at a time. Forwarding and the entries at the uplink are
// shared by vifs, and counted by a Forwarding, of which a host has one.
//
// Failure: Apply stops at the first refusal and leaves what was done, which Undo takes back, as it does after a kill at any
// instant. Undo goes on after a refusal, and returns all of them. Both may be repeated.
package route
