// Package rate limits what a vif carries, each way, and takes that back.
//
// Rate is the desired state, Diff compares it with what is, Apply makes it so, Undo takes it back. A Step prints itself as the tc(8) or
// ip(8) command a person would type. Probe finds out, once, what the kernel has for it.
//
// To the guest goes through a token bucket filter, the vif's root qdisc. What comes from the guest cannot wait in the vif, so an ingress
// filter sends it through an ifb device of the vif's own (Name), whose root qdisc is such a filter; from there it goes on as if
// it had just come in by the vif, to the bridge and to the firewall.
//
// Why a TBF and not HTB. Both hold a single rate from 10 Mbit/s to 1 Gbit/s within 1 % in the long run (measured with TCP, each way), but over the
// first 2 s at 10 Mbit/s a TBF was 2 % over and HTB with the same burst 4 to 5 %: a TBF never sends more than the burst at once, while HTB
// lets a packet that is larger through on credit. A TBF is made, and later set anew, by one request, while HTB takes a qdisc and
// a class; and its queue is counted in bytes, so that it stands for a time, while HTB's is counted in packets of 64 bytes to 64 KiB.
//
// Ordering: from-guest the device is made, named ours, shaped and brought up before anything is sent to it; it is deleted last. A
// guest whose rate, and burst, rises loses nothing: a TBF is changed in place and what waits in it stays (tbf_change,
// net/sched/sch_tbf.c). With a smaller burst it would not do: a packet that waits and is larger never leaves (tbf_dequeue), nor does any
// behind it. So a new TBF takes its place, in one request, and what waited is lost: at most 50 ms' worth, which at the lower rate would
// have been long to wait for. The same is lost when a TBF is taken away.
//
// Ownership: a root qdisc is ours by its kind and handle (7666: or 7667:), an ingress filter by its preference, an ifb device by its ifalias; until that is set,
// by its device group. The kernel's own qdisc (handle 0) gives way; anybody else's is ErrForeign and stays.
//
// Idempotency: Apply writes only what differs. Undo is Apply of no limit at all, also where the vif has gone: then its ifb device,
// which the kernel leaves behind, is what there is to delete.
//
// Concurrency: functions may be called from any goroutine, for one vif by one at a time.
//
// Failure: Apply stops at the first refusal and leaves what was done; calling it again goes on from there, and Undo takes it back, as
// it does after a kill at any instant. Where the ifb device is deleted by somebody else, the guest says nothing more until Apply has made it anew:
// the kernel drops what it was to be sent to.
package rate
