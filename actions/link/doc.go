// Package link sets what belongs to a vif as such, wherever it is connected: MTU, queue length, group, alias, what its driver does for
// the host (offloads) and the kernel's settings for it (sysctls); and gives back what was there before.
//
// Link is the desired state. Remember reads what is there before anything is changed, into a State that is to be written down before Apply;
// Diff compares; Apply makes it so and gives back what is no longer wanted; Undo gives back all. A Step prints itself as the ip(8),
// ethtool(8) or sysctl(8) command a person would type.
//
// Ordering: MTU first, since a small one takes IPv6 and its settings away; then queue length, group, alias, offloads, settings.
//
// Ownership: a value is given back only where it still is the one that was set; what somebody has changed since is theirs. Of an offload
// that is what is asked of the device: the kernel itself turns some off for want of others.
//
// Idempotency: Apply writes only what differs. Remember keeps what an earlier State remembers: that is what was there before vifd.
//
// Identity: a vif is its ifindex. Settings are found by name, so that is asked for again between opening and writing (sysctl.Dir.Set).
//
// Concurrency: functions may be called from any goroutine, for one vif by one at a time.
//
// Failure: Apply stops at the first refusal and leaves what was done; calling it again goes on from there, and Undo gives back what was
// there, as after a kill at any instant.
package link
