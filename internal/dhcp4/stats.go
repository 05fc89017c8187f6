package dhcp4

import "sync/atomic"

// Stats counts what a Server has heard since it was started, by what became of it.
type Stats struct {
	Offers, Acks, Naks uint64 // answers of each kind
	Declines           uint64 // guests that found their address in use
	Silent             uint64 // understood, and not answered: releases
	Foreign            uint64 // of a MAC that is not the guest's, of a relay, or for another server
	Malformed          uint64
	Unsent             uint64 // answers among the above that could not be sent: the vif was down, had gone, or its queue was full
	Pauses             uint64 // times an interface was left unread for a while because it sent too much
}

type counters struct {
	outcomes [refused + 1]atomic.Uint64
	unsent   atomic.Uint64
}

func (c *counters) add(what outcome) { c.outcomes[what].Add(1) }

// Stats may be called at any time. The counts are each exact, but not all of the same moment.
func (s *Server) Stats() Stats {
	of := func(what outcome) uint64 { return s.count.outcomes[what].Load() }
	stats := Stats{
		Offers: of(offered), Acks: of(acknowledged), Naks: of(refused), Declines: of(declined), Silent: of(silent),
		Foreign: of(foreign), Malformed: of(malformed), Unsent: s.count.unsent.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sock != nil {
		stats.Pauses = s.sock.Pauses()
	}
	return stats
}
