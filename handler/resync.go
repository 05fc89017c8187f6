package handler

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"vifd/actions/firewall"
	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/vif"
)

// Resync looks at every link of the host and at everything there is a record of. With rs it puts those rules in force, else
// it goes by the ones that are. First all guards change, in one transaction; then every vif gets a round, and Resync
// returns when the last is done. Where the kernel refuses the rules, the old ones stay.
func (h *Handler) Resync(ctx context.Context, rs *Ruleset) ([]ctl.Outcome, error) {
	ifindexes, changed, err := h.install(ctx, rs)
	if err != nil {
		return nil, err
	}
	h.tighten(ctx, changed.program, changed.guests, changed.gone)
	done := make(chan ctl.Outcome, len(ifindexes))
	for _, ifindex := range ifindexes {
		h.queue.push(ifindex, nil, done)
	}
	outs, err := h.queue.await(ctx, len(ifindexes), done)
	if err != nil {
		return nil, fmt.Errorf("resync: %d of %d vifs looked at: %w", len(outs), len(ifindexes), err)
	}
	return outs, nil
}

// change is what an installation changed for guests whose connections are tracked.
type change struct {
	program *firewall.Program
	guests  []*firewall.Guest
	gone    []netip.Prefix
}

// install puts the guards of all links in force and returns the ifindexes of everything that needs a round.
func (h *Handler) install(ctx context.Context, rs *Ruleset) ([]int, change, error) {
	conn := <-h.conns
	defer func() { h.conns <- conn }()
	h.turn.Lock()
	defer h.turn.Unlock()
	if rs == nil {
		rs = h.rules
	}
	if err := h.supported(conn, rs); err != nil {
		return nil, change{}, fmt.Errorf("resync: %w", err)
	}
	links, err := conn.Links(ctx)
	if err != nil {
		return nil, change{}, fmt.Errorf("resync: %w", err)
	}
	todo := make(map[int]bool, len(links))
	h.mu.Lock()
	memories := make(map[int]*known, len(h.known))
	before := make(map[string]*firewall.Guest, len(h.known))
	for ifindex, k := range h.known {
		if g := k.plan.Guest; g != nil {
			before[g.Interface] = g
		}
		todo[ifindex] = true
		memory := *k // rounds go on remembering
		memories[ifindex] = &memory
	}
	h.mu.Unlock()
	var guests []firewall.Guest
	owners := make(map[string]int)
	places, translated := newPlaces(), make(map[string]bool)
	for i := range links {
		l := &links[i]
		plan, ours, _ := h.decide(ctx, rs, l, memories[l.Index])
		if ours {
			todo[l.Index] = true
		}
		rs.place(places, l, &plan)
		translated[l.Name] = plan.NAT != nil
		if plan.Guest != nil {
			guests = append(guests, *plan.Guest)
			owners[l.Name] = l.Index
		}
	}
	// Translation first: it has no say in what passes, and does for the old rules' guests as well. Each guest's part of it comes with its
	// round, where one that cannot be had is that guest's misfortune alone.
	if _, err := h.cfg.NAT.Ensure(rs.nat); err != nil {
		return nil, change{}, fmt.Errorf("resync: %w", err)
	}
	wrote, err := h.cfg.Firewall.Install(rs.program, guests, owners)
	if err != nil {
		return nil, change{}, fmt.Errorf("resync: %w", err)
	}
	h.rules, h.host.places = rs, places
	h.installed(rs, todo, owners)
	// What a killed process has left of the host's settings, and no vif needs.
	if _, err := h.host.forwarding.Release(h.cfg.Sysctls, 0); err != nil {
		return nil, change{}, fmt.Errorf("resync: %w", err)
	}
	// What is left of guests that went while nobody looked would stand in the way of their successors'.
	for _, name := range h.cfg.NAT.Interfaces() {
		if translated[name] {
			continue
		}
		if _, err := h.cfg.NAT.Remove(name, owners[name]); err != nil {
			return nil, change{}, fmt.Errorf("resync: %w", err)
		}
	}
	done := change{program: rs.program}
	if wrote {
		for i := range guests {
			done.guests = append(done.guests, &guests[i])
			done.gone = append(done.gone, lost(before[guests[i].Interface], &guests[i])...)
		}
	}
	return slices.Sorted(maps.Keys(todo)), done, nil
}

// installed notes that rs is in force, and guards vifs of these ifindexes by these names: one that goes before its round, or gets another name,
// has its guard taken back all the same.
func (h *Handler) installed(rs *Ruleset, todo map[int]bool, owners map[string]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = rs.asked // every vif gets a round, which asks for what only these rules name
	for name, ifindex := range owners {
		if !todo[ifindex] {
			continue
		}
		k := h.known[ifindex]
		if k == nil {
			k = &known{record: journal.Record{Ifindex: ifindex}}
			h.known[ifindex] = k
		}
		if k.record.Interface != name {
			k.formerly = name
		}
	}
}

// Rules is the load that is in force.
func (h *Handler) Rules() *Ruleset {
	h.turn.RLock()
	defer h.turn.RUnlock()
	return h.rules
}

// Status tells of every vif, by interface and ifindex.
func (h *Handler) Status() ctl.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	status := ctl.Status{}
	for _, k := range h.known {
		if k.record.State == "" || k.host {
			continue // the host's own
		}
		status.Vifs = append(status.Vifs, VifStatus(&k.record))
	}
	slices.SortFunc(status.Vifs, func(a, b ctl.VifStatus) int {
		if c := vif.CompareNames(a.Interface, b.Interface); c != 0 {
			return c
		}
		return a.Ifindex - b.Ifindex
	})
	return status
}
