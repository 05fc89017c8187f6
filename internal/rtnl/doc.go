// Package rtnl speaks rtnetlink (rtnetlink(7), net/core/rtnetlink.c): it reads and changes links, bridge ports, FDB entries
// and addresses, and listens for what changes.
//
// Conns go by way of internal/nlconn and a Monitor by way of internal/nlsock, with what these promise.
//
// Ordering: a call returns when the kernel has answered, so calls made one after the other take effect in that order. Against
// the messages of a Monitor there is no order: a message may tell of a state that later calls have already changed.
//
// Concurrency: a Conn is safe for concurrent use; calls on one Conn wait for each other. Workers that are to run side by side
// each take a Conn of their own (the kernel still does changes one at a time, under its RTNL lock).
//
// Blocking: the kernel does the work inside sendto(2) and that cannot be cut short; waiting for an answer ends after Timeout.
// Dumps, which may have to be repeated, take a context.
//
// Failure: what the kernel refuses comes back as *Error, with the kernel's own words where it has some; classify it with
// errors.Is and ErrNotFound, ErrExists, ErrBusy, ErrPermission, ErrUnsupported, ErrAddress, or with the errno itself. A dump is
// complete or an error, never a part. Nothing here retries a change. A Monitor that has lost messages says so.
//
// A Conn and a Monitor belong to the network namespace of the thread that opened them, for as long as they live.
package rtnl
