package rules

import (
	"fmt"
	"net/netip"
	"strings"
)

// parseRange reads 7 or 1-99 as a pattern for the numbers of f.
func parseRange(text string, f fact) (lo, hi int64, verr *valueError) {
	fail := func(off, length int, msg, hint string) (int64, int64, *valueError) {
		return 0, 0, &valueError{code: codeRange, off: off, len: length, msg: msg, hint: hint}
	}
	example := `write a number or a range: 7, "1-99"`
	left, right, isRange := strings.Cut(text, "-")
	if !isRange {
		right = left
	}
	lo, ok1 := parseNumber(left)
	hi, ok2 := parseNumber(right)
	switch {
	case strings.ContainsAny(text, "*?["):
		return fail(0, len(text), fmt.Sprintf("%s takes numbers and ranges, not globs: %s", f.name, short(text)), `write a range: "1-99"`)
	case !ok1 || !ok2:
		return fail(0, len(text), fmt.Sprintf("%s is not a number or a range", short(text)), example)
	case lo > f.max:
		return fail(0, len(left), fmt.Sprintf("%s is at most %d, found %s", f.name, f.max, left), "")
	case hi > f.max:
		return fail(len(left)+1, len(right), fmt.Sprintf("%s is at most %d, found %s", f.name, f.max, right), "")
	case hi < lo:
		return fail(0, len(text), fmt.Sprintf("the range %s is reversed", text), fmt.Sprintf("write %q", right+"-"+left))
	}
	return lo, hi, nil
}

// parseNumber reads a decimal number without sign or leading zero, so that every number has one spelling.
func parseNumber(text string) (int64, bool) {
	const mostDigits = 18 // all of which fit into an int64
	if text == "" || len(text) > mostDigits || len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	n := int64(0)
	for i := range len(text) {
		if !isDigit(text[i]) {
			return 0, false
		}
		n = n*10 + int64(text[i]-'0')
	}
	return n, true
}

// parseIPPattern reads p.text as an address or prefix.
func parseIPPattern(p Pattern) (Pattern, *valueError) {
	fail := func(msg, hint string) (Pattern, *valueError) {
		return Pattern{}, &valueError{code: codeIP, len: len(p.text), msg: msg, hint: hint}
	}
	var err error
	if strings.Contains(p.text, "/") {
		p.prefix, err = netip.ParsePrefix(p.text)
	} else if addr, aerr := netip.ParseAddr(p.text); aerr != nil || addr.Zone() != "" {
		return fail(fmt.Sprintf("%s is not an IP address, prefix or glob", short(p.text)), `write it as in 192.0.2.7, "2001:db8::/64" or "192.0.2.*"`)
	} else {
		p.prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch {
	case err != nil:
		return fail(fmt.Sprintf("%s is not an IP prefix", short(p.text)), `write it as in 192.0.2.0/24 or "2001:db8::/64"`)
	case p.prefix.Addr().Is4In6():
		return fail(fmt.Sprintf("%s is an IPv4 address mapped into IPv6", p.text), fmt.Sprintf("write it as IPv4: %s", p.prefix.Addr().Unmap()))
	case p.prefix != p.prefix.Masked():
		return fail(fmt.Sprintf("%s has bits set behind its length", p.text), fmt.Sprintf("write %s for the network, or %s for the address", p.prefix.Masked(), p.prefix.Addr()))
	}
	p.literal = p.prefix.Addr().String()
	p.isRange = !p.prefix.IsSingleIP()
	return p, nil
}

// matchIP compares addresses, not their spelling. A zone in the value does not count. A guest's prefix is matched by one that it
// lies within, and by a glob as it is written.
func (p *Pattern) matchIP(value string) bool {
	v, ok := AddressFact(value)
	switch {
	case !ok:
		return false
	case p.glob != nil:
		var buf [64]byte
		return matchGlob(p.glob, v.AppendTo(buf[:0]), false)
	}
	return p.prefix.Bits() <= v.Net.Bits() && p.prefix.Contains(v.Net.Addr())
}
