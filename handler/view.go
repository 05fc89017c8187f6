package handler

import (
	"context"
	"slices"
	"strings"

	"vifd/internal/journal"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/internal/xen"
)

// View is what is known of a vif, and who says so. Not safe for concurrent use.
type View struct {
	Facts   *vif.Facts
	Ours    bool // false: it is the host's own, about which no rule is asked
	sources []vif.Source
}

// View returns what is known of a link as it is now. record is what vifd holds about it, nil: nothing; ev is the event that tells of it, nil:
// none; store is Xen's. An error says that there are facts of which nothing can be had.
func (r *Ruleset) View(ctx context.Context, sysfs string, store Xenstore, l *rtnl.Link, record *journal.Record, ev *vif.Event) (*View, error) {
	h := &Handler{cfg: Config{Sysfs: sysfs, Xenstore: store}}
	k := &known{}
	if ev != nil {
		k.event = remembered(ev)
	}
	if record != nil {
		var err error
		if k.own, err = ownOf(record); err != nil {
			return nil, err
		}
	}
	list, x := h.sources(ctx, l, k)
	v := &View{Facts: r.matcher.Facts(list...), sources: list}
	v.Ours = r.ours(l, v.Facts)
	r.matcher.Match(v.Facts) // has what the rules ask for read
	if x != nil && x.Err() != nil {
		return v, x.Err()
	}
	return v, nil
}

// Facts is View for who asks for the facts alone, without an event; false: the link is the host's own.
func (r *Ruleset) Facts(ctx context.Context, sysfs string, store Xenstore, l *rtnl.Link, record *journal.Record) (*vif.Facts, bool, error) {
	v, err := r.View(ctx, sysfs, store, l, record, nil)
	if err != nil {
		return nil, v != nil && v.Ours, err
	}
	return v.Facts, v.Ours, nil
}

// Imagine returns what is known of a vif that is made up: what source says. label is how to call that.
func (r *Ruleset) Imagine(label string, source vif.Source) *View {
	list := []vif.Source{labelled{source, label}}
	return &View{Facts: r.matcher.Facts(list...), Ours: true, sources: list}
}

// Recorded returns what an event alone says of an interface, which need not be there any more: its name, its properties, and what the device's
// path tells of its kind. What stood in sysfs and xenstore at that time is not known.
func (r *Ruleset) Recorded(ev *vif.Event) (*View, rtnl.Link) {
	v := r.Imagine("the recording", recordedFacts{ev})
	l := rtnl.Link{Index: ev.Ifindex, Name: ev.Interface, MTU: 1500}
	virtual := strings.HasPrefix(ev.Devpath, "/devices/virtual/net/")
	_, guest := recordedFacts{ev}.xen()
	// Bridges, bonds and the like say what they are; taps and veths do not (SET_NETDEV_DEVTYPE, net and drivers/net).
	v.Ours = !r.hosts[l.Name] && l.Name != "lo" && ev.Env["DEVTYPE"] == "" && (virtual || guest || ev.Devpath == "")
	return v, l
}

// labelled is a source with a name.
type labelled struct {
	vif.Source
	label string
}

// Origin says where a fact's values are from; empty: nobody knows any.
func (v *View) Origin(key string) string {
	values := v.Facts.Values(key)
	if len(values) == 0 {
		return ""
	}
	for _, s := range v.sources {
		if said := s.Values(key); len(said) > 0 {
			if slices.Equal(said, values) {
				return origin(s, key)
			}
			break
		}
	}
	return "guests" // the inventory goes before all others
}

func origin(s vif.Source, key string) string {
	if key == "domid" || key == "vifid" {
		return "its name"
	}
	switch s := s.(type) {
	case labelled:
		return s.label
	case *xen.Facts:
		return "xenstore"
	case xenNames, linkFacts:
		return "the kernel"
	case eventFacts:
		return "the event"
	case calledAs:
		return "the call"
	}
	return "sysfs"
}

// recordedFacts answers for an event's own properties, and for what follows from them.
type recordedFacts struct{ event *vif.Event }

func (s recordedFacts) Values(key string) []string {
	switch key {
	case "interface":
		return text(s.event.Interface)
	case "action":
		return text(s.event.Action)
	case "subsystem":
		return text(s.event.Subsystem)
	case "kind", "driver":
		if kind, ok := s.xen(); ok && (kind == "vif" || key == "kind") {
			return []string{kind}
		}
		return nil
	}
	if name, ok := strings.CutPrefix(key, "env."); ok {
		if value, ok := s.event.Env[name]; ok {
			return []string{value}
		}
		return nil
	}
	return NameFacts(s.event.Interface, key)
}

// xen tells what a Xen guest's interface is: netback's, by its device or its name, or the tap of an emulated card.
func (s recordedFacts) xen() (kind string, ok bool) {
	name, named := vif.ParseXenName(s.event.Interface)
	switch {
	case named && name.Emulated:
		return "tap", true
	case named, strings.HasPrefix(s.event.Devpath, "/devices/vif-"):
		return "vif", true
	}
	return "", false
}
