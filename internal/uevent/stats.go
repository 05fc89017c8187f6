package uevent

import "sync/atomic"

// Stats counts messages since Open. Received is the sum of the others but Overflows.
type Stats struct {
	Received  uint64 // messages read from the socket
	Events    uint64 // handed to the Sink
	Queues    uint64 // of an interface's rx and tx queues: discarded unread
	Others    uint64 // of other subsystems
	Forged    uint64 // not sent by the source: dropped
	Malformed uint64 // sent by the source, but not understood: dropped
	Overflows uint64 // times the kernel reported that it had to drop events
}

type counters struct {
	received, events, queues, others, forged, malformed, overflows atomic.Uint64
}

// Stats may be called at any time, also while Run runs. The counts are each exact, but not all of the same moment.
func (l *Listener) Stats() Stats {
	return Stats{
		Received:  l.count.received.Load(),
		Events:    l.count.events.Load(),
		Queues:    l.count.queues.Load(),
		Others:    l.count.others.Load(),
		Forged:    l.count.forged.Load(),
		Malformed: l.count.malformed.Load(),
		Overflows: l.count.overflows.Load(),
	}
}
