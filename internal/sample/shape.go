package sample

import (
	"fmt"

	"vifd/internal/frame"
	"vifd/internal/stmt"
)

// shape is how a packet is put together, as far as its words say it.
type shape struct {
	tag       claim // whether there is a VLAN tag
	network   claim // the EtherType behind it
	transport claim // the protocol that IP carries
	kind      claim // the ICMP type, of one of several
	kinds     []byte
	chain     []uint8 // IPv6 extension headers, in their order
	banned    [256]bool
	later     *word // says that it is a fragment but the first
}

// claim is a number that words have to agree upon.
type claim struct {
	by    *word // who said it first; nil: nobody
	value uint64
}

// say makes a claim, or finds it refuted.
func (c *claim) say(what string, value uint64, by *word) *stmt.Error {
	if c.by == nil {
		c.by, c.value = by, value
		return nil
	}
	if c.value == value {
		return nil
	}
	return by.errorf(fmt.Sprintf("%s is %#x by the one and %#x by the other", what, c.value, value), "%s and %s cannot be of one packet", c.by.field.Name, by.field.Name)
}

const (
	theEtherType = "the EtherType"
	theProtocol  = "the protocol over IP"
	theTag       = "the number of VLAN tags"
)

// newShape reads what the words say about each other.
func newShape(words []word) (shape, *stmt.Error) {
	var s shape
	for i := range words {
		if err := s.needs(&words[i]); err != nil {
			return s, err
		}
	}
	for _, etherTypes := range []bool{true, false} { // what the type field holds is known before what the kernel makes of it
		for i := range words {
			if (words[i].field.Name == "ether type") != etherTypes {
				continue
			}
			if err := s.numbers(&words[i]); err != nil {
				return s, err
			}
		}
	}
	if err := s.headers(words); err != nil {
		return s, err
	}
	if err := s.check(words); err != nil {
		return s, err
	}
	return s, s.options(words)
}

