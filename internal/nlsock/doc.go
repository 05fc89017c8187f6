// Package nlsock receives netlink multicasts without losing track of what was lost.
//
// It takes over a bound netlink socket from the library that opened it. The uevent reader and the link monitor both read
// through it, so that the care is taken once:
//
//   - One recvmsg per message into one reused buffer, and no allocation: the reader is fast or the kernel drops messages.
//   - The sender is handed over: port, group and, after PassCredentials, the credentials the kernel vouches for. Whom to
//     believe is the caller's business.
//   - A full receive queue is reported as ErrOverflow and never swallowed.
//   - Receiving ends at once when the context does, and when the socket is closed.
//
// # Overflow
//
// When the receive queue is full the kernel drops the message, reports ENOBUFS at the next receive, before the messages that
// are still queued, and drops every further message until the queue has been emptied (netlink_overrun and netlink_rcv_wake
// in net/netlink/af_netlink.c). So after ErrOverflow the caller goes on receiving with TryReceive until ErrWouldBlock, or
// for QueueLimit messages, and only then asks the kernel for the state it may have missed: what it asked earlier could be
// changed by a message dropped later.
//
// # Concurrency
//
// Receive and TryReceive are for one goroutine at a time. Close may be called from any, at any time. A socket belongs to the
// network namespace it was opened in, whichever thread reads it.
package nlsock
