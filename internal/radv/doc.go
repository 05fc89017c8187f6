// Package radv advertises the host to guests as their IPv6 router (RFC 4861, RFC 4862, RFC 8106), each on its own vif, where it gets a
// prefix that is its own.
//
// # Who is told
//
// A solicitation counts if it came in by the vif and from the guest's MAC. Advertisements leave by that vif, in frames for the
// guest's MACs alone, also where their IPv6 destination is all nodes (RFC 6085): whoever else shares the wire is not told.
//
// Their source is the link-local address that the kernel has given the vif. While it has none (the vif is down, has no carrier, or the
// address is still being checked for duplicates) nothing can be sent: that is tried again at growing intervals and when the guest
// solicits. Nothing is put on the vif here.
//
// # When
//
// Unsolicited advertisements come at random intervals between MinInterval and MaxInterval, the first three within 16 s each. A guest that
// has its link-local address is answered at once, to that address; one that has not gets the next advertisement to all nodes early,
// 3 s after the one before (RFC 4861, 6.2.6). The random delay before an answer, which keeps several routers on one link from
// answering all at the same time, is left out: there is one router, on each of these links.
//
// When a vif that stays is taken out (Remove), or gets another prefix, a last advertisement says so: it takes back the default route and
// name servers, and no new connection uses the prefix. Close says nothing, since a restart is to go unnoticed: the guests keep the
// route for Config.RouterLifetime.
//
// # Concurrency, blocking, failure
//
// A Server's methods may be called from any goroutine; only Close blocks, for some milliseconds. One goroutine and two sockets serve all
// vifs (internal/vifsock, also for what keeps a guest from flooding), and each has a timer. After Remove and Close have returned
// nothing is told of a guest's own accord; an answer that is on its way may still leave. A vif that is down, renamed, gone or not there yet
// is no error.
package radv
