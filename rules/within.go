package rules

import (
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Within returns a prefix in which all addresses and prefixes lie that p matches, p being a pattern for addresses: of a glob what its
// whole numbers before the first wildcard come to, 10.1.0.0/16 of 10.1.* and of 10.1.2?.7. Of 10.2.* it is 10.2.0.0/15, which a guest
// may have as well. False: nothing is known. What has bits set behind its length is no guest's (ParseGuestIP), and is not thought of.
func (p *Pattern) Within() (netip.Prefix, bool) {
	if p.glob == nil || p.kind != kindIP {
		return p.prefix, p.kind == kindIP
	}
	words, base, size, most := wholeWords(p.literal, "."), 10, 8, 4
	if len(words) == 0 {
		// IPv6's text has its words in their places as far as the first ::, which stands for zeros.
		words, base, size, most = wholeWords(p.literal, ":"), 16, 16, 16
	}
	bytes, shortest := []byte{}, 0
	for i, w := range words {
		n, err := strconv.ParseUint(w, base, size)
		if err != nil {
			return netip.Prefix{}, false
		}
		if n != 0 {
			shortest = (i+1)*size - bits.TrailingZeros64(n)
		}
		if size == 16 {
			bytes = append(bytes, byte(n>>8))
		}
		bytes = append(bytes, byte(n))
	}
	if shortest == 0 || len(bytes) > most {
		return netip.Prefix{}, false
	}
	addr, _ := netip.AddrFromSlice(append(bytes, make([]byte, most-len(bytes))...))
	return netip.PrefixFrom(addr, shortest), true
}

// wholeWords are the words of a text behind each of which a separator stands, up to the first empty one.
func wholeWords(text, sep string) []string {
	words := strings.Split(text, sep)
	words = words[:len(words)-1]
	for i, w := range words {
		if w == "" {
			return words[:i]
		}
	}
	return words
}

// coversNet reports whether the glob p matches every address and prefix within net, however long: it is whole numbers and a star.
func (p *Pattern) coversNet(net netip.Prefix) bool {
	sep, size := ".", 8
	if net.Addr().Is6() {
		sep, size = ":", 16
	}
	start := p.Shape().Prefix
	words := wholeWords(start, sep)
	if !p.Shape().Whole || len(words) == 0 || strings.Join(words, sep)+sep != start || len(words)*size > net.Bits() {
		return false
	}
	if slices.Contains(words, "0") && net.Addr().Is6() {
		return false // it may be written as a part of ::
	}
	return strings.HasPrefix(net.Addr().String(), start)
}
