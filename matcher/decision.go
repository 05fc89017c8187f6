package matcher

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"vifd/internal/vif"
	"vifd/rules"
)

// Decision is what is to become of a vif.
type Decision struct {
	Rule   *rules.Rule // nil where none matched, and the default decides
	Kind   rules.ActionKind
	Bridge string // name of the bridge, where Kind is rules.Bridge
	Guest  Identity
}

// Identity is who is behind a vif, as far as anybody knows.
type Identity struct {
	MACs []net.HardwareAddr // none: unknown
	IPs  []netip.Prefix     // an address is a prefix of full length
}

// RuleName is the name of the winning rule, or empty.
func (d *Decision) RuleName() string {
	if d.Rule == nil {
		return ""
	}
	return d.Rule.Name
}

// Decide finds the winning rule and substitutes facts into its action. An error means that the rule asks for a fact that
// nobody knows, or that a fact does not fit where it is to go; the Decision then still names the rule.
func (m *Matcher) Decide(f *vif.Facts) (Decision, error) {
	r := m.Match(f)
	if r == nil {
		return Decision{Kind: m.set.Defaults.Unmatched}, nil
	}
	d := Decision{Rule: r, Kind: r.Action.Kind}
	if d.Kind != rules.Bridge {
		return d, nil
	}
	var err error
	if d.Bridge, err = r.Action.Bridge.Name.Expand(f.Value); err != nil {
		return d, fmt.Errorf("rule %q: bridge: %w", r.Name, err)
	}
	if err := vif.CheckName(d.Bridge); err != nil {
		return d, fmt.Errorf("rule %q: bridge: %w", r.Name, err)
	}
	if d.Guest, err = identity(&r.Guest, f); err != nil {
		return d, fmt.Errorf("rule %q: guest: %w", r.Name, err)
	}
	return d, nil
}

// identity takes each part from the rule's `guest` where it has one, else from the facts.
func identity(override *rules.GuestOverride, f *vif.Facts) (Identity, error) {
	var id Identity
	macs := f.Values("mac")
	if override.MAC != nil {
		mac, err := override.MAC.Expand(f.Value)
		if err != nil {
			return id, fmt.Errorf("mac: %w", err)
		}
		macs = []string{mac}
	}
	for _, s := range macs {
		mac, err := net.ParseMAC(s)
		if err != nil || len(mac) != 6 || mac[0]&1 != 0 || strings.Trim(s, "0:") == "" {
			return id, fmt.Errorf("mac: %q is not a unicast MAC address", s)
		}
		id.MACs = append(id.MACs, mac)
	}
	ips := f.Values("ip")
	if override.IP != nil {
		ips = nil
		for i := range override.IP {
			ip, err := override.IP[i].Expand(f.Value)
			if err != nil {
				return id, fmt.Errorf("ip: %w", err)
			}
			ips = append(ips, ip)
		}
	}
	for _, s := range ips {
		ip, err := rules.ParseGuestIP(s)
		if err != nil {
			return id, fmt.Errorf("ip: %w", err)
		}
		id.IPs = append(id.IPs, ip)
	}
	return id, nil
}
