package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vifd/internal/importer/model"
)

// guards are those parts of source-guard that hold without the guest's addresses.
func guards() []Template {
	var list []Template
	for _, name := range []string{"no-mac-spoofing", "no-vlan-tags", "no-other-l2", "no-bpdu", "no-dhcp-server", "no-dhcp6-server", "no-router-advert"} {
		list = append(list, Template{Name: name})
	}
	return list
}

// sourceGuard is the guard of a vif that only may be itself, as far as the vif lets it be judged.
func (p *planner) sourceGuard(v *model.Vif, known bool) []Template {
	switch {
	case len(v.VLAN.Tagged) > 0:
		p.in.Change(v.Pos, subject(v), "the guest sends tagged frames, which source-guard drops: of its identity the MAC alone is guarded", "")
		return []Template{{Name: "no-mac-spoofing"}, {Name: "no-bpdu"}}
	case !known:
		p.in.Change(v.Pos, subject(v), "nobody says which addresses it has, and with source-guard it would have none: it is guarded but for them",
			"give them in guests, and write firewall: source-guard")
		return guards()
	}
	return []Template{{Name: "source-guard"}}
}

func subject(v *model.Vif) string {
	if v.Domain == "" {
		return "vif " + strings.Join(v.Names, ", ")
	}
	return fmt.Sprintf("vif %d of %q", v.Index, v.Domain)
}

// needs are what an nwfilter of libvirt's asks of the guest.
type needs int

const (
	nothing needs = iota
	ipv4
	ipv6
	server  // DHCPSERVER
	gateway // GATEWAY_MAC
)

// shipped is one of libvirt's own nwfilters.
type shipped struct {
	template string
	needs    needs
	stage    int // guards first, then what is let through, then what closes
	with     []Argument
}

const (
	guarding = iota
	allowing
	closing
)

// filters are libvirt's own nwfilters, by name (src/nwfilter/xml). no-other-l2-traffic closes everything, unlike no-other-l2; the
// two that are called after DHCP servers are about clients who may be answered by one.
var filters = map[string]shipped{
	"allow-arp":               {template: "allow-arp", stage: allowing},
	"allow-dhcp":              {template: "allow-dhcp", stage: allowing},
	"allow-dhcp-server":       {template: "allow-dhcp", needs: server, stage: allowing},
	"allow-dhcpv6":            {template: "allow-dhcp6", stage: allowing},
	"allow-dhcpv6-server":     {template: "allow-dhcp6", needs: server, stage: allowing},
	"allow-incoming-ipv4":     {template: "allow-ipv4", stage: allowing, with: []Argument{{Name: "outgoing", Values: []string{"false"}, Bool: true}}},
	"allow-incoming-ipv6":     {template: "allow-ipv6", stage: allowing, with: []Argument{{Name: "outgoing", Values: []string{"false"}, Bool: true}}},
	"allow-ipv4":              {template: "allow-ipv4", stage: allowing},
	"allow-ipv6":              {template: "allow-ipv6", stage: allowing},
	"clean-traffic":           {template: "clean-traffic", needs: ipv4},
	"clean-traffic-gateway":   {template: "clean-traffic-gateway", needs: gateway},
	"no-arp-ip-spoofing":      {template: "no-arp-spoofing", needs: ipv4},
	"no-arp-mac-spoofing":     {template: "no-arp-spoofing", needs: ipv4},
	"no-arp-spoofing":         {template: "no-arp-spoofing", needs: ipv4},
	"no-ip-multicast":         {template: "no-ip-multicast"},
	"no-ip-spoofing":          {template: "no-ip-spoofing", needs: ipv4},
	"no-ipv6-multicast":       {template: "no-ip6-multicast"},
	"no-ipv6-spoofing":        {template: "no-ip6-spoofing", needs: ipv6},
	"no-mac-broadcast":        {template: "no-mac-broadcast"},
	"no-mac-spoofing":         {template: "no-mac-spoofing"},
	"no-other-l2-traffic":     {template: "no-other-traffic", stage: closing},
	"no-other-rarp-traffic":   {template: "no-arp-spoofing", needs: ipv4},
	"qemu-announce-self":      {template: "announce-self", stage: allowing},
	"qemu-announce-self-rarp": {template: "announce-self", stage: allowing},
}

// Filters are the names of the nwfilters that have a counterpart, and of what that is.
func Filters() map[string]string {
	names := map[string]string{}
	for name, f := range filters {
		names[name] = f.template
	}
	return names
}

