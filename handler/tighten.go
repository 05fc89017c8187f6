package handler

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"

	"vifd/actions/firewall"
	"vifd/internal/conntrack"
	"vifd/internal/frame"
	"vifd/internal/gather"
	"vifd/internal/stmt"
)

// tighten ends the connections that a change of the firewall no longer allows: what the kernel has tracked as established
// would go on by `ct state established accept`, whatever the new rules say of its first packet. Connections of addresses
// that are gone end in any case. It comes after the rules have changed, so that no packet can begin one anew.
func (h *Handler) tighten(ctx context.Context, p *firewall.Program, guests []*firewall.Guest, gone []netip.Prefix) {
	t := newTightening(p, guests, gone)
	if h.cfg.Flows == nil || len(t.concerned) == 0 {
		return
	}
	ended, err := h.tightener.carryOut(ctx, h.cfg.Flows, t)
	if ended > 0 {
		h.cfg.Log.Info("connections ended", "flows", ended)
	}
	if err != nil {
		h.cfg.Log.Error("connections may go on that are not allowed any more", "err", err)
	}
}

// tightener gathers tightenings. The kernel lists all that it tracks, whoever asks: what comes while one list is looked at shares the next.
type tightener struct {
	work  sync.Mutex // held by who looks
	queue gather.Queue[tightening]
}

// carryOut ends what t does not allow. It returns when that is done, by whomever; ended counts what the caller's look has ended.
func (q *tightener) carryOut(ctx context.Context, dial func() (Flows, error), t *tightening) (ended int, err error) {
	q.queue.Submit(&q.work, t, func(group []*tightening) {
		var err error
		ended, err = tightenAll(ctx, dial, group)
		for _, one := range group {
			one.err = err
		}
	})
	return ended, t.err
}

// tightening is what of the kernel's connections is to be looked at, and by what measure.
type tightening struct {
	err error // of the look, guarded by the tightener's work

	program   *firewall.Program
	concerned []netip.Prefix
	gone      []netip.Prefix
	hosts     map[netip.Addr][]*firewall.Guest
	nets      []owned // prefixes, which are rare
}

type owned struct {
	prefix netip.Prefix
	guest  *firewall.Guest
}

func newTightening(p *firewall.Program, guests []*firewall.Guest, gone []netip.Prefix) *tightening {
	t := &tightening{program: p, gone: gone, concerned: gone, hosts: make(map[netip.Addr][]*firewall.Guest)}
	for _, g := range guests {
		if !g.Profile.Tracks {
			continue
		}
		for _, ip := range addresses(g) {
			t.concerned = append(t.concerned, ip)
			if ip.IsSingleIP() {
				t.hosts[ip.Addr()] = append(t.hosts[ip.Addr()], g)
			} else {
				t.nets = append(t.nets, owned{ip, g})
			}
		}
	}
	return t
}

