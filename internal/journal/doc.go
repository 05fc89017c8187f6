// Package journal keeps one small JSON record per vif in the state folder: what vifd decided for it and did to it.
//
// The kernel is the truth; a record only says what is ours, so that it can be taken back. A record is put before the kernel
// is touched and deleted once the vif is clean, so that whoever starts after a kill finds a record for everything that may
// have been touched; the reverse (a record for something never touched) is harmless, since undoing is idempotent.
//
// Layout of the folder (0700, owned by the user vifd runs as):
//
//	vifs/<ifindex>.json   one record
//	vifs/<random>.tmp     a record being written; swept by Open when its writer is dead
//	locks/<ifindex>       held (flock) by a process that works on that vif
//
// Ordering: a Put or Delete that has returned is seen by every later Get and List, of any process. Concurrency: all methods
// may be called by several goroutines and several processes at once; of two Puts for one vif one wins whole. Blocking: only
// Lock waits, and only as long as its context allows. Failure: a reader sees the record before or the record after a Put,
// never a part, also when the writer is killed at any instant; a failed Put leaves the record before in place.
package journal
