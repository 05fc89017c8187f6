package handler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"vifd/internal/rtnl"
	"vifd/internal/xen"
	"vifd/internal/xenstore"
)

// The facets of what comes after a link's own.
const (
	facetHook = "hook"
	facetXen  = "xen"
)

// consider is Handler.consider, but that the kernel has been asked for no other name: what sysfs says of the link is found under the one that
// it has.
func (p *preview) consider(ctx context.Context, rs *Ruleset, d *decided) {
	ctx, cancel := context.WithTimeout(ctx, xenTimeout)
	defer cancel()
	var x *xen.Facts
	d.plan, d.ours, x = p.h.decide(ctx, rs, &d.link, &d.k)
	advise(ctx, p.conn, &d.plan, x)
	if !d.ours || d.plan.State == StateIgnored || d.plan.State == StateUnmatched || x == nil {
		return
	}
	list, again := p.h.sources(ctx, &d.link, &d.k)
	renamed := false
	name, wanted, err := nameWanted(&d.link, x, d.k.own.Xen)
	if err == nil && wanted {
		renamed, err = rename(p.conn, &d.link, name)
	}
	switch {
	case err != nil:
		rs.unnamed(&d.plan, &d.link, err)
	case renamed:
		d.plan, d.ours = rs.judge(&d.link, &d.k, rs.matcher.Facts(list...), again)
		advise(ctx, p.conn, &d.plan, again)
	}
}

// renaming are the commands that make of a link what it is to be called. One that is up is renamed by kernels from 6.3 on alone.
func renaming(was, now *rtnl.Link) []Change {
	if was.Name == now.Name {
		return nil
	}
	list := []Change{{"link", Other, fmt.Sprintf("ip link set dev %s name %s", was.Name, now.Name)}}
	if was.Up() {
		list = slices.Insert(list, 0, Change{"link", Other, fmt.Sprintf("ip link set dev %s down", was.Name)})
	}
	return list
}

// afterwards tells what a round does once a vif's work is done, or has failed: which programs it runs, hooks those that the plan has, and
// what it tells Xen. The error is what stands against the vif.
func (p *preview) afterwards(ctx context.Context, d *decided, v *VifDifference, hooks *hooked) ([]Change, error) {
	plan := v.Plan
	if v.Err != nil {
		plan.State, plan.Reason, plan.Retry = StateFailed, v.Err.Error(), true
	}
	p.hooks.list = nil
	p.h.turn.RLock()
	p.h.attend(ctx, &d.k, &plan, hooks, true)
	p.h.turn.RUnlock()
	if p.store == nil || d.k.own.Xen == nil {
		return p.hooks.list, v.Err
	}
	if mtu := mtuOf(v.Changes, d.link.Name); mtu != 0 {
		if err := p.conn.Set(d.link.Index, rtnl.Change{MTU: mtu}); err != nil {
			return p.hooks.list, errors.Join(v.Err, err)
		}
	}
	device := d.k.own.Xen.Device
	p.store.folders, p.store.list = []string{fmt.Sprintf("/local/domain/%d/device/vif/%d", device.Domid, device.Vifid), device.Path}, nil
	err := p.h.tellXen(ctx, p.conn, &d.link, &d.k, &plan, false)
	return append(p.hooks.list, p.store.list...), errors.Join(v.Err, err)
}

// takeDown tells which program a round runs at the end of a vif.
func (p *preview) takeDown(ctx context.Context, k *known) []Change {
	p.hooks.list = nil
	p.h.turn.RLock()
	defer p.h.turn.RUnlock()
	p.h.takeDown(ctx, k, &Plan{})
	return p.hooks.list
}

// mtuOf is the MTU that commands give a link; 0: none does.
func mtuOf(list []Change, name string) int {
	begin := "ip link set dev " + name + " mtu "
	for i := range slices.Backward(list) {
		if text, ok := strings.CutPrefix(list[i].Command, begin); ok {
			mtu, _ := strconv.Atoi(text)
			return mtu
		}
	}
	return 0
}

// pretendXenstore is a xenstore of which no transaction is committed: what it would have changed is listed.
type pretendXenstore struct {
	Xenstore
	folders []string // whose keys may be changed, in the order of the list
	list    []Change
}

// errPretended undoes a transaction.
var errPretended = errors.New("what a transaction would change is known")

func (p *pretendXenstore) Do(ctx context.Context, f func(*xenstore.Tx) error) error {
	var list []Change
	err := p.Xenstore.Do(ctx, func(tx *xenstore.Tx) error {
		before, err := p.read(ctx, tx)
		if err == nil {
			err = f(tx)
		}
		if err != nil {
			return err
		}
		after, err := p.read(ctx, tx)
		if err != nil {
			return err
		}
		list = nil // it may be run again
		for i := range p.folders {
			list = append(list, xenChanges(before[i], after[i])...)
		}
		return errPretended
	})
	if errors.Is(err, errPretended) {
		p.list, err = append(p.list, list...), nil
	}
	return err
}

// read reads the keys of the folders, with their paths. A folder that is not there, or is not ours to read, has none.
func (p *pretendXenstore) read(ctx context.Context, tx *xenstore.Tx) ([]map[string]string, error) {
	all := make([]map[string]string, len(p.folders))
	for i, folder := range p.folders {
		names, err := tx.Directory(ctx, folder)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		for j := range names {
			names[j] = folder + "/" + names[j]
		}
		var values []xenstore.Value
		if err == nil {
			values, err = tx.ReadMany(ctx, names...)
		}
		if err != nil {
			return nil, err
		}
		all[i] = make(map[string]string, len(names))
		for j, v := range values {
			if v.OK {
				all[i][names[j]] = v.Text
			}
		}
	}
	return all, nil
}

// xenChanges are the commands that make after of before. By their paths, the backend's state comes behind the reason for it.
func xenChanges(before, after map[string]string) []Change {
	var list []Change
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if _, stays := after[path]; !stays {
			list = append(list, Change{facetXen, Extra, "xenstore-rm " + shellWord(path)})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(after)) {
		was, there := before[path]
		if there && was == after[path] {
			continue
		}
		differs := Missing
		if there {
			differs = Other
		}
		// The command takes a backslash for the beginning of what cannot be typed (unsanitise_value, tools/xenstore/xenstore_client.c).
		value := strings.ReplaceAll(after[path], `\`, `\\`)
		list = append(list, Change{facetXen, differs, "xenstore-write " + shellWord(path) + " " + shellWord(value)})
	}
	return list
}