func tightenAll(ctx context.Context, dial func() (Flows, error), group []*tightening) (ended int, err error) {
	conn, err := dial()
	if errors.Is(err, conntrack.ErrUnsupported) {
		return 0, nil // a kernel that tracks nothing has nothing to end
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	var concerned []netip.Prefix
	for _, t := range group {
		concerned = append(concerned, t.concerned...)
	}
	flows, err := conn.Flows(ctx, concerned)
	if err != nil {
		return 0, err
	}
	for _, f := range flows {
		if !slices.ContainsFunc(group, func(t *tightening) bool { return !t.allowed(f) }) {
			continue
		}
		deleted, err := conn.Delete(f)
		if err != nil {
			return ended, err
		}
		if deleted {
			ended++
		}
	}
	return ended, nil
}

// allowed reports whether the flow's first packet would pass today.
func (t *tightening) allowed(f conntrack.Flow) bool {
	for _, ip := range t.gone {
		if ip.Contains(f.Src) || ip.Contains(f.Dst) || ip.Contains(f.ReplySrc) || ip.Contains(f.ReplyDst) {
			return false
		}
	}
	ct := &firewall.Connection{State: firewall.StateNew, Zone: f.Zone}
	if f.Related {
		ct.State = firewall.StateRelated
	}
	for _, g := range t.owners(f.Src) {
		if !t.passes(g, firewall.Traffic{Frame: firstPacket(g, f, f.Dst, f.DstPort), Ct: ct}) {
			return false
		}
	}
	// What is sent to a guest has been translated by the time that it is judged.
	for _, g := range t.owners(f.ReplySrc) {
		if !t.passes(g, firewall.Traffic{ToGuest: true, Frame: firstPacket(g, f, f.ReplySrc, f.ReplySrcPort), Ct: ct}) {
			return false
		}
	}
	return true
}

func (t *tightening) passes(g *firewall.Guest, in firewall.Traffic) bool {
	return t.program.Judge(g, in).Verdict == stmt.Accept
}

// owners are the guests that may have the address: more than one while a guest comes back under another interface, or where one's
// prefix holds another's address. Nobody knows then whose connection it is, so that all of them must be allowed it.
func (t *tightening) owners(a netip.Addr) []*firewall.Guest {
	owners := slices.Clip(t.hosts[a])
	for _, n := range t.nets {
		if n.prefix.Contains(a) {
			owners = append(owners, n.guest)
		}
	}
	return owners
}

// addresses are those that a guest may have: its own, and the link-local ones that it makes of its MACs.
func addresses(g *firewall.Guest) []netip.Prefix {
	all := slices.Clone(g.IPs)
	for _, mac := range g.MACs {
		all = append(all, netip.PrefixFrom(mac.LinkLocal(), 128))
	}
	return all
}

// firstPacket is the packet that began the flow, as far as tracking remembers it.
func firstPacket(g *firewall.Guest, f conntrack.Flow, dst netip.Addr, dstPort uint16) []byte {
	eth := frame.Ethernet{Src: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Dst: net.HardwareAddr{2, 0, 0, 0, 0, 2}}
	if len(g.MACs) > 0 {
		eth.Src, eth.Dst = g.MACs[0][:], g.MACs[0][:] // from the guest the first counts, to it the second
	}
	var transport frame.Layer = frame.Raw(nil)
	const icmp, tcp, udp, icmpv6 = 1, 6, 17, 58
	echo := frame.Echo(f.ICMPID, 0, "")
	switch f.Proto {
	case icmp:
		transport = frame.ICMPv4{Type: f.ICMPType, Code: f.ICMPCode, Body: echo}
	case icmpv6:
		transport = frame.ICMPv6{Type: f.ICMPType, Code: f.ICMPCode, Body: echo}
	case tcp:
		transport = frame.TCP{Src: f.SrcPort, Dst: dstPort, Flags: frame.SYN}
	case udp:
		transport = frame.UDP{Src: f.SrcPort, Dst: dstPort}
	}
	if f.Src.Is4() {
		return frame.Build(eth, frame.IPv4{Src: f.Src, Dst: dst, Protocol: f.Proto}, transport)
	}
	return frame.Build(eth, frame.IPv6{Src: f.Src, Dst: dst, NextHeader: f.Proto}, transport)
}

// lost are the prefixes that a guest had and has no more, if anything was tracked for it.
func lost(was, now *firewall.Guest) []netip.Prefix {
	if was == nil || !was.Profile.Tracks {
		return nil
	}
	var gone []netip.Prefix
	for _, ip := range addresses(was) {
		if now == nil || !contains(addresses(now), ip) {
			gone = append(gone, ip)
		}
	}
	return gone
}

func contains(list []netip.Prefix, ip netip.Prefix) bool {
	for _, p := range list {
		if p.Overlaps(ip) && p.Bits() <= ip.Bits() {
			return true
		}
	}
	return false
}
