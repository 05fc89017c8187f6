package rules

import (
	"fmt"
	"net/netip"
	"slices"

	"gopkg.in/yaml.v3"
)

const maxPort = 65535

// forwards reads `forward`: a list of what is led to the guest.
func (d *decoder) forwards(n *yaml.Node) []Forward {
	if n.Kind == yaml.MappingNode {
		return d.forward(n)
	}
	var list []Forward
	for _, item := range d.list(n, "forward") {
		list = append(list, d.forward(item)...)
	}
	return list
}

// forward reads one entry, which is a Forward for each of its ports or ranges.
func (d *decoder) forward(n *yaml.Node) []Forward {
	var f Forward
	var ports []Forward
	late, open := d.waiting()
	var to *yaml.Node
	var from map[netip.Prefix]*yaml.Node
	good := true
	s := schema{what: "a forward", known: []string{"proto", "port", "to", "from", "address"}, required: []string{"proto", "port"}}
	ok := d.fields(n, s, func(key string, _, v *yaml.Node) {
		switch key {
		case "proto":
			if v, ok := d.settled(v, key); ok {
				f.Proto = d.choice(v, key, []string{"tcp", "udp"}).Text
			}
		case "port":
			for _, item := range d.oneOrMore(v, key) {
				if first, last, ok := d.span(item, key, 1, maxPort); ok {
					ports = append(ports, Forward{Pos: d.src.node(item), First: first, Last: last, To: first})
				}
			}
		case "to":
			if v, ok := d.settled(v, key); ok {
				to = v
			}
		case "from":
			f.From, from = d.prefixes(v, key)
		case "address":
			f.Address, good = d.forwardAddr(v)
		}
	})
	if to != nil {
		d.forwardTo(to, ports)
	}
	lateNow, openNow := d.waiting()
	if !ok || !good || f.Proto == "" || openNow > open {
		return nil // what is not known yet, or has been reported
	}
	for _, p := range f.From {
		if f.Address.IsValid() && f.Address.Is4() != p.Addr().Is4() {
			d.problem(d.src.node(from[p]), codeConflict, fmt.Sprintf("from %s nobody sends to %s, which is of the other family", GuestIPText(p), f.Address), "make two forwards of it")
		}
	}
	for i := range ports {
		ports[i].Proto, ports[i].From, ports[i].Address, ports[i].Late = f.Proto, f.From, f.Address, lateNow > late
	}
	return ports
}

// forwardTo reads where ports are led to. One port may take those of several, but not a range: that would be read as its beginning
// by some and as its whole by others.
func (d *decoder) forwardTo(n *yaml.Node, ports []Forward) {
	first, last, ok := d.span(n, "to", 1, maxPort)
	if !ok || len(ports) == 0 {
		return
	}
	count := int(last-first) + 1
	for i := range ports {
		p := &ports[i]
		has := int(p.Last-p.First) + 1
		switch {
		case has != count:
			hint := "write as many, or make a forward of each"
			if end := int(first) + has - 1; len(ports) == 1 && end <= maxPort {
				hint = fmt.Sprintf("write to: %q, or make a forward of each", fmt.Sprintf("%d-%d", first, end))
				if has == 1 {
					hint = fmt.Sprintf("write to: %d", first)
				}
			}
			d.rep.add(Problem{
				Pos: d.src.node(n), Code: codeConflict, Msg: fmt.Sprintf("port has %s here, and to has %s", portCount(has), portCount(count)),
				Hint: hint, Related: &Related{Pos: p.Pos, Msg: "the port is here"},
			})
			return
		case count > 1 && len(ports) > 1:
			d.problem(d.src.node(n), codeConflict, "several ranges cannot all be led to one", "make a forward of each")
			return
		}
		p.To = first
	}
}

func portCount(n int) string {
	if n == 1 {
		return "one port"
	}
	return fmt.Sprintf("%d ports", n)
}

// forwardAddr reads the host's address that a forward is for.
func (d *decoder) forwardAddr(n *yaml.Node) (netip.Addr, bool) {
	addr, ok := d.hostAddr(n, "address")
	if ok && addr.IsLinkLocalUnicast() {
		d.problem(d.src.node(n), codeIP, fmt.Sprintf("%s is a link-local address, and nothing sent there is forwarded", addr), "")
		ok = false
	}
	return addr, ok
}

// prefixes reads prefixes that have nothing in common, and where each stands.
func (d *decoder) prefixes(n *yaml.Node, what string) ([]netip.Prefix, map[netip.Prefix]*yaml.Node) {
	var list []netip.Prefix
	at := map[netip.Prefix]*yaml.Node{}
	for _, item := range d.oneOrMore(n, what) {
		item, ok := d.settled(item, what)
		if !ok {
			continue
		}
		v, ok := d.text(item, what)
		if !ok {
			continue
		}
		p, verr := parsePrefix(v)
		if verr != nil {
			d.value(item, verr)
			continue
		}
		if at[p] == nil {
			at[p] = item
			list = append(list, p)
			continue
		}
		d.overlap(item, p, at[p], p)
	}
	// Sorted, a prefix comes before all that lie within it.
	slices.SortFunc(list, netip.Prefix.Compare)
	kept := list[:0]
	for _, p := range list {
		if len(kept) > 0 && kept[len(kept)-1].Overlaps(p) {
			d.overlap(at[p], p, at[kept[len(kept)-1]], kept[len(kept)-1])
			continue
		}
		kept = append(kept, p)
	}
	return kept, at
}

func (d *decoder) overlap(n *yaml.Node, p netip.Prefix, first *yaml.Node, q netip.Prefix) {
	msg := fmt.Sprintf("%s is there twice", GuestIPText(p))
	if p != q {
		msg = fmt.Sprintf("%s lies within %s", GuestIPText(p), q)
	}
	d.rep.add(Problem{
		Pos: d.src.node(n), Code: codeConflict, Msg: msg,
		Hint: "remove one of the two", Related: &Related{Pos: d.src.node(first), Msg: "the other one is here"},
	})
}
