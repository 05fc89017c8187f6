package libvirt

import (
	"fmt"
	"strconv"
	"strings"

	"vifd/internal/importer/model"
)

// reader reads one <interface>.
type reader struct {
	in  *model.Input
	vif model.Vif

	kind   string // type
	path   string // of what is being looked at
	source *element
	script *element
	burst  string   // kibibytes
	steady *element // a direction that has a limit and no burst
}

func (r *reader) read(e *element) {
	r.source, r.script = e.child("source"), e.child("script")
	r.walk(e, "")
	r.connect(e)
}

// walk looks every element and attribute up. Of what is not known nothing within is looked at.
func (r *reader) walk(e *element, path string) {
	take := func(path string, value string) bool {
		f, known := lookup(path)
		r.path = path
		switch {
		case !known:
			r.in.Lose(e.pos, path, "import does not know it", "see whether the guest needs it")
		case f != nil:
			f(r, e, value)
		}
		return known
	}
	if path != "" {
		if !take(path, "") {
			return
		}
		path += "/"
	}
	for _, a := range e.attrs {
		take(path+"@"+a.Name.Local, a.Value)
	}
	for _, inner := range e.inner {
		r.walk(inner, path+inner.name)
	}
}

func (r *reader) lose(e *element, what, why, do string) { r.in.Lose(e.pos, what, why, do) }

func (r *reader) mac(e *element, value string) {
	mac, err := model.ParseMAC(value)
	if err != nil {
		r.lose(e, err.Error(), "a guest needs one", "give the guest its MAC in guests")
		return
	}
	r.vif.MAC = mac
}

// target takes a name that stays: libvirt makes up another for one of its own making, and for every vif of Xen's.
func (r *reader) target(e *element, name string) {
	for _, prefix := range []string{"vnet", "vif", "macvtap", "macvlan"} {
		if strings.HasPrefix(name, prefix) {
			return
		}
	}
	if err := model.CheckInterface(name); err != nil {
		r.lose(e, fmt.Sprintf("target %q", name), "no interface can be called so", "")
		return
	}
	r.vif.Names = []string{name}
}

func (r *reader) virtualport(e *element, kind string) {
	if kind == "openvswitch" {
		r.in.Change(e.pos, "virtualport openvswitch", "vifd makes ports of Linux bridges alone", "have a Linux bridge of that name, with vlan_filtering where VLANs are named")
		return
	}
	r.lose(e, fmt.Sprintf("virtualport %q", kind), "vifd makes ports of Linux bridges alone", "leave it to libvirt")
}

func (r *reader) vlan(e *element, _ string) {
	vlan, err := vlanOf(e)
	if err != nil {
		r.vif.Action = model.Block
		r.lose(e, "<vlan>", err.Error(), "the vif is shut; write the VLANs into a rule for it")
		return
	}
	r.vif.VLAN = vlan
}

// bandwidth reads a limit, in kilobytes a second, and its burst, in kibibytes: what libvirt tells tc (virnetdevbandwidth.c).
func (r *reader) bandwidth(e *element) string {
	n, err := strconv.ParseUint(e.attr("average"), 10, 32)
	if err != nil || n == 0 {
		if e.attr("average") != "" || e.attr("floor") == "" {
			r.lose(e, "<"+e.name+">", "its average is no number", "")
		}
		return ""
	}
	burst := e.attr("burst")
	if burst == "" {
		r.steady = e
	} else {
		kb, err := strconv.ParseUint(burst, 10, 20)
		switch least := uint64(2); {
		case err != nil || kb < least:
			r.lose(e, fmt.Sprintf("burst %q", burst), "vifd takes one from 2kb to 1gb", "")
		case r.burst != "" && r.burst != burst:
			r.lose(e, fmt.Sprintf("burst %q", burst), "vifd has one burst for both directions, and takes "+r.burst+"kb", "")
		default:
			r.burst, r.vif.Burst = burst, burst+"kb"
		}
	}
	return strconv.FormatUint(n, 10) + "kbps"
}

