package testhost

import "testing"

// Neighbours is a host with two guests on the wire behind vif1.0, and one alone behind vif2.0, for what is to reach one guest and nobody
// else. All links are up.
type Neighbours struct {
	Host              *Host
	Own, Other, Alone *Port // of the guests: the one that is meant, the one that shares its wire, and the one on vif2.0

	vifs [2]*Port
}

// NewNeighbours makes the host and its guests, which have the MACs given.
func NewNeighbours(t testing.TB, own, other, alone string) *Neighbours {
	t.Helper()
	h, wire := New(t), New(t)
	h.Veths(t, wire, "vif1.0")
	guests := []*Host{wire.Guest(t, "a", own), wire.Guest(t, "b", other), h.Guest(t, "vif2.0", alone)}
	wire.Run(t, "ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
	for _, port := range []string{"pvif1.0", "a", "b"} {
		wire.Run(t, "ip", "link", "set", "dev", port, "master", "br0", "up")
	}
	wire.Run(t, "ip", "link", "set", "br0", "up")
	h.Run(t, "ip", "link", "set", "vif1.0", "up")
	h.Run(t, "ip", "link", "set", "vif2.0", "up")
	h.WaitUp(t, "vif1.0", "vif2.0")
	wire.WaitUp(t, "pvif1.0", "a", "b", "br0")
	var ports []*Port
	for _, g := range guests {
		g.WaitUp(t, GuestIf)
		ports = append(ports, g.Packet(t, GuestIf))
	}
	return &Neighbours{
		Host: h, Own: ports[0], Other: ports[1], Alone: ports[2],
		vifs: [...]*Port{h.Packet(t, "vif1.0"), h.Packet(t, "vif2.0")},
	}
}

// Spared shows that of what has been sent until now nothing unwanted has reached the others, saying what it is.
func (n *Neighbours) Spared(t testing.TB, what string, unwanted func(frame []byte) bool) {
	t.Helper()
	end, isEnd := Mark("the end")
	for _, vif := range n.vifs {
		vif.Send(t, end)
	}
	n.Other.None(t, what+" on the same wire", unwanted, isEnd)
	n.Alone.None(t, what+" on another vif", unwanted, isEnd)
}
