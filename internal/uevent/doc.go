// Package uevent says when network interfaces come, go and are renamed: from the kernel's uevents, from udevd's, or from the
// environment udevd gives the programs it runs.
//
// # Trust
//
// Whoever has CAP_NET_ADMIN in the network namespace (a container on the host's network, say) can send to the same sockets,
// and with CAP_SYS_ADMIN can even have the kernel relay a message in its own name. A Listener believes the kernel, told by
// port, group and credentials, or udevd, and counts and drops all else; it never believes a property it has not checked.
//
// # Ordering and loss
//
// Events come in the kernel's order. An event is a hint: by the time it is read the interface may have been renamed or gone.
// When the receive queue overflows events are lost; the Sink is then told, after everything still queued has been handed
// over, to look at all interfaces itself. Uevents do not tell of changes of state, address or master: those are rtnetlink's.
//
// # Concurrency and blocking
//
// Run belongs to one goroutine and calls the Sink from it, so a Sink that blocks delays reading and in the end loses events.
// Run ends at once when its context does. Stats and Close may be called from anywhere. Events queue from Open on, so a
// caller that opens first, then lists the interfaces, then runs misses none.
package uevent
