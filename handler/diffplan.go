package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"vifd/actions/firewall"
	"vifd/actions/link"
	"vifd/actions/nat"
	"vifd/actions/route"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
)

// Sight is what Preview looks at. Nothing of it is changed.
type Sight struct {
	Links    Links
	Firewall interface {
		Difference(p *firewall.Program, guests []firewall.Guest) (firewall.Difference, error)
	}
	NAT interface {
		Difference(p *nat.Program, guests []nat.Guest) (nat.Difference, error)
	}
	Sysctls  route.Sysctls
	Offloads link.Offloads    // nil: the kernel cannot be asked
	Records  []journal.Record // what is written down of vifs, and
	Host     json.RawMessage  // of the host
	Xenstore Xenstore         // nil: the host does not run under Xen
	Sysfs    string
}

// Difference is what a Resync would change.
type Difference struct {
	Shared []Change // tables and settings that guests have in common
	Vifs   []VifDifference
	Unused []Change // what guests have had in common, and none needs any more
}

// VifDifference is what would change of one vif.
type VifDifference struct {
	Interface string
	Ifindex   int
	Gone      bool // there is no such interface: what is left of it would be removed
	Plan      Plan // the zero Plan of one that has gone
	Changes   []Change
	Err       error // what stands against it: the changes are those that would be made before
}

// Preview tells what a Resync with rs would change, and changes nothing. Vifs that need no change are listed, too; links that are the host's
// own are not, unless something would be taken back from them. An error says that the kernel could not be read.
func Preview(ctx context.Context, s Sight, rs *Ruleset) (*Difference, error) {
	p := &preview{conn: newPretend(s.Links), hooks: &pretendHooks{}, said: make(map[string]bool)}
	conn := p.conn
	cfg := Config{
		Dial:    func() (Links, error) { return conn, nil },
		Sysctls: pretendSettings{s.Sysctls, make(map[string]string), conn.names}, Records: pretendRecords{s.Records, s.Host},
		Hooks: p.hooks, Sysfs: s.Sysfs, Log: slog.New(slog.DiscardHandler), Workers: 1,
	}
	if s.Offloads != nil {
		cfg.Offloads = pretendOffloads{s.Offloads}
	}
	if s.Xenstore != nil {
		p.store = &pretendXenstore{Xenstore: s.Xenstore}
		cfg.Xenstore = p.store
	}
	var err error
	if p.h, err = New(cfg, rs); err != nil {
		return nil, err
	}
	links, err := conn.Links(ctx)
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	p.decide(ctx, links)
	if p.guards, err = s.Firewall.Difference(rs.program, p.guests); err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	if p.translations, err = s.NAT.Difference(rs.nat, p.translated); err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	p.share()
	for i := range p.vifs {
		p.prepare(ctx, &p.vifs[i])
	}
	for i := range p.vifs {
		p.vif(ctx, &p.vifs[i])
	}
	p.departed(ctx, links)
	p.out.Unused = nftChanges("firewall", p.guards.Unused)
	for i := range p.out.Unused {
		p.out.Unused[i].Differs = Extra
	}
	slices.SortFunc(p.out.Vifs, func(a, b VifDifference) int {
		if c := vif.CompareNames(a.Interface, b.Interface); c != 0 {
			return c
		}
		return a.Ifindex - b.Ifindex
	})
	return &p.out, nil
}

// preview is one Preview under way.
type preview struct {
	h     *Handler
	conn  *pretend
	hooks *pretendHooks
	store *pretendXenstore // nil: there is none
	vifs  []decided
	said  map[string]bool // commands: what vifs share is said once
	out   Difference

	guests       []firewall.Guest
	translated   []nat.Guest
	guards       firewall.Difference
	translations nat.Difference
}

// decided is a link and what is to become of it.
type decided struct {
	link  rtnl.Link // with the name that it is to have
	was   rtnl.Link // as it is
	k     known
	ours  bool
	plan  Plan
	needs []Change // what it needs of the host
	err   error
}

// decide plans for every link, as an installation does.
func (p *preview) decide(ctx context.Context, links []rtnl.Link) {
	rs, places := p.h.rules, newPlaces()
	for _, l := range links {
		d := decided{link: l, was: l, k: known{record: journal.Record{Ifindex: l.Index}}}
		if k := p.h.known[l.Index]; k != nil {
			d.k = *k
		}
		p.consider(ctx, rs, &d)
		rs.place(places, &d.link, &d.plan)
		if d.plan.Guest != nil {
			p.guests = append(p.guests, *d.plan.Guest)
		}
		if d.plan.NAT != nil {
			p.translated = append(p.translated, *d.plan.NAT)
		}
		p.vifs = append(p.vifs, d)
	}
}

