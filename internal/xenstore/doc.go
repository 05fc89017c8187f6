// Package xenstore asks and tells xenstored, the database in which Xen's tools, drivers and guests leave each other word. It speaks
// the wire protocol of xen/include/public/io/xs_wire.h and docs/misc/xenstore.txt of Xen, over the daemon's Unix socket or the
// kernel's /dev/xen/xenbus.
//
// Ordering: requests made one after the other take effect in that order. Requests of several goroutines share one connection, and none
// waits for another's answer: answers are told apart by id. A Watch's events come in xenstored's order.
//
// Concurrency: a Store and a Tx are safe for concurrent use. What Watch and Do are given runs on their caller's goroutine, so it may
// make requests of its own.
//
// Blocking: a call ends with its answer or with its context, whichever is first; a context without an end waits for ever on a daemon
// that has stopped. No call waits to clean up after itself. Only a write to /dev/xen/xenbus cannot be cut short: the kernel
// hands it on, and sets up watches, before write(2) returns.
//
// Failure: what xenstored refuses comes back as *Error; that nobody answers as ErrUnavailable. A connection is made when it is needed
// and made anew when it is lost. A request that was lost with it is repeated once if it cannot have been carried out or only reads;
// else the error is an ErrUncertain. A Do is repeated whole, unless it was being committed. A request that was given up leaves the
// connection as it is, since its late answer is thrown away; whatever makes no sense, a message that is not finished within
// MessageTimeout, and too many unanswered requests, end the connection for everybody on it: a stream that has lost its place
// says nothing true. What is kept of a daemon that misbehaves is bounded.
//
// Trust: a value is what somebody wrote, maybe a guest. This package checks paths and lengths, and says nothing about values.
package xenstore
