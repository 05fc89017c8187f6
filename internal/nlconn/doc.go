// Package nlconn asks the kernel over netlink (netlink(7)): a lasting connection, one request at a time, whose answers are
// complete or an error. internal/rtnl and internal/conntrack speak their protocols through it; what is multicast is
// internal/nlsock's.
//
// Requests are encoded with github.com/vishvananda/netlink/nl; the socket and the decoder are ours. That library asks for the
// socket's name and allocates 64 KiB for every answer, opens sockets unasked, and gives out half of a dump that was interrupted.
//
// Ordering: a call returns when the kernel has answered, so calls made one after the other take effect in that order. The
// messages of an answer come in the kernel's order. An answer that comes after its request was given up is thrown away.
//
// Concurrency: a Conn is safe for concurrent use; calls on one Conn wait for each other, and what they give messages to runs
// meanwhile: it must not call the Conn. A Message and its attributes lie in the Conn's buffer, until the function they were
// given to returns. A Conn belongs to the network namespace of the thread that dialled it, for as long as it lives.
//
// Blocking: the kernel does the work inside sendto(2) and that cannot be cut short; waiting for an answer ends after Timeout.
// A dump that has begun is read to its end, also when the context has ended; before it is repeated the context is asked.
//
// Failure: what the kernel refuses comes back as *Error, with the kernel's own words where it has some and the socket was made
// to ask for them (NETLINK_EXT_ACK). Where the kernel says that a dump missed changes, or that the socket's queue was too
// full for an answer, what came is not to be used: ErrInterrupted, and for a full queue ENOBUFS as well. Dump repeats these, up
// to an ErrInterrupted of its own; nothing repeats any other request. After a full queue all that is in it is read, for the kernel
// sends nothing more before it has been empty; so the Conn stays good. After ErrTimeout the kernel may still be at a dump,
// and refuse the next with EBUSY.
package nlconn