// cleanParts are those parts of clean-traffic that hold without the guest's addresses.
func cleanParts() []Template {
	return []Template{
		{Name: "no-mac-spoofing"},
		{Name: "ethertypes", With: []Argument{{Name: "types", Values: []string{"0x0800", "0x0806", "0x8035"}}}},
		{Name: "no-bpdu"},
		{Name: "no-dhcp-server"},
	}
}

// part is a template with its place in the order of judging.
type part struct {
	Template

	stage int
}

// nwfilter makes templates of the vif's nwfilter.
func (p *planner) nwfilter(v *model.Vif) []Template {
	var parts []part
	if !p.collect(v, model.FilterRef{Pos: v.Pos, Name: v.Filter, Params: v.Params}, map[string]bool{}, &parts) {
		return p.sourceGuard(v, len(v.IP) > 0)
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.stage, b.stage) })
	var list []Template
	for _, part := range parts {
		if !slices.ContainsFunc(list, func(t Template) bool { return t.Name == part.Name }) {
			list = append(list, part.Template)
		}
	}
	return list
}

// collect adds what a filter amounts to; false where it cannot be carried over, and the vif needs another guard.
func (p *planner) collect(v *model.Vif, ref model.FilterRef, above map[string]bool, parts *[]part) bool {
	if f, own := filters[ref.Name]; own {
		p.add(v, ref, f, parts)
		return true
	}
	f, read := p.in.Filters[ref.Name]
	switch {
	case !read:
		p.in.Lose(ref.Pos, fmt.Sprintf("nwfilter %q", ref.Name), "it is none of libvirt's own, and was not read", "import its XML as well; the vif has source-guard, or its parts, instead")
		return false
	case f.Rules:
		p.in.Lose(f.Pos, fmt.Sprintf("nwfilter %q", ref.Name), "the rules of a filter of yours are not translated", "write a template; "+subject(v)+" has source-guard, or its parts, instead")
		return false
	case above[ref.Name]:
		p.in.Lose(ref.Pos, fmt.Sprintf("nwfilter %q", ref.Name), "it refers to itself", "")
		return false
	}
	above[ref.Name] = true
	defer delete(above, ref.Name)
	for _, inner := range f.Refs {
		merged := map[string][]string{}
		for _, m := range []map[string][]string{ref.Params, inner.Params} {
			for name, values := range m {
				merged[name] = values
			}
		}
		inner.Params = merged
		if !p.collect(v, inner, above, parts) {
			return false
		}
	}
	return true
}

func (p *planner) add(v *model.Vif, ref model.FilterRef, f shipped, parts *[]part) {
	t := Template{Name: f.template, With: f.with}
	has := func(six bool) bool {
		return slices.ContainsFunc(v.IP, func(ip prefix) bool { return ip.Addr().Is6() == six })
	}
	unknown := func(rest []Template) {
		why := "libvirt learns the guest's address, and vifd does not: it is not held to one"
		p.in.Lose(ref.Pos, fmt.Sprintf("nwfilter %q of %s", ref.Name, subject(v)), why, "give the addresses in guests, and write firewall: "+f.template)
		for _, t := range rest {
			*parts = append(*parts, part{t, f.stage})
		}
	}
	switch f.needs {
	case ipv4:
		if !has(false) {
			if f.template == "clean-traffic" {
				unknown(cleanParts())
			} else {
				unknown(nil)
			}
			return
		}
	case ipv6:
		if !has(true) {
			unknown(nil)
			return
		}
	case gateway:
		if !has(false) || !macs(ref.Params["GATEWAY_MAC"]) {
			unknown(cleanParts())
			return
		}
		t.With = []Argument{{Name: "gateway-mac", Values: ref.Params["GATEWAY_MAC"]}}
	case server:
		if !addresses(ref.Params["DHCPSERVER"]) {
			p.in.Lose(ref.Pos, fmt.Sprintf("nwfilter %q of %s", ref.Name, subject(v)), "it names no DHCPSERVER", "every server may answer")
		} else {
			t.With = []Argument{{Name: "servers", Values: ref.Params["DHCPSERVER"]}}
		}
	case nothing:
	}
	*parts = append(*parts, part{t, f.stage})
}

func macs(list []string) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(s string) bool {
		m, err := model.ParseMAC(s)
		return err != nil || m.String() != strings.ToLower(s)
	})
}

func addresses(list []string) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(s string) bool { _, changed, err := model.ParseIP(s); return err != nil || changed })
}
