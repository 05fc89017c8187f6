package handler

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
	"vifd/internal/xenstore"
	"vifd/rules"
)

// links is Links, which has a method of that name.
type links = Links

// leaving is a kernel with the vif of ifindex 7, which goes after so many requests about it.
type leaving struct {
	links
	link     rtnl.Link
	left     int
	error    // of a link that has gone
	renaming func()
}

func (k *leaving) request() error {
	if k.left--; k.left < 0 {
		return k.error
	}
	return nil
}

func (k *leaving) LinkByIndex(int) (rtnl.Link, error) {
	if err := k.request(); err != nil {
		return rtnl.Link{}, err
	}
	return k.link, nil
}

func (k *leaving) Set(_ int, ch rtnl.Change) error {
	if err := k.request(); err != nil {
		return err
	}
	if ch.Name != "" {
		if k.renaming != nil {
			k.renaming()
		}
		k.link.Name = ch.Name
	}
	return nil
}

func (k *leaving) LinkByName(string) (rtnl.Link, error) { return rtnl.Link{}, rtnl.ErrNotFound }

// told is a xenstore that says of every device what its keys are.
type told struct {
	Xenstore
	keys map[string]string
}

func (s told) ReadMany(_ context.Context, paths ...string) ([]xenstore.Value, error) {
	values := make([]xenstore.Value, len(paths))
	for i, p := range paths {
		values[i].Text, values[i].OK = s.keys[p[strings.LastIndexByte(p, '/')+1:]]
	}
	return values, nil
}

func (told) Present() bool { return true }

// forgetful is a firewall that takes everything, and notes what names it is to forget.
type forgetful struct {
	Firewall
	names []string
}

func (f *forgetful) Remove(iface string, _ int) (bool, error) {
	f.names = append(f.names, iface)
	return true, nil
}

func (f *forgetful) Set(*firewall.Guest, int) (bool, error) { return true, nil }

// written are the records that were put.
type written struct {
	pretendRecords
	put []journal.Record // and not deleted since
}

func (w *written) Delete(ifindex int) error {
	w.put = slices.DeleteFunc(w.put, func(r journal.Record) bool { return r.Ifindex == ifindex })
	return nil
}

func (w *written) Put(r journal.Record) error {
	w.put = append(w.put, r)
	return nil
}

func testRuleset(t *testing.T, text string) *Ruleset {
	t.Helper()
	set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(text)})
	if set == nil {
		t.Fatal(report.Err())
	}
	rs, err := NewRuleset(set)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// TestGoneWhileRenamed: of a vif that goes while it gets its name nothing is left, at whatever request it goes, and no other link takes its
// place: a zeroed one once stayed for ever, as ifindex 0.
func TestGoneWhileRenamed(t *testing.T) {
	t.Parallel()
	rs := testRuleset(t, "rules: [{name: xen, match: {interface: \"vif*\"}, bridge: xenbr0}]\n")
	for left, at := range []string{"looked at", "taken down", "renamed", "read again"} {
		conn := &leaving{link: rtnl.Link{Index: 7, Name: "vif3.0", Kind: "veth", Flags: iffUp}, left: left, error: rtnl.ErrNotFound}
		table, records := &forgetful{}, &written{}
		h, err := New(Config{
			Dial: func() (Links, error) { return conn, nil }, Firewall: table, Records: records, Sysfs: t.TempDir(), Workers: 1,
			Xenstore: told{keys: map[string]string{"frontend": "x", "vifname": "web0"}}, Log: slog.New(slog.DiscardHandler),
		}, rs)
		if err != nil {
			t.Fatal(err)
		}
		out := h.round(t.Context(), conn, round{ifindex: 7})
		if left > 0 {
			if r, _ := h.queue.pop(); out.State != StateWorking || out.Ifindex != 7 || r.ifindex != 7 || h.known[0] != nil {
				t.Errorf("%s: the round says %+v, next is %d, known are %v", at, out, r.ifindex, slices.Collect(maps.Keys(h.known)))
			}
			out = h.round(t.Context(), conn, round{ifindex: 7})
			if !slices.Contains(table.names, "vif3.0") {
				t.Errorf("%s: what an installation knows of vif3.0 stays; forgotten: %q", at, table.names)
			}
		}
		if out.State != "" || len(h.known) > 0 || len(records.put) > 0 {
			t.Errorf("%s: in the end %+v, known %v, written %+v", at, out, slices.Collect(maps.Keys(h.known)), records.put)
		}
	}
}

