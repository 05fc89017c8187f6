package libvirt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vifd/internal/importer/model"
)

// Read adds what a file says to in: that of a domain, a network or an nwfilter.
func Read(text model.Text, in *model.Input) error {
	root, err := parse(text)
	if err != nil {
		return err
	}
	switch root.name {
	case "domain":
		return domain(root, in)
	case "domstatus": // what libvirt keeps of a running one
		return domain(root.child("domain"), in)
	case "network":
		return network(root, in)
	case "filter":
		return filter(root, in)
	}
	return &model.Error{Pos: root.pos, Msg: fmt.Sprintf("<%s> is no domain, network or filter of libvirt's", root.name)}
}

// domain reads the interfaces of a domain.
func domain(e *element, in *model.Input) error {
	named := e.child("name")
	name := strings.TrimSpace(named.text)
	if err := model.CheckName(name); err != nil {
		return &model.Error{Pos: named.pos, Msg: fmt.Sprintf("the domain's name %q cannot stand in rules: %v", name, err), Hint: "rename it"}
	}
	xen := e.attr("type") == "xen"
	in.Host.Xen = in.Host.Xen || xen
	index := 0
	for _, inner := range e.child("devices").inner {
		if inner.name != "interface" {
			continue
		}
		r := reader{in: in, vif: model.Vif{Pos: inner.pos, Xen: xen, Domain: name, Index: index}}
		r.read(inner)
		index++
	}
	return nil
}

// network notes the bridge that a network's guests belong to.
func network(e *element, in *model.Input) error {
	name := strings.TrimSpace(e.child("name").text)
	if name == "" {
		return &model.Error{Pos: e.pos, Msg: "the network has no name"}
	}
	n := model.LibvirtNetwork{Pos: e.pos, Groups: map[string]model.VLAN{}}
	switch mode := e.child("forward").attr("mode"); mode {
	case "", "nat", "route", "open", "bridge":
		n.Bridge = e.child("bridge").attr("name")
	default:
		in.Lose(e.child("forward").pos, fmt.Sprintf("forward mode %q", mode), "its guests are in no bridge", "")
	}
	n.Isolated = e.child("port").attr("isolated") == "yes"
	var err error
	if n.VLAN, err = vlanOf(e.child("vlan")); err != nil {
		return err
	}
	for _, group := range e.inner {
		if group.name != "portgroup" {
			continue
		}
		vlan, err := vlanOf(group.child("vlan"))
		if err != nil {
			return err
		}
		if len(group.child("vlan").inner) == 0 {
			vlan = n.VLAN
		}
		n.Groups[group.attr("name")] = vlan
		if group.attr("default") == "yes" {
			n.Groups[""] = vlan
		}
		if b := group.child("bandwidth"); b.name != "" {
			in.Lose(b.pos, "bandwidth of a portgroup", "vifd takes limits of a vif alone", "write it as the rate of a rule")
		}
	}
	if b := e.child("bandwidth"); b.name != "" {
		in.Lose(b.pos, "bandwidth of a network", "vifd limits vifs, not the bridge; libvirt goes on with it", "")
	}
	if e.child("virtualport").attr("type") == "openvswitch" {
		in.Change(e.child("virtualport").pos, "virtualport openvswitch", "vifd makes ports of Linux bridges alone", "have a Linux bridge of that name")
	}
	n.Hosts = reservations(e, in)
	if in.Libvirt == nil {
		in.Libvirt = map[string]model.LibvirtNetwork{}
	}
	if _, twice := in.Libvirt[name]; twice {
		in.Lose(e.pos, fmt.Sprintf("network %q", name), "it has been read already", "")
		return nil
	}
	in.Libvirt[name] = n
	return nil
}

// reservations are the addresses that the network's DHCP server keeps for guests. One that names no MAC is of a guest that is told by
// the name it asks with, or by its DUID, and that nobody can find.
func reservations(e *element, in *model.Input) (list []model.Reservation) {
	for _, ip := range e.inner {
		if ip.name != "ip" {
			continue
		}
		for _, host := range ip.child("dhcp").inner {
			text := host.attr("ip")
			if host.name != "host" || text == "" {
				continue
			}
			lose := func(why string) {
				in.Lose(host.pos, fmt.Sprintf("<host> of address %q", text), why, "give the guest its address in guests; libvirt goes on with its DHCP")
			}
			addr, _, err := model.ParseIP(text)
			if err != nil {
				lose(err.Error())
				continue
			}
			if host.attr("mac") == "" {
				lose("it names no MAC, by which the guest could be found")
				continue
			}
			mac, err := model.ParseMAC(host.attr("mac"))
			if err != nil {
				lose(err.Error())
				continue
			}
			list = append(list, model.Reservation{Pos: host.pos, MAC: mac, IP: addr})
		}
	}
	return list
}

// vlanOf reads <vlan>: one tag is an access port's, several are a trunk's, in which one may be untagged.
func vlanOf(e *element) (model.VLAN, error) {
	var vlan model.VLAN
	var tags []*element
	for _, tag := range e.inner {
		if tag.name == "tag" {
			tags = append(tags, tag)
		}
	}
	seen := map[int]bool{}
	for _, tag := range tags {
		id, err := model.ParseVLANID(tag.attr("id"))
		if err != nil || seen[id] {
			return vlan, &model.Error{Pos: tag.pos, Msg: fmt.Sprintf("tag id %q is none, or is there twice", tag.attr("id")), Hint: "a VLAN is from 1 to 4094"}
		}
		seen[id] = true
		trunk := e.attr("trunk") == "yes" || len(tags) > 1
		if native := tag.attr("nativeMode") == "untagged"; vlan.Untagged == 0 && (native || !trunk) {
			vlan.Untagged = id
		} else {
			vlan.Tagged = append(vlan.Tagged, [2]int{id, id})
		}
	}
	return vlan, nil
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
