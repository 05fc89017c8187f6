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
	Rule    *rules.Rule // with the vif's facts in it, a copy then of the load's; nil where none matched, and the default decides
	Kind    rules.ActionKind
	Network string         // the network's name, of bridge its bridge's, which need not be declared; empty where the rule has an uplink of its own
	Bridge  string         // Network, where Kind is rules.Bridge
	Route   rules.RouteNet // where Kind is rules.Route: the network's, or what the rule has instead
	NAT     rules.NATNet   // where Kind is rules.NAT: the network's, or what the rule has instead
	Alias   string         // of the rule's link; empty: left as it is
	Guest   Identity
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
	if d.Kind.Network() == 0 {
		return d, nil
	}
	filled, err := r.Fill(f.Value)
	if err == nil {
		d.Rule = filled
		err = m.connect(&d, f)
	}
	if err != nil {
		return d, fmt.Errorf("rule %q: %w", r.Name, err)
	}
	return d, nil
}

// connect fills in what an action that connects the vif needs.
func (m *Matcher) connect(d *Decision, f *vif.Facts) error {
	var err error
	switch a := &d.Rule.Action; d.Kind {
	case rules.Bridge:
		if d.Network, err = name(&a.Bridge.Name, f); err == nil {
			d.Bridge = d.Network
			err = m.checkKind(d)
		}
	case rules.Route:
		if a.Route.Network.String() == "" {
			d.Route.Uplink, err = name(&a.Route.Uplink, f)
			break
		}
		if err = m.find(d, f); err == nil {
			d.Route = m.set.Networks[d.Network].Route
		}
	case rules.NAT:
		if a.NAT.Network.String() == "" {
			d.NAT.Subnet = a.NAT.Subnet
			d.NAT.Uplink, err = name(&a.NAT.Uplink, f)
			break
		}
		if err = m.find(d, f); err == nil {
			d.NAT = m.set.Networks[d.Network].NAT
		}
	case rules.Ignore, rules.Block:
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.Kind, err)
	}
	if alias := d.Rule.Link.Alias; alias != nil {
		if d.Alias, err = alias.Expand(f.Value); err == nil {
			err = rules.CheckAlias(d.Alias)
		}
		if err != nil {
			return fmt.Errorf("link: alias: %w", err)
		}
	}
	if d.Guest, err = identity(&d.Rule.Guest, f); err != nil {
		return fmt.Errorf("guest: %w", err)
	}
	return nil
}

// name puts facts into the name of an interface.
func name(text *rules.Text, f *vif.Facts) (string, error) {
	s, err := text.Expand(f.Value)
	if err != nil {
		return "", err
	}
	return s, vif.CheckName(s)
}

// find puts facts into the name of the action's network, which has to be declared.
func (m *Matcher) find(d *Decision, f *vif.Facts) error {
	var err error
	text := d.Rule.Action.Network()
	if d.Network, err = text.Expand(f.Value); err != nil {
		return err
	}
	if _, ok := m.set.Networks[d.Network]; !ok {
		return fmt.Errorf("there is no network %q", d.Network)
	}
	return m.checkKind(d)
}

// checkKind refuses a declared network of another kind than the action's. Load has done so for the names that it could know.
func (m *Matcher) checkKind(d *Decision) error {
	if n, ok := m.set.Networks[d.Network]; ok && n.Kind != d.Kind.Network() {
		return fmt.Errorf("network %q is of kind %s", d.Network, n.Kind)
	}
	return nil
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