// TestNotReadOnceRenamed: whatever keeps the kernel from answering, the round is about the link that it began with.
func TestNotReadOnceRenamed(t *testing.T) {
	t.Parallel()
	conn := &leaving{link: rtnl.Link{Index: 7, Name: "vif3.0"}, left: 1, error: errors.New("no buffers")}
	l := conn.link
	renamed, err := rename(conn, &l, "web0")
	if !renamed || !errors.Is(err, conn.error) || overtaken(err) || l.Index != 7 || l.Name != "web0" {
		t.Errorf("renamed %v, %+v: %v", renamed, l, err)
	}
}

// TestKilledWhileRenamed: at the instant in which an interface gets a name that tells nothing of its guest, that is written down.
func TestKilledWhileRenamed(t *testing.T) {
	t.Parallel()
	rs := testRuleset(t, "rules: [{name: xen, match: {interface: \"vif*\"}, bridge: xenbr0}]\n")
	conn := &leaving{link: rtnl.Link{Index: 7, Name: "vif3.1-emu", Kind: "tun", Flags: iffUp}, left: 3, error: rtnl.ErrNotFound}
	records := &written{}
	cfg := Config{
		Dial: func() (Links, error) { return conn, nil }, Firewall: &forgetful{}, Records: records, Sysfs: t.TempDir(), Workers: 1,
		Xenstore: told{keys: map[string]string{"frontend": "x", "vifname": "web0"}}, Log: slog.New(slog.DiscardHandler),
	}
	h, err := New(cfg, rs)
	if err != nil {
		t.Fatal(err)
	}
	var then []journal.Record
	conn.renaming = func() { then = slices.Clone(records.put) }
	h.round(t.Context(), conn, round{ifindex: 7})
	if conn.link.Name != "web0-emu" || len(then) != 1 || !then[0].Link.WasUp {
		t.Fatalf("%s has been renamed, written are %+v", conn.link.Name, then)
	}
	// The next process has the records of that instant, and the link as it is.
	cfg.Records = pretendRecords{list: then}
	next, err := New(cfg, rs)
	if err != nil {
		t.Fatal(err)
	}
	if state, ok := next.identify(&conn.link, next.known[7]); !ok || state.Domid != 3 || state.Vifid != 1 || !state.Emulated {
		t.Errorf("the next process takes it for %+v, %v", state, ok)
	}
}

// TestGoneBeforeItsRound: what an installation guards is taken back if it goes, or gets another name, before anybody looks at it.
func TestGoneBeforeItsRound(t *testing.T) {
	t.Parallel()
	rs := testRuleset(t, "rules: [{name: r, match: {interface: \"vif*\"}, block: true}]\n")
	for name, link := range map[string]rtnl.Link{"gone": {}, "renamed": {Index: 7, Name: "vif-b", Kind: "veth"}} {
		conn := &leaving{link: link, left: 100 * link.Index, error: rtnl.ErrNotFound}
		table := &forgetful{}
		h, err := New(Config{
			Dial: func() (Links, error) { return conn, nil }, Firewall: table, Records: &written{}, Sysfs: t.TempDir(), Workers: 1,
			Log: slog.New(slog.DiscardHandler),
		}, rs)
		if err != nil {
			t.Fatal(err)
		}
		h.installed(rs, map[int]bool{7: true}, map[string]int{"vif-a": 7, "vif-of-the-host": 8})
		h.round(t.Context(), conn, round{ifindex: 7})
		if !slices.Equal(table.names, []string{"vif-a"}) {
			t.Errorf("%s: forgotten are %q", name, table.names)
		}
		if k := h.known[7]; h.known[8] != nil || k != nil && k.formerly != "" || (k == nil) != (name == "gone") {
			t.Errorf("%s: known are %v", name, h.known)
		}
	}
}
