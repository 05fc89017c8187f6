package nat

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Protocol is a transport protocol whose ports can be forwarded, by its number (IANA "protocol-numbers").
type Protocol uint8

// The protocols.
const (
	TCP Protocol = unix.IPPROTO_TCP
	UDP Protocol = unix.IPPROTO_UDP
)

func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	}
	return strconv.Itoa(int(p))
}

// Forward leads ports of the host to a guest: in each family in which the guest has a target, and Host and From an address.
type Forward struct {
	Protocol Protocol
	First    uint16
	Last     uint16         // of a range; 0: First is the only port
	To       uint16         // the guest's port for First, those for the others follow; 0: the same as the host's
	Host     netip.Addr     // the host's address; invalid: every local one
	From     []netip.Prefix // who may; none: everybody
}

func (f *Forward) last() uint16 { return max(f.First, f.Last) }

// String is f for messages: tcp 8080-8089 of 192.0.2.1.
func (f *Forward) String() string {
	s := fmt.Sprintf("%s %d", f.Protocol, f.First)
	if f.last() > f.First {
		s += fmt.Sprintf("-%d", f.Last)
	}
	if f.Host.IsValid() {
		s += " of " + f.Host.String()
	}
	return s
}

// ErrOverlap says that two forwards would lead the same packet to different places.
var ErrOverlap = errors.New("it is forwarded already")

// Check reports what is wrong with f; nil means nothing.
func (f *Forward) Check() error {
	if err := f.check(); err != nil {
		return fmt.Errorf("forward %s: %w", f, err)
	}
	return nil
}

func (f *Forward) check() error {
	switch {
	case f.Protocol != TCP && f.Protocol != UDP:
		return errors.New("tcp and udp can be forwarded")
	case f.First == 0:
		return errors.New("ports begin at 1")
	case f.Last != 0 && f.Last < f.First:
		return fmt.Errorf("the range ends at %d, before it begins", f.Last)
	case f.To != 0 && int(f.To)+int(f.last()-f.First) > 0xffff:
		return fmt.Errorf("%d ports from %d on go beyond 65535", f.last()-f.First+1, f.To)
	}
	if h := f.Host; h.IsValid() && (h.Is4In6() || h.IsUnspecified() || h.IsLoopback() || h.IsLinkLocalUnicast() || h.IsMulticast() || h.Zone() != "") {
		return fmt.Errorf("%s is no address of the host's that others can send to", h)
	}
	for i, p := range f.From {
		switch {
		case !p.IsValid() || p.Addr().Is4In6() || p != p.Masked():
			return fmt.Errorf("source %s is no prefix", p)
		case f.Host.IsValid() && f.Host.Is4() != p.Addr().Is4():
			return fmt.Errorf("source %s never sends to %s, which is of the other family", p, f.Host)
		case slices.ContainsFunc(f.From[:i], p.Overlaps):
			return fmt.Errorf("source %s is there twice", p)
		}
	}
	return nil
}

// CheckForwards reports what is wrong with the forwards of one guest, and which of them overlap; nil means nothing.
func CheckForwards(list []Forward) error {
	for i := range list {
		if err := list[i].Check(); err != nil {
			return err
		}
		for j := range list[:i] {
			if list[i].overlaps(&list[j]) {
				return fmt.Errorf("forward %s: %w by forward %s", &list[i], ErrOverlap, &list[j])
			}
		}
	}
	return nil
}

func (f *Forward) overlaps(g *Forward) bool {
	return f.Protocol == g.Protocol && f.First <= g.last() && g.First <= f.last() &&
		(!f.Host.IsValid() || !g.Host.IsValid() || f.Host == g.Host) && sourcesOverlap(f.From, g.From)
}

func sourcesOverlap(a, b []netip.Prefix) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(p netip.Prefix) bool { return slices.ContainsFunc(b, p.Overlaps) })
}

// sources are the prefixes of fam from which f answers, where one of length 0 stands for everybody; none: it does not.
func (f *Forward) sources(fam family) []netip.Prefix {
	if f.Host.IsValid() && familyOf(f.Host) != fam {
		return nil
	}
	if len(f.From) == 0 {
		return []netip.Prefix{{}}
	}
	var list []netip.Prefix
	for _, p := range f.From {
		if familyOf(p.Addr()) != fam {
			continue
		}
		if p.Bits() == 0 {
			p = netip.Prefix{}
		}
		list = append(list, p)
	}
	return list
}

// elements appends those of f to a guest's target.
func (f *Forward) elements(list []element, target netip.Addr) []element {
	fam := familyOf(target)
	for _, from := range f.sources(fam) {
		e := common{family: fam, shape: f.shape(from), addr: from.Addr(), host: f.Host, proto: f.Protocol, to: target}.element()
		for n := range int(f.last()-f.First) + 1 {
			e.port = f.First + uint16(n)
			e.toPort = cmp.Or(f.To, f.First) + uint16(n)
			list = append(list, e)
		}
	}
	return list
}

// shape is that of the map for f's elements from a source.
func (f *Forward) shape(from netip.Prefix) shape {
	s := shape{kind: forwards, at: f.Host.IsValid()}
	if from.IsValid() {
		s.plen = from.Bits()
	}
	return s
}
