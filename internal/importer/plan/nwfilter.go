package plan

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"vifd/internal/importer/model"
)

// part is a template with its place in the order of judging.
type part struct {
	Template

	stage int
}

// nwfilter makes templates of the vif's nwfilter.
func (p *planner) nwfilter(v *model.Vif) []Template {
	c := collection{planner: p, vif: v, above: map[string]bool{}, used: map[string]bool{}}
	if !c.collect(v.Filter) {
		return p.sourceGuard(v, len(v.IP) > 0)
	}
	c.unused(v.Filter, nil)
	parts := c.parts
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.stage, b.stage) })
	var list []Template
	for _, part := range parts {
		if i := slices.IndexFunc(list, func(t Template) bool { return t.Name == part.Name }); i >= 0 {
			list[i] = p.either(v, list[i], part)
			continue
		}
		list = append(list, part.Template)
	}
	return list
}

// either is one template for two of its name. What lets something through lets through what either does.
func (p *planner) either(v *model.Vif, t Template, with part) Template {
	switch {
	case reflect.DeepEqual(t, with.Template):
	case with.stage != allowing:
		p.in.Lose(v.Filter.Pos, fmt.Sprintf("a second %s of %s", t.Name, subject(v)), "it differs from the first in its arguments, and a template is there once", "look at them in the rule's firewall")
	case len(t.With) == 0 || len(with.With) == 0 || t.With[0].Name != with.With[0].Name:
		t.With = nil
	default:
		a := t.With[0]
		for _, value := range with.With[0].Values {
			if !slices.Contains(a.Values, value) {
				a.Values = append(slices.Clip(a.Values), value)
			}
		}
		t.With = []Argument{a}
	}
	return t
}

// collection gathers what a vif's filter amounts to.
type collection struct {
	*planner

	vif   *model.Vif
	above map[string]bool // filters that the one that is looked at lies within
	used  map[string]bool // parameters
	parts []part
}

// unused notes the parameters that nothing asks for. Those of a filter within others count where these, outer, do not set them.
func (c *collection) unused(ref model.FilterRef, outer map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(ref.Params)) {
		_, set := outer[name]
		values := strings.Join(ref.Params[name], ", ")
		what := fmt.Sprintf("parameter %s %q of nwfilter %q", name, values, ref.Name)
		_, domains := c.vif.Filter.Params[name]
		switch {
		case set:
		case name == "IP" || name == "IPV6" || name == "MAC":
			if !domains {
				c.in.Lose(ref.Pos, what, "it is given in a filter, not with the guest", "give the guest what is its own in guests")
			}
		case name == "CTRL_IP_LEARNING":
			if _, known := c.vif.Filter.Params["IP"]; !known && values != "none" {
				c.in.Lose(ref.Pos, what, "vifd learns no addresses", "give them in guests")
			}
		case !c.used[name]:
			c.in.Lose(ref.Pos, what, "nothing that the filter becomes asks for it", "look at the rule's firewall")
		}
	}
}

// collect adds what a filter amounts to; false where it cannot be carried over, and the vif needs another guard.
func (c *collection) collect(ref model.FilterRef) bool {
	p, v := c.planner, c.vif
	if f, own := filters[ref.Name]; own {
		c.add(ref, f)
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
	case c.above[ref.Name]:
		p.in.Lose(ref.Pos, fmt.Sprintf("nwfilter %q", ref.Name), "it refers to itself", "")
		return false
	}
	c.above[ref.Name] = true
	defer delete(c.above, ref.Name)
	for _, inner := range f.Refs {
		merged := map[string][]string{}
		for _, m := range []map[string][]string{inner.Params, ref.Params} { // the outer one's hold (virNWFilterCreateVarsFrom)
			maps.Copy(merged, m)
		}
		own := inner
		inner.Params = merged
		if !c.collect(inner) {
			return false
		}
		c.unused(own, ref.Params)
	}
	return true
}

// add adds what one of libvirt's own filters is here.
func (c *collection) add(ref model.FilterRef, f shipped) {
	p, v := c.planner, c.vif
	t := Template{Name: f.template, With: f.with}
	has := func(six bool) bool {
		return slices.ContainsFunc(v.IP, func(ip prefix) bool { return ip.Addr().Is6() == six })
	}
	unknown := func(rest []Template) {
		why := "libvirt learns the guest's address, and vifd does not: it is not held to one"
		p.in.Lose(ref.Pos, fmt.Sprintf("nwfilter %q of %s", ref.Name, subject(v)), why, "give the addresses in guests, and write firewall: "+f.template)
		for _, t := range rest {
			c.parts = append(c.parts, part{t, f.stage})
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
		c.used["GATEWAY_MAC"] = true
		if !has(false) || !macs(ref.Params["GATEWAY_MAC"]) {
			unknown(cleanParts())
			return
		}
		t.With = []Argument{{Name: "gateway-mac", Values: ref.Params["GATEWAY_MAC"]}}
	case server:
		c.used["DHCPSERVER"] = true
		if !addresses(ref.Params["DHCPSERVER"]) {
			why := "it names no DHCPSERVER"
			if values := ref.Params["DHCPSERVER"]; len(values) > 0 {
				why = fmt.Sprintf("its DHCPSERVER %q is no list of addresses", strings.Join(values, ", "))
			}
			p.in.Lose(ref.Pos, fmt.Sprintf("nwfilter %q of %s", ref.Name, subject(v)), why, "every server may answer")
		} else {
			t.With = []Argument{{Name: "servers", Values: ref.Params["DHCPSERVER"]}}
		}
	case nothing:
	}
	c.parts = append(c.parts, part{t, f.stage})
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