// prepare completes a link's plan. Who needs what of the host has to be known of all before any gives something back.
func (p *preview) prepare(ctx context.Context, d *decided) {
	if !d.ours || d.err != nil {
		return
	}
	if d.err = p.h.prepare(ctx, p.conn, &d.k, &d.plan); d.err != nil || d.plan.Route == nil {
		return
	}
	set, err := p.h.host.forwarding.Use(ctx, p.conn, p.h.cfg.Sysctls, *d.k.own.Route)
	for _, s := range set {
		d.needs = append(d.needs, Change{"route", Other, fmt.Sprintf("sysctl -w %v=%s", s.Name, s.New)})
	}
	d.err = err
}

// share is about what guests have in common.
func (p *preview) share() {
	p.out.Shared = append(nftChanges("firewall", p.guards.Tables), nftChanges("nat", p.translations.Tables)...)
	left, err := p.h.host.forwarding.Release(p.h.cfg.Sysctls, 0)
	if err != nil {
		left = nil // a setting that cannot be read is said of the vif that needs it
	}
	for _, s := range left {
		p.out.Shared = append(p.out.Shared, Change{"route", Extra, fmt.Sprintf("sysctl -w %v=%s", s.Name, s.New)})
	}
}

// tables are the commands about the elements of one name, each name's once.
func (p *preview) tables(name string) []Change {
	list := append(nftChanges("firewall", p.guards.Guests[name]), nftChanges("nat", p.translations.Guests[name])...)
	delete(p.guards.Guests, name)
	delete(p.translations.Guests, name)
	return list
}

// vif adds what would change of one link.
func (p *preview) vif(ctx context.Context, d *decided) {
	v := VifDifference{Interface: d.was.Name, Ifindex: d.link.Index, Plan: d.plan, Err: d.err, Changes: renaming(&d.was, &d.link)}
	hooks, was := d.k.hooks(&d.plan), d.k.record.Interface
	if was != "" && was != d.link.Name {
		if _, err := p.conn.LinkByName(was); err != nil { // nobody's by now
			v.Changes = append(v.Changes, p.tables(was)...)
		}
	}
	v.Changes = append(v.Changes, p.tables(d.link.Name)...)
	v.Changes = append(v.Changes, d.needs...)
	var some []Change
	switch {
	case v.Err != nil:
	case d.ours:
		some, v.Err = p.h.drift(ctx, p.conn, &d.link, &d.k, &v.Plan)
	default:
		some, v.Err = p.h.remains(ctx, p.conn, &d.link, &d.k)
	}
	v.Changes = append(v.Changes, some...)
	var last []Change
	switch {
	case d.ours:
		last, v.Err = p.afterwards(ctx, d, &v, hooks)
	case v.Err == nil:
		last = p.takeDown(ctx, &d.k)
	}
	v.Changes = append(named(v.Changes, d.link.Name), last...)
	p.add(v, d.ours)
}

// departed adds what is left of vifs that have gone: of which there are records, and elements of names that no link bears.
func (p *preview) departed(ctx context.Context, links []rtnl.Link) {
	there := make(map[int]bool)
	for i := range links {
		there[links[i].Index] = true
	}
	for _, ifindex := range slices.Sorted(maps.Keys(p.h.known)) {
		if there[ifindex] {
			continue
		}
		k := p.h.known[ifindex]
		v := VifDifference{Interface: k.record.Interface, Ifindex: ifindex, Gone: true}
		some, err := p.h.remains(ctx, p.conn, nil, k)
		v.Changes, v.Err = named(append(p.tables(k.record.Interface), some...), k.record.Interface), err
		if err == nil {
			v.Changes = append(v.Changes, p.takeDown(ctx, k)...)
		}
		p.add(v, false)
	}
	names := slices.Collect(maps.Keys(p.guards.Guests))
	names = slices.AppendSeq(names, maps.Keys(p.translations.Guests))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		p.add(VifDifference{Interface: name, Gone: true, Changes: p.tables(name)}, false)
	}
}

// add keeps a difference; one without changes only where it is a vif's. What another has had said already, as that a bridge is to be created,
// is not said again.
func (p *preview) add(v VifDifference, always bool) {
	v.Changes = slices.DeleteFunc(v.Changes, func(c Change) bool {
		twice := p.said[c.Command]
		p.said[c.Command] = true
		return twice && c.Facet != facetHook // every vif has its programs run
	})
	if always || v.Err != nil || len(v.Changes) > 0 {
		p.out.Vifs = append(p.out.Vifs, v)
	}
}
