// Package conntrack finds and ends the connections that the kernel tracks (nf_conntrack, by way of ctnetlink). A guest whose
// firewall has been tightened, or who has gone, must lose them, else "ct state established accept" lets them go on.
//
// Requests go by way of internal/nlconn, with what that promises; the decoder is ours, too, because no library fits.
// github.com/ti-mo/conntrack v0.6.0 does not send the ID that its Delete promises to compare, so that it may end another
// connection; it waits without limit; it gives out a dump that was interrupted as if it were whole, and refuses all of one for
// an attribute it does not know; and it holds a whole table in memory: 220 MB in 3.5 million allocations, and a second, for
// 100 000 flows. vishvananda/netlink's own calls know neither ICMP's fields nor IDs, and list and delete by half a
// dump.
//
// Flows are filtered while they are read: memory goes with what is wanted, not with what is there. The kernel is asked to filter by
// address family only. By address it could be asked from Linux 5.8 on, but for IPv6 it then tells of all flows except those
// (ctnetlink_filter_match_tuple compares the wrong way round, as of Linux 6.18), and each of the four places where an address may
// be takes a walk through its whole table: 0.12 s for one address instead of 0.18 s for any number, among 100 000 flows.
//
// Ordering: a call returns when the kernel has answered. Flows tells of every flow that was there from its beginning to its end,
// and may or may not tell of others; a connection whose first packet is still on its way through the host is none yet. So
// tighten the firewall first, then list and delete: what comes up meanwhile has been judged by the new rules already. A packet that
// was judged by the old rules just before may still make a flow; a second round later ends that one, too.
//
// Concurrency: a Conn is safe for concurrent use; calls wait for each other. It belongs to the network namespace of the
// thread that called Dial, for as long as it lives.
//
// Blocking: 100 000 flows take about 0.2 s to list, one takes microseconds to delete. A dump that has begun is read to its end,
// also when the context has ended; before it is repeated the context is asked. No answer is waited for longer than Timeout.
//
// Failure: a list is complete or an error. Loss and interruption have it repeated, up to ErrInterrupted. What no one repeats is
// a list during which the kernel's table was resized (net.netfilter.nf_conntrack_buckets), which the kernel does not tell.
// Refusals by the kernel wrap their errno; EPERM says that CAP_NET_ADMIN is missing. After ErrTimeout, ErrInterrupted or EBUSY
// close the Conn and dial anew. ErrUnsupported comes from Dial alone and means that there are no flows; a kernel that tracks
// connections but cannot tell of them is another error.
//
// Identity: an ID is a hash of the flow's place in memory and its original direction. A later flow between the same ends may,
// rarely, get the same one; Delete then ends that one, which only means that it is judged once more.
package conntrack
