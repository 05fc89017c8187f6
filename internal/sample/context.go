package sample

import (
	"bytes"
	"net"
	"net/netip"
	"strings"

	"vifd/internal/stmt"
)

// Context is what a text says that is no part of the frame, and that the kernel would know.
type Context struct {
	Mark   uint32
	Other  string             // the interface at the other end
	Bridge string             // the bridge between them
	Hosts  []net.HardwareAddr // of the host: frames to them are its
	Ct     *Connection        // nil: nothing is said of a connection
	// Routes answers `fib`; nil: nothing is said of routes.
	Routes func(addr netip.Addr, l stmt.Lookup) (present bool, oif string, kind uint32)
}

// Connection is what is said of `ct`, in the kernel's bits.
type Connection struct {
	State, Status, Mark uint32
	Zone                uint16
	Reply               bool
}

// Said names what the text says that no frame can carry, and so cannot be sent: "ct state", "meta mark".
func (s *Sample) Said() []string {
	var names []string
	for i := range s.words {
		f := s.words[i].field
		switch {
		case f.Base == stmt.Ct, f.Base == stmt.Fib, f.Base == stmt.Meta && (f.Meta == stmt.MetaMark || f.Meta == stmt.MetaPriority):
			names = append(names, f.Name)
		}
	}
	return names
}

// Context is the sample's for a packet of this guest. The error is always a *stmt.Error.
func (s *Sample) Context(g Guest, d Direction) (Context, error) {
	c := Context{Hosts: []net.HardwareAddr{HostMAC()}}
	for i := range s.words {
		w := &s.words[i]
		var wrong *stmt.Error
		switch w.field.Base {
		case stmt.Meta:
			wrong = c.meta(w, g, d)
		case stmt.Ct:
			wrong = c.connection(w)
		case stmt.LinkHeader, stmt.NetworkHeader, stmt.TransportHeader, stmt.Exthdr, stmt.ExthdrPresent, stmt.Fib:
		}
		if wrong != nil {
			return c, wrong
		}
	}
	if w := s.said("meta pkttype"); w != nil {
		if wrong := s.destined(w, &c); wrong != nil {
			return c, wrong
		}
	}
	c.Routes = s.routes()
	return c, nil
}

func (c *Context) meta(w *word, g Guest, d Direction) *stmt.Error {
	name := strings.TrimRight(string(w.value), "\x00")
	switch w.field.Meta {
	case stmt.MetaMark:
		c.Mark = uint32(w.number())
	case stmt.MetaIifname, stmt.MetaOifname:
		if (w.field.Meta == stmt.MetaIifname) == (d == ToGuest) {
			c.Other = name
		} else if g.Interface != "" && name != g.Interface {
			return w.errorf("only the interface at the other end can be chosen", "a packet %s of %s has it as its %s, and not %s", d, g.Interface, strings.TrimPrefix(w.field.Name, "meta "), name)
		}
	case stmt.MetaIbrname, stmt.MetaObrname:
		if c.Bridge != "" && c.Bridge != name {
			return w.errorf("", "a packet of one guest is in one bridge, %s or %s", c.Bridge, name)
		}
		c.Bridge = name
	case stmt.MetaPriority, stmt.MetaIifgroup, stmt.MetaOifgroup:
		if w.number() != 0 {
			return w.errorf("leave it out: it is taken to be 0", "%s of a packet cannot be chosen", w.field.Name)
		}
	case stmt.MetaProtocol, stmt.MetaNFProto, stmt.MetaL4Proto, stmt.MetaPktType, stmt.MetaLength:
	}
	return nil
}

func (c *Context) connection(w *word) *stmt.Error {
	if c.Ct == nil {
		const isNew = 8 // NF_CT_STATE_UNTRACKED_BIT and others aside, where only a mark is said
		c.Ct = &Connection{State: isNew}
	}
	switch n := w.number(); w.field.Ct {
	case stmt.CtKeyState:
		c.Ct.State = uint32(n)
	case stmt.CtKeyStatus:
		c.Ct.Status = uint32(n)
	case stmt.CtKeyMark:
		c.Ct.Mark = uint32(n)
	case stmt.CtKeyZone:
		c.Ct.Zone = uint16(n)
	case stmt.CtKeyDirection:
		if n > 1 {
			return w.errorf("it is original or reply", "no packet has the direction %d", n)
		}
		c.Ct.Reply = n == 1
	}
	return nil
}

// Values of `meta pkttype` (linux/if_packet.h).
const (
	hostFrame      = 0
	broadcastFrame = 1
	multicastFrame = 2
	otherFrame     = 3
	unknownFrame   = -1 // nothing is said
)

// pkttype is what the text says of where the frame goes at the link layer, also by its destination.
func (b *builder) pkttype() int {
	if w := b.sample.said("meta pkttype"); w != nil {
		return int(w.number())
	}
	if w := b.sample.said("ether daddr"); w != nil && w.value[0]&1 != 0 {
		if net.HardwareAddr(w.value).String() == "ff:ff:ff:ff:ff:ff" {
			return broadcastFrame
		}
		return multicastFrame
	}
	return unknownFrame
}

// destined compares what is said of the packet type with the address that is said, and has the host own that of its frames.
func (s *Sample) destined(w *word, c *Context) *stmt.Error {
	to := s.said("ether daddr")
	if w.number() > otherFrame {
		return w.errorf("it is host, broadcast, multicast or other", "no packet has the type %d", w.number())
	}
	if to == nil {
		return nil
	}
	broadcast := bytes.Equal(to.value, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	right := true
	switch w.number() {
	case hostFrame:
		c.Hosts = append(c.Hosts, to.value)
	case broadcastFrame:
		right = broadcast
	case multicastFrame:
		right = to.value[0]&1 != 0 && !broadcast
	case otherFrame:
		right = to.value[0]&1 == 0 && !bytes.Equal(to.value, HostMAC())
	}
	if !right {
		return w.errorf("", "a frame to %s is not %s", net.HardwareAddr(to.value), w.field.Type.Print(w.value))
	}
	return nil
}

// routes answers as the text says; what it does not say has a route back to where it came from.
func (s *Sample) routes() func(netip.Addr, stmt.Lookup) (bool, string, uint32) {
	var said []*word
	for i := range s.words {
		if s.words[i].field.Base == stmt.Fib {
			said = append(said, &s.words[i])
		}
	}
	if said == nil {
		return nil
	}
	return func(_ netip.Addr, l stmt.Lookup) (present bool, oif string, kind uint32) {
		const unicast = 1 // RTN_UNICAST
		present, kind = true, unicast
		for _, w := range said {
			asked := w.field.Fib
			asked.Result = l.Result
			if asked != l {
				continue
			}
			switch w.field.Fib.Result {
			case stmt.FibPresent:
				present = w.number() != 0
			case stmt.FibOifname:
				oif = strings.TrimRight(string(w.value), "\x00")
			case stmt.FibAddrType:
				kind = uint32(w.number())
			}
		}
		return present, oif, kind
	}
}

// Fragment reports whether the packet is one of several into which a datagram has been cut.
func (s *Sample) Fragment() bool {
	more4, more6 := s.said("ip frag-off"), s.said("frag more-fragments")
	const moreFragments = 0x2000
	return s.shape.later != nil || more4 != nil && more4.number()&moreFragments != 0 || more6 != nil && more6.number() == 1
}
