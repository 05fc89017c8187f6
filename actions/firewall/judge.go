package firewall

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"vifd/internal/packet"
	"vifd/internal/stmt"
)

// Traffic is a frame to be judged without the kernel, and what the kernel would know of it besides.
type Traffic struct {
	ToGuest bool // else from the guest
	Frame   []byte
	Other   string             // the interface at the other end: where a frame to the guest came in by, or one from it goes out by
	Bridge  string             // the bridge that the guest is in
	Hosts   []net.HardwareAddr // of the port and its bridge: frames to them are `meta pkttype host`
	Mark    uint32
	Ct      *Connection // nil: of a connection that the kernel sees for the first time
	// Routes answers `fib`; nil: every address has a route back to where it came from, and is a unicast one.
	Routes func(addr netip.Addr, l stmt.Lookup) (present bool, oif string, kind uint32)
}

// Connection is what connection tracking knows of a packet: the bits of `ct state` and `ct status`, and the rest of its keys.
type Connection struct {
	State, Status, Mark uint32
	Zone                uint16
	Reply               bool
}

// Judgement is what becomes of a frame, and why.
type Judgement struct {
	Verdict stmt.Verdict // Accept, Drop or Rejected
	Family  Family       // of the table that judged it
	Unseen  string       // why no hook sees the frame, which the kernel drops, or keeps, before; "": one does
	Steps   []Step       // every rule that was looked at, in order
	Assumed []string     // what the kernel would know and the caller did not say
}

// Step is one rule that was looked at.
type Step struct {
	Chain  string
	Rule   string     // in nft's syntax
	Source *Statement // what it was compiled from; nil: a jump, or vifd's own
	Failed string     // the part that the frame did not get past; "": it got past all
}

// Decider is the step that settled the matter; nil where no statement did.
func (j *Judgement) Decider() *Step {
	if len(j.Steps) == 0 {
		return nil
	}
	last := &j.Steps[len(j.Steps)-1]
	if last.Source == nil || last.Failed != "" || last.Source.Verdict == stmt.None || last.Source.Verdict == stmt.Return || last.Source.Verdict == stmt.Continue {
		return nil
	}
	return last
}

// Judge follows a frame through the chains as the kernel would, for one guest of p. Limits are taken not to be exceeded, and
// connections not to be too many.
func (p *Program) Judge(g *Guest, in Traffic) Judgement {
	j := judgement{program: p, guest: g, in: in, dir: fromGuest, own: make(map[element]bool)}
	if in.ToGuest {
		j.dir = toGuest
	}
	for _, e := range g.elements() {
		j.own[e] = true
	}
	j.out.Verdict = stmt.Accept
	switch {
	case !g.Profile.routed:
		j.family, j.packet = Bridge, packet.Dissect(in.Frame, packet.Bridge)
	default:
		// ARP may stand behind a tag that the kernel forgets: whoever sees the frame is its judge.
		j.family, j.packet = ARP, packet.Dissect(in.Frame, packet.ARP)
		if j.packet.Unseen() != "" && !isARP(in.Frame) {
			j.family, j.packet = Inet, packet.Dissect(in.Frame, packet.Inet)
		}
	}
	j.out.Family = j.family
	if j.out.Unseen = j.unseen(); j.out.Unseen != "" {
		j.out.Verdict = stmt.Drop
		return j.out
	}
	switch v := g.Profile.verdicts[j.family][j.dir]; v.Kind {
	case VerdictDrop, verdictForeign:
		j.out.Verdict = stmt.Drop
	case VerdictGoto:
		if v := j.chain(v.Chain); v == stmt.Accept || v == stmt.Drop || v == stmt.Rejected {
			j.out.Verdict = v
		}
	case VerdictAccept, verdictNone:
	}
	return j.out
}

// unseen is why no hook sees the frame. A router is not interested in what is sent to others (ip_rcv_core, ip6_rcv_core, arp_rcv).
func (j *judgement) unseen() string {
	if why := j.packet.Unseen(); why != "" || j.family == Bridge || j.dir == toGuest || len(j.in.Hosts) == 0 {
		return why
	}
	if kind, _ := j.packet.PktType(j.in.Hosts...); kind == packet.OtherHost {
		return "it is sent to another's hardware address"
	}
	return ""
}

func isARP(frame []byte) bool {
	return len(frame) >= 14 && binary.BigEndian.Uint16(frame[12:]) == binary.BigEndian.Uint16(ethertypes[stmt.ARP])
}

// judgement is one walk.
type judgement struct {
	program *Program
	guest   *Guest
	family  Family
	dir     direction
	in      Traffic
	packet  packet.Packet
	own     map[element]bool
	out     Judgement

	priority    uint32
	prioritised bool // a statement has set it
}

// chain walks one chain; a verdict of None means that its end was reached, or a return.
func (j *judgement) chain(name string) stmt.Verdict {
	ch := j.program.tables[j.family].find(name)
	if ch == nil {
		return stmt.None
	}
	for i := range ch.rules {
		r := &ch.rules[i]
		step := Step{Chain: name, Rule: r.text, Source: r.source, Failed: j.failed(r)}
		j.out.Steps = append(j.out.Steps, step)
		if step.Failed != "" {
			continue
		}
		if r.verdict.jump != "" {
			if v := j.chain(r.verdict.jump); v != stmt.None {
				return v
			}
			continue
		}
		switch r.verdict.kind {
		case stmt.Accept, stmt.Drop, stmt.Rejected:
			return r.verdict.kind
		case stmt.Return:
			return stmt.None
		case stmt.None, stmt.Continue:
		}
	}
	return stmt.None
}

// failed is the part of r that the packet does not get past, in nft's syntax.
func (j *judgement) failed(r *rule) string {
	for _, p := range r.parts {
		if p.holds(j) {
			continue
		}
		if text := p.text(); text != "" {
			return text
		}
		return "its protocol" // a test that nft does not list
	}
	return ""
}

func (t *tableProgram) find(name string) *chain {
	for i := range t.chains {
		if t.chains[i].name == name {
			return &t.chains[i]
		}
	}
	return nil
}

// assume takes note of what the caller did not say.
func (j *judgement) assume(what string) {
	if !slices.Contains(j.out.Assumed, what) {
		j.out.Assumed = append(j.out.Assumed, what)
	}
}