func (r *reader) mtu(e *element, value string) {
	mtu, err := model.ParseMTU(value)
	if err != nil {
		r.lose(e, "mtu", err.Error(), "")
		return
	}
	r.vif.MTU = mtu
}

func (r *reader) link(e *element, state string) {
	if state == "down" {
		r.vif.Action = model.Block
		r.in.Change(e.pos, "link down", "the vif is shut by a rule of its own", "remove the rule to open it")
	}
}

func (r *reader) ip(e *element, _ string) {
	r.vif.Held = true
	text := e.attr("address")
	p, _, err := model.ParseIP(text)
	if err != nil {
		r.lose(e, fmt.Sprintf("ip %q", text), err.Error(), "give the guest its addresses in guests")
		return
	}
	r.vif.IP = append(r.vif.IP, p)
}

func (r *reader) filterref(e *element, _ string) {
	r.vif.Filter = model.FilterRef{Pos: e.pos, Name: e.attr("filter"), Params: params(e)}
	for _, name := range []string{"IP", "IPV6"} {
		for _, text := range r.vif.Filter.Params[name] {
			p, _, err := model.ParseIP(text)
			if err != nil {
				r.lose(e, fmt.Sprintf("parameter %s %q", name, text), err.Error(), "give the guest its addresses in guests")
				continue
			}
			r.vif.IP = append(r.vif.IP, p)
		}
	}
}

// filterMAC holds the MAC that the filter is given against the guest's, wherever the two stand.
func (r *reader) filterMAC(e *element) {
	macs := r.vif.Filter.Params["MAC"]
	if len(macs) == 1 && r.vif.MAC == nil {
		r.mac(e, macs[0])
		return
	}
	for _, text := range macs {
		if mac, err := model.ParseMAC(text); err != nil || mac.String() != r.vif.MAC.String() {
			r.lose(e, fmt.Sprintf("parameter MAC %q", text), fmt.Sprintf("the filter let the guest have it, and vifd holds a guest to its own MAC, %q", r.vif.MAC), "see which of the two the guest has, and write it into mac")
		}
	}
}

// params are the values of each parameter. Several are given by several elements, or by a list: [a, b].
func params(e *element) map[string][]string {
	m := map[string][]string{}
	for _, p := range e.inner {
		if p.name != "parameter" {
			continue
		}
		value := strings.Trim(p.attr("value"), "[] ")
		for v := range strings.SplitSeq(value, ",") {
			m[p.attr("name")] = append(m[p.attr("name")], strings.TrimSpace(v))
		}
	}
	return m
}

// connect finds what the interface is connected to.
func (r *reader) connect(e *element) {
	v := &r.vif
	if e.child("backenddomain").name != "" {
		return // it has been noted
	}
	r.filterMAC(e.child("filterref"))
	if r.burst != "" && r.steady != nil {
		r.in.Change(r.steady.pos, "<"+r.steady.name+">", "vifd has one burst for both directions, and this one, which had none, gets that of the other: "+r.vif.Burst,
			"write another one into the rate of its rule")
	}
	switch r.kind {
	case "bridge":
		v.Named = model.Setting{Pos: r.source.pos, Value: r.source.attr("bridge")}
		if v.Action == model.Default {
			v.Action = model.Bridge
		}
	case "network":
		v.Network, v.Group = r.source.attr("network"), r.source.attr("portgroup")
		v.Named = model.Setting{Pos: r.source.pos, Value: r.source.attr("bridge")} // of a domain that runs
		if v.Action == model.Default {
			v.Action = model.Bridge
		}
	case "ethernet":
		if r.script.name == "" && v.Action == model.Default {
			v.Action = model.Ignore
			r.lose(e, "type ethernet", "nothing says what the interface is to be connected to", "write a rule for it")
		}
	default:
		r.lose(e, fmt.Sprintf("type %q", r.kind), "the host has no interface for it that vifd could connect", "leave it to libvirt")
		return
	}
	if path := r.script.attr("path"); path != "" {
		r.in.UseScript(v, r.script.pos, path)
	}
	r.in.Vifs = append(r.in.Vifs, *v)
}
