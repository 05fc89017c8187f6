// Package takeover puts the host's own network behind a bridge, and gives it back: the addresses, routes, policy rules and neighbour
// entries of an uplink go to a bridge whose port the uplink becomes (`vifd network`).
//
// A Snapshot of everything concerned is on disk before the first change. It holds the kernel's own messages, byte for byte, so that what
// nobody here understands is restored all the same. What is wanted is computed from it, for the way there (moved to the bridge)
// and for the way back (as it was), and every step is a difference: it reads what is, and writes what is missing. So a step may
// be repeated, and the way back leads home from anywhere.
//
// Ordering: first the new, then the old. The addresses are on both links before the uplink joins the bridge, the new routes are
// behind the old ones before those are taken away, and the old addresses go last. At no moment is the host without address
// or route. A method returns when what it says is done and on disk.
//
// Concurrency: methods may be called by several processes at once; one lock in the folder lets them in one after the other. A Manager
// acts in the network namespace of the thread that calls it, and starts no goroutine.
//
// Blocking: a few milliseconds for the kernel and a write to the disk for each step; up to gatewayPatience where a gateway does not answer,
// and up to dadPatience where an address is still being looked for in duplicate. Waiting for the lock ends with the context.
//
// Failure: Start and Try put everything back, and verify that, when any step fails or the result is not as wanted. A process killed at
// any instant leaves a record that says so; Recover, Start, Stop and the watchdog of Try begin with it, and bring the
// host to where it was before. A record of an earlier boot is void: the kernel has forgotten what it is about. What cannot be given
// back is refused before the first change (ErrRefused).
package takeover
