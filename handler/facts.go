package handler

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vifd/internal/rtnl"
	"vifd/internal/uevent"
	"vifd/internal/vif"
	"vifd/internal/xen"
)

// sources returns what is known of a link: from the event that told of it, from the kernel, and from its files in sysfs.
func sources(sysfs string, l *rtnl.Link, ev *vif.Event) []vif.Source {
	attrs := uevent.Attrs(sysfs, l.Name)
	return []vif.Source{linkFacts{link: l, attrs: attrs}, eventFacts{event: ev, sysfs: sysfs, iface: l.Name}, attrs}
}

// facts returns what is known of a link, with what xenstore says where it is a Xen guest's. k may be nil.
func (h *Handler) facts(ctx context.Context, rs *Ruleset, l *rtnl.Link, k *known) (*vif.Facts, *xen.Facts) {
	list, x := h.sources(ctx, l, k)
	return rs.matcher.Facts(list...), x
}

// sources is who knows something of a link, in the order in which they are asked.
func (h *Handler) sources(ctx context.Context, l *rtnl.Link, k *known) ([]vif.Source, *xen.Facts) {
	var ev *vif.Event
	if k != nil {
		ev = k.event
	}
	list := sources(h.cfg.Sysfs, l, ev)
	x := h.xenFacts(ctx, l, k)
	if x != nil {
		list = append([]vif.Source{xenNames{link: l, facts: x}}, append(list, x)...)
	}
	if k != nil && k.own.Xen != nil {
		list = append(list, calledAs(k.own.Xen.As))
	}
	return list, x
}

// xenNames are the names of a Xen guest's interface: the one that it has, the kernel's, and that of the guest's configuration
// (vifname). It answers to each of them, before it is renamed and after.
type xenNames struct {
	link  *rtnl.Link
	facts *xen.Facts
}

func (s xenNames) Values(key string) []string {
	switch key {
	case "interface":
	case "domid", "vifid": // of the device, whatever the interface has come to be called
		return s.facts.Values(key)
	default:
		return nil
	}
	names := []string{s.link.Name}
	suffix := ""
	if name, ok := vif.ParseXenName(s.link.Name); ok && name.Emulated || !ok && strings.HasSuffix(s.link.Name, emulatedSuffix) {
		suffix = emulatedSuffix
	}
	others := []string{s.facts.Device().Interface() + suffix}
	if name, ok := s.facts.Name(); ok && !isXenName(name) { // none can have another guest's
		others = append(others, name+suffix)
	}
	for _, name := range others {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func isXenName(name string) bool {
	_, ok := vif.ParseXenName(name)
	return ok
}

// emulatedSuffix is what libxl puts behind a vif's name to name the tap of its emulated card.
const emulatedSuffix = "-emu"

// calledAs is the name by which vifd was called as a hotplug program, a fact of its own.
type calledAs string

func (s calledAs) Values(key string) []string {
	if key != "env."+HotplugEnv {
		return nil
	}
	return text(string(s))
}

// linkFacts answers for what the kernel says of a link, and what its name says of a Xen guest.
type linkFacts struct {
	link  *rtnl.Link
	attrs vif.Source
}

func (s linkFacts) Values(key string) []string {
	switch key {
	case "interface":
		return []string{s.link.Name}
	case "kind":
		return s.kind()
	case "alias":
		return text(s.link.Alias)
	case "group":
		return []string{strconv.FormatUint(uint64(s.link.Group), 10)}
	}
	return NameFacts(s.link.Name, key)
}

// NameFacts answers for what an interface's name says of a Xen guest: domid and vifid.
func NameFacts(iface, key string) []string {
	name, ok := vif.ParseXenName(iface)
	switch {
	case ok && key == "domid":
		return []string{strconv.Itoa(name.Domid)}
	case ok && key == "vifid":
		return []string{strconv.Itoa(name.Vifid)}
	}
	return nil
}

// kind names links as their users do: the kernel calls a tap "tun", and a Xen vif nothing at all.
func (s linkFacts) kind() []string {
	switch s.link.Kind {
	case "tun":
		// IFF_TAP of <linux/if_tun.h>; a tun device carries no Ethernet and is no vif.
		if flags := s.attrs.Values("attr.tun_flags"); len(flags) == 1 {
			if n, err := strconv.ParseUint(flags[0], 0, 16); err == nil && n&0x2 == 0 {
				return []string{"tun"}
			}
		}
		return []string{"tap"}
	case "":
		if driver := s.attrs.Values("driver"); len(driver) == 1 && driver[0] == "vif" {
			return driver // xen-netback's name on the xen-backend bus
		}
		return nil
	}
	return []string{s.link.Kind}
}

// eventFacts answers for an event's own properties. Without an event, as after a restart, they are read from where the
// kernel keeps them.
type eventFacts struct {
	event *vif.Event
	sysfs string
	iface string
}

func (s eventFacts) Values(key string) []string {
	switch key {
	case "action":
		if s.event == nil {
			return []string{vif.Add}
		}
		return text(s.event.Action)
	case "subsystem":
		if s.event == nil {
			return []string{"net"}
		}
		return text(s.event.Subsystem)
	}
	name, ok := strings.CutPrefix(key, "env.")
	if !ok {
		return nil
	}
	if s.event != nil {
		if value, ok := s.event.Env[name]; ok {
			return []string{value}
		}
	} else if values := s.read("uevent", name); values != nil {
		return values
	}
	// The device behind the interface has properties of its own, which its own events carry: of a Xen guest's, XENBUS_PATH and the like.
	return s.read("device/uevent", name)
}

func (s eventFacts) read(file, name string) []string {
	data, err := os.ReadFile(filepath.Join(s.sysfs, "class/net", s.iface, file))
	if err != nil {
		return nil // gone by now, or no device: the round that a removal starts will say so
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return []string{strings.TrimSuffix(value, "\n")}
		}
	}
	return nil
}

func text(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
