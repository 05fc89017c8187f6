package xen

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The most that a term of `vlan` may spell out, and the highest VLAN there is (IEEE 802.1Q, 9.6).
const maxVLAN = 4094

// Rate is the key `rate`: what the guest may send.
type Rate struct {
	Bytes    uint64        // in one Interval
	Interval time.Duration // when the credit is given anew
}

// ParseRate reads the form in which libxl and xend store a rate, "<bytes>,<microseconds>" (xen_net_read_rate in
// drivers/net/xen-netback/xenbus.c).
func ParseRate(text string) (Rate, error) {
	bytes, usec, ok := strings.Cut(text, ",")
	b, err1 := strconv.ParseUint(bytes, 10, 63)
	us, err2 := strconv.ParseUint(usec, 10, 32)
	if !ok || err1 != nil || err2 != nil || b == 0 || us == 0 {
		return Rate{}, fmt.Errorf("rate %q is not <bytes>,<microseconds>, both above 0", text)
	}
	return Rate{Bytes: b, Interval: time.Duration(us) * time.Microsecond}, nil
}

// BitsPerSecond is the rate as links have theirs.
func (r Rate) BitsPerSecond() uint64 {
	return uint64(float64(r.Bytes) * 8 / r.Interval.Seconds())
}

// VLAN is the key `vlan`.
type VLAN struct {
	Untagged uint16      // the VLAN of frames without a tag, from the guest and to it; 0: of none
	Tagged   [][2]uint16 // ranges of VLANs that the guest sends and gets with tags
}

// ParseVLAN reads xl's vlan (docs/man/xl-network-configuration.5.pod): terms parted by slashes, each a VLAN ID, a range 100-110 or a
// series 100+10x4 (four more, ten apart), with p behind for the port's own VLAN (untagged unless said otherwise) or u for one
// that the guest gets untagged. One without letter is tagged; the single term of a plain number is the port's own.
func ParseVLAN(text string) (VLAN, error) {
	var v VLAN
	terms := strings.Split(text, "/")
	for _, term := range terms {
		own := strings.HasSuffix(term, "p") || len(terms) == 1 && isDigits(term)
		untagged := strings.HasSuffix(term, "u")
		list, err := vlans(strings.TrimRight(term, "pu"))
		if err != nil || len(term)-len(strings.TrimRight(term, "pu")) > 1 {
			return VLAN{}, fmt.Errorf("vlan %q: %q is not a VLAN (1 to %d), a range (100-110) or a series (100+10x4), with p or u behind", text, term, maxVLAN)
		}
		switch {
		case (own || untagged) && (len(list) != 1 || list[0][0] != list[0][1]):
			return VLAN{}, fmt.Errorf("vlan %q: %q names several VLANs, and of frames without a tag nobody could tell which they are of", text, term)
		case (own || untagged) && v.Untagged != 0 && v.Untagged != list[0][0]:
			return VLAN{}, fmt.Errorf("vlan %q: %q is a second VLAN for frames without a tag, after %d", text, term, v.Untagged)
		case own || untagged:
			v.Untagged = list[0][0]
		default:
			v.Tagged = append(v.Tagged, list...)
		}
	}
	return v, nil
}

// vlans are the ranges that a term without its letter names.
func vlans(term string) ([][2]uint16, error) {
	if first, rest, ok := strings.Cut(term, "+"); ok {
		step, count, ok := strings.Cut(rest, "x")
		f, err1 := vlan(first)
		s, err2 := vlan(step)
		n, err3 := vlan(count)
		if !ok || err1 != nil || err2 != nil || err3 != nil || int(f)+int(s)*int(n) > maxVLAN {
			return nil, strconv.ErrRange
		}
		list := make([][2]uint16, int(n)+1) // "with count additional entries", as the manual's text has it; its example has one more
		for i := range list {
			id := f + s*uint16(i)
			list[i] = [2]uint16{id, id}
		}
		return list, nil
	}
	first, last, isRange := strings.Cut(term, "-")
	f, err := vlan(first)
	if err != nil {
		return nil, err
	}
	if !isRange {
		return [][2]uint16{{f, f}}, nil
	}
	l, err := vlan(last)
	if err != nil || l < f {
		return nil, strconv.ErrRange
	}
	return [][2]uint16{{f, l}}, nil
}

func vlan(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || n > maxVLAN || !isDigits(s) {
		return 0, strconv.ErrRange
	}
	return uint16(n), nil
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
