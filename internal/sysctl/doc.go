// Package sysctl reads and sets what the kernel shows under /proc/sys/net (Documentation/networking/ip-sysctl.rst).
//
// Ordering: a call returns when the kernel has taken the value. Set gives back the value that was there, read through the same open
// file just before; somebody else may set it in between.
//
// Identity: an interface's settings are found by its name, which may have become another's. A file once opened belongs to the interface
// it was opened for: when that is renamed or goes, the kernel removes its files, and reads and writes fail. So Set opens, asks its caller
// whether the name still is the right interface's, and only then writes: what is set is that interface's, or nothing.
//
// Concurrency: a Dir is safe for concurrent use. It belongs to the network namespace of the thread that opened it, for as long as it
// lives; a module loaded later may bring a folder of its own ("bridge", by br_netfilter), which such a Dir does not see.
//
// Cost: some microseconds a call, from a thread in the Dir's own namespace. From any other the answer is the same, but the kernel finds
// none of what it remembers of earlier look-ups (proc_sys_compare, fs/proc/proc_sysctl.c), and each one takes a fraction of a millisecond.
//
// Blocking: the kernel may take its RTNL lock for a write (forwarding does).
//
// Failure: ErrNotFound for a setting, an interface or a protocol that is not there. Nothing is retried.
package sysctl
