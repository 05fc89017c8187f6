package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// How long a lease may be. A client renews after half of it (RFC 2131, 4.4.5), and a short one is much talk.
const (
	defaultLease = time.Hour
	minLease     = time.Minute
	maxLease     = 365 * 24 * time.Hour
)

// natNetwork reads a network of kind nat.
func (d *decoder) natNetwork(v *yaml.Node, n *Network) {
	n.NAT.Lease = defaultLease
	told := map[string]*yaml.Node{} // keys that are of use to those who are told only
	var mtu *yaml.Node
	s := schema{
		what:     fmt.Sprintf("nat network %q", n.Name),
		known:    []string{"uplink", "subnet", "dhcp", "dns", "domain", "lease", "mtu"},
		required: []string{"uplink", "subnet"},
	}
	ok := d.fields(v, s, func(key string, k, v *yaml.Node) {
		switch key {
		case "uplink":
			n.NAT.Uplink, _ = d.interfaceName(v, key)
		case "subnet":
			n.NAT.Subnet = d.subnet(v, n.Name)
		case "dhcp":
			n.NAT.DHCP, _ = d.boolean(v, key)
		case "dns":
			told[key] = k
			n.NAT.DNS = d.hostAddrs(v, "a DNS server's address")
		case "domain":
			told[key] = k
			n.NAT.Domain = d.domainName(v)
		case "lease":
			told[key] = k
			if lease, ok := d.duration(v, key, minLease, maxLease); ok {
				n.NAT.Lease = lease
			}
		case "mtu":
			mtu = v
			n.NAT.MTU, _ = d.integer(v, key, minMTU, maxMTU)
		}
	})
	if !ok {
		return
	}
	for _, key := range []string{"dns", "domain", "lease"} {
		if k := told[key]; k != nil && !n.NAT.DHCP {
			d.warn(d.src.node(k), codeNoEffect, fmt.Sprintf("%s has no effect without dhcp: true: only DHCP and router advertisements tell guests of it", key), "add dhcp: true, or remove it")
		}
	}
	// The kernel takes IPv6 off an interface whose MTU is less than RFC 8200, 5, asks for (addrconf_notify).
	if n.NAT.MTU > 0 && n.NAT.MTU < minMTU6 && slices.ContainsFunc(n.NAT.Subnet, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		d.problem(d.src.node(mtu), codeConflict, fmt.Sprintf("IPv6 needs an mtu of %d at least, found %d", minMTU6, n.NAT.MTU), "raise it, or leave the IPv6 prefix out of subnet")
	}
}

// minMTU6 is the smallest MTU that IPv6 works with: RFC 8200, 5.
const minMTU6 = 1280

// domainName reads the name of a domain as DHCP tells it: RFC 1035, 2.3.1, and 2.3.4 for the lengths.
func (d *decoder) domainName(n *yaml.Node) string {
	v, ok := d.text(n, "domain")
	if !ok || d.substituted(n, "domain") {
		return ""
	}
	const longestName, longestLabel = 253, 63
	ok = len(v) <= longestName
	for label := range strings.SplitSeq(v, ".") {
		ok = ok && len(label) <= longestLabel && label != "" && label[0] != '-' && label[len(label)-1] != '-' &&
			allOf(label, func(c byte) bool { return isWord(c) || c == '-' })
	}
	if !ok {
		d.problem(d.src.node(n), codeName, fmt.Sprintf("%s is no name of a domain", short(v)), "write it as in guests.example.org")
		return ""
	}
	return v
}

// duration reads whole numbers with units: 90s, 1h30m, 7d.
func (d *decoder) duration(n *yaml.Node, what string, lo, hi time.Duration) (time.Duration, bool) {
	v, ok := d.textOrNumber(n, what)
	if !ok || d.substituted(n, what) {
		return 0, false
	}
	total, ok := parseDuration(v)
	switch {
	case !ok:
		hint := "write it as in 90s, 30m, 1h30m or 7d"
		if allOf(v, isDigit) {
			hint = fmt.Sprintf("a duration needs a unit; write %ss if you mean seconds", v)
		}
		d.problem(d.src.node(n), codeDuration, fmt.Sprintf("%s is not a duration", short(v)), hint)
	case total < lo || total > hi:
		d.problem(d.src.node(n), codeOutOfRange, fmt.Sprintf("%s is from %s to %s, found %s", what, durationText(lo), durationText(hi), v), "")
		ok = false
	}
	return total, ok
}

// durationUnits are in the order in which they are written.
var durationUnits = [...]struct {
	letter byte
	unit   time.Duration
}{{'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}

func parseDuration(text string) (time.Duration, bool) {
	total, rest := time.Duration(0), text
	for _, u := range durationUnits {
		digits, after, ok := strings.Cut(rest, string(u.letter))
		if !ok {
			continue
		}
		const most = 100_000_000 // seconds, some three years, and far from an overflow in days
		count, ok := parseNumber(digits)
		if !ok || count > most/int64(u.unit/time.Second) {
			return 0, false
		}
		total, rest = total+time.Duration(count)*u.unit, after
	}
	return total, text != "" && rest == ""
}

// durationText is what parseDuration reads.
func durationText(t time.Duration) string {
	for _, u := range durationUnits {
		if t%u.unit == 0 {
			return fmt.Sprintf("%d%c", t/u.unit, u.letter)
		}
	}
	return t.String()
}
