package conntrack

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// prefixes is a set of prefixes. Whether an address lies in one costs a look-up for each length there is, however many
// prefixes: thousands of guests mostly have one or two lengths.
type prefixes struct {
	all          map[netip.Prefix]struct{}
	bits4, bits6 []int
}

func newPrefixes(of []netip.Prefix) (*prefixes, error) {
	set := &prefixes{all: make(map[netip.Prefix]struct{}, len(of))}
	for _, p := range of {
		if !p.IsValid() || p.Addr().Is4In6() { // neither would ever match, and nobody would know
			return nil, fmt.Errorf("%w: prefix %s", unix.EINVAL, p)
		}
		set.all[p.Masked()] = struct{}{}
		bits := &set.bits6
		if p.Addr().Is4() {
			bits = &set.bits4
		}
		if !slices.Contains(*bits, p.Bits()) {
			*bits = append(*bits, p.Bits())
		}
	}
	return set, nil
}

func (s *prefixes) contain(a netip.Addr) bool {
	bits := s.bits6
	if a.Is4() {
		bits = s.bits4
	}
	for _, n := range bits {
		p, err := a.Prefix(n)
		if err != nil {
			continue // the kernel's addresses have no zone, and n is a length of their family
		}
		if _, found := s.all[p]; found {
			return true
		}
	}
	return false
}

// touch tells whether one of the flow's ends lies in one of the prefixes, in either direction.
func (s *prefixes) touch(f *Flow) bool {
	return s.contain(f.Src) || s.contain(f.Dst) || s.contain(f.ReplySrc) || s.contain(f.ReplyDst)
}

// family is the address family that all prefixes are of, AF_UNSPEC for both.
func (s *prefixes) family() uint8 {
	switch {
	case s.bits6 == nil:
		return unix.AF_INET
	case s.bits4 == nil:
		return unix.AF_INET6
	default:
		return unix.AF_UNSPEC
	}
}