// needs heeds what protocols a field is of.
func (s *shape) needs(w *word) *stmt.Error {
	ethertypes := map[stmt.Proto]uint64{stmt.ARP: frame.TypeARP, stmt.IP: frame.TypeIPv4, stmt.IP6: frame.TypeIPv6}
	protocols := map[stmt.Proto]uint64{stmt.ICMP: frame.ProtoICMP, stmt.ICMPv6: frame.ProtoICMPv6, stmt.TCP: frame.ProtoTCP, stmt.UDP: frame.ProtoUDP}
	for _, p := range w.field.Needs {
		var err *stmt.Error
		if p == stmt.VLAN {
			err = s.tag.say(theTag, 1, w)
		} else if number, ok := ethertypes[p]; ok {
			err = s.network.say(theEtherType, number, w)
		} else {
			err = s.transport.say(theProtocol, protocols[p], w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// numbers heeds the values that are numbers of protocols.
func (s *shape) numbers(w *word) *stmt.Error {
	n := w.number()
	switch w.field.Name {
	case "ether type":
		if n == frame.TPIDCustomer || n == frame.TPIDService {
			return s.tag.say(theTag, 1, w)
		}
		if err := s.tag.say(theTag, 0, w); err != nil {
			return err
		}
		return s.network.say(theEtherType, n, w)
	case "vlan type":
		if n < minEtherType {
			return w.errorf("say meta protocol 4", "what stands behind a tag is an EtherType, and %d is a length", n)
		}
		return s.network.say(theEtherType, n, w)
	case "meta protocol":
		return s.protocol(w, n)
	case "meta nfproto":
		number, known := map[uint64]uint64{2: frame.TypeIPv4, 10: frame.TypeIPv6}[n] // NFPROTO_* of linux/netfilter.h
		if !known {
			return w.errorf("it is ipv4 or ipv6", "no packet has the family %d", n)
		}
		return s.network.say(theEtherType, number, w)
	case "meta l4proto", "ip protocol":
		return s.transport.say(theProtocol, n, w)
	case "ip frag-off":
		if n&0x1fff != 0 {
			s.later = w
		}
	case "frag frag-off":
		if n != 0 {
			s.later = w
		}
	}
	return nil
}

// minEtherType is the smallest number that is an EtherType, and no length of IEEE 802.3.
const minEtherType = 0x600

// What the kernel calls IEEE 802.3 frames, which have no EtherType: with LLC, and Novell's without (linux/if_ether.h).
const (
	protocolLLC     = 4
	protocolRaw8023 = 1
)

func (s *shape) protocol(w *word, n uint64) *stmt.Error {
	switch {
	case n == protocolLLC, n == protocolRaw8023:
		// The type field is a length then; which is said by `ether type`, if by anybody.
		if s.network.by != nil && s.network.value < minEtherType {
			return nil
		}
	case n < minEtherType:
		return w.errorf("of frames with a length instead of an EtherType it is 4, or 1 without LLC", "no packet has the protocol %d", n)
	case n == frame.TPIDCustomer, n == frame.TPIDService:
		// The kernel takes the first tag off; that there is another is what this says.
		if err := s.tag.say(theTag, 1, w); err != nil {
			return err
		}
	}
	return s.network.say(theEtherType, n, w)
}

// check finds what a packet of this shape cannot have.
func (s *shape) check(words []word) *stmt.Error {
	ip := s.network.by == nil || s.network.value == frame.TypeIPv4 || s.network.value == frame.TypeIPv6
	for i := range words {
		w := &words[i]
		overIP := w.field.Base == stmt.TransportHeader || w.field.Name == "meta l4proto" || w.field.Base == stmt.Fib
		switch {
		case overIP && !ip:
			return w.errorf("", "%s and %s cannot be of one packet: %s is of IP", s.network.by.field.Name, w.field.Name, w.field.Name)
		case w.field.Base == stmt.TransportHeader && s.later != nil:
			return w.errorf("write @nh,OFFSET,BITS for the data in its place", "%s: a fragment but the first, as %s has it, holds no such header", w.field.Name, s.later.field.Name)
		}
	}
	t := s.transport
	if l4 := said(words, "meta l4proto"); l4 != nil {
		t.by = l4
	} else if s.later != nil {
		return nil // what a later fragment's header says comes behind the first one's
	}
	if t.by != nil && s.network.by != nil && s.network.value == frame.TypeIPv6 && isExtension(uint8(t.value)) {
		return t.by.errorf("say that there is an extension header, as in exthdr hbh exists", "protocol %d is an extension header, and never what IPv6 carries", t.value)
	}
	return nil
}

// options settles the type of an ICMP message by the fields that not all have.
func (s *shape) options(words []word) *stmt.Error {
	typ := said(words, "icmp type")
	if typ == nil {
		typ = said(words, "icmpv6 type")
	}
	if typ != nil {
		s.kinds = []byte{typ.value[0]}
		s.kind.by = typ
	}
	for i := range words {
		w := &words[i]
		has := kindsWith(w.field)
		if has == nil {
			continue
		}
		var both []byte
		for _, k := range has {
			if s.kind.by == nil || containsByte(s.kinds, k) {
				both = append(both, k)
			}
		}
		if len(both) == 0 {
			return w.errorf("", "%s and %s cannot be of one packet: messages of that type have no %s", s.kind.by.field.Name, w.field.Name, w.field.Name)
		}
		s.kind.by, s.kinds = w, both
	}
	if sll, tll := said(words, "nd sll"), said(words, "nd tll"); sll != nil && tll != nil {
		return tll.errorf("each is read from the first option; write one of them", "nd sll and nd tll cannot be of one packet")
	}
	return nil
}

// kindsWith are the message types that have a field; nil: all.
func kindsWith(f *stmt.Field) []byte {
	const solicit, advert, redirect = frame.ICMPv6NeighborSolicit, frame.ICMPv6NeighborAdvert, frame.ICMPv6Redirect
	switch f.Name {
	case "nd target":
		return []byte{solicit, advert, redirect}
	case "nd sll":
		return []byte{solicit, advert}
	case "nd tll":
		return []byte{advert, solicit}
	}
	return f.Kinds
}

func containsByte(list []byte, b byte) bool {
	for _, x := range list {
		if x == b {
			return true
		}
	}
	return false
}
