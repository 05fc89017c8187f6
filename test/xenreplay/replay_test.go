package xenreplay

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"vifd/internal/ctl"
	"vifd/internal/testhost"
	"vifd/internal/vif"
)

// way is who tells vifd of a guest's interface.
type way struct {
	calls  bool // libxl, or udev, calls the program
	events bool // the kernel tells a listener
}

// TestReplay plays every recording in every way: the program alone, as vif-bridge with no rule of an administrator's; a listener alone,
// with the shipped default rules; and both.
func TestReplay(t *testing.T) {
	t.Parallel()
	program := build(t)
	files, err := filepath.Glob("testdata/calls-*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "calls-"), ".txt")
		calls, events := readCalls(t, file), readEvents(t, "testdata/uevents-"+name+".txt")
		for how, way := range map[string]way{"calls": {calls: true}, "events": {events: true}, "both": {calls: true, events: true}} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				r := &replay{world: newWorld(t, program), way: way, plugged: make(map[string][]int), left: make(map[string]int)}
				r.play(t, calls, events)
			})
		}
	}
}

// replay is one recording that is being played.
type replay struct {
	*world
	way     way
	calls   []*call
	running []pending
	plugged map[string][]int // ifindexes, by the vif's folder: first its own
	left    map[string]int   // how much of the recording is still to come, by the vif's folder
}

// pending is a call that the recorded script had not ended yet.
type pending struct {
	*call
	answer <-chan answer
}

func (r *replay) play(t *testing.T, calls []*call, events []*event) {
	t.Helper()
	r.calls = calls
	if r.way.events {
		r.listen(t)
	}
	before := r.traces(t)
	type item struct {
		at   time.Duration
		play func()
	}
	var items []item
	for _, e := range events {
		items = append(items, item{e.at, func() { r.event(t, e) }})
		if e.env["XENBUS_TYPE"] == "vif" {
			r.left[e.env["XENBUS_PATH"]]++
		}
	}
	for _, c := range calls {
		items = append(items, item{c.at, func() { r.begin(t, c) }})
		r.left[c.backend]++
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.at, b.at) })
	for _, it := range items {
		r.finish(t, it.at)
		it.play()
	}
	r.finish(t, 1<<62)
	r.nothingLeft(t, before)
	r.again(t, calls, events)
	r.nothingLeft(t, before)
}

// event does what the kernel told of, and has it tell.
func (r *replay) event(t *testing.T, e *event) {
	t.Helper()
	backend, ofVif := e.env["XENBUS_PATH"], e.env["XENBUS_TYPE"] == "vif"
	iface := e.env["INTERFACE"]
	ifindex, _ := strconv.Atoi(e.env["IFINDEX"]) // without one it is no interface's
	switch {
	case ofVif && e.is("xen-backend", "add"):
		keys := r.recorded(t, backend, true)
		r.bring(t, backend, keys)
		r.introduce(t, keys)
	case e.is("net", "add"):
		name, ok := vif.ParseXenName(iface)
		if !ok {
			t.Fatalf("%s is no guest's", iface)
		}
		r.plug(t, iface, ifindex, name.Emulated)
		folder := fmt.Sprintf("backend/vif/%d/%d", name.Domid, name.Vifid)
		r.plugged[folder] = append(r.plugged[folder], ifindex)
	case e.is("net", "move"):
		// It was Xen's script that renamed it; here it is vifd, which may be quicker.
		testhost.Wait(t, fmt.Sprintf("interface %d to be %s", ifindex, iface), func() bool { return r.links(t)[ifindex].Name == iface })
	case ofVif && e.is("xen-backend", "offline"):
		r.bring(t, backend, r.recorded(t, backend, false))
	case e.is("net", "remove"):
		r.unplug(t, iface, ifindex)
	}
	r.feed(t, e.message)
	if !ofVif {
		return
	}
	switch {
	case !r.way.events:
	case e.is("xen-backend", "bind"):
		r.connected(t, backend)
	case e.is("xen-backend", "unbind"):
		r.settle(t, r.plugged[backend])
		if diff := gocmp.Diff(r.recorded(t, backend, false), r.nodes(t, dom0(backend))); diff != "" {
			t.Errorf("the listener has written of %s, which goes (-recorded +now):\n%s", backend, diff)
		}
	}
	r.passed(t, backend)
}

// recorded is what the vif's folder held when the program was first called for a device that comes, or goes.
func (r *replay) recorded(t *testing.T, backend string, up bool) map[string]string {
	t.Helper()
	for _, c := range r.calls {
		if c.backend == backend && c.up() == up {
			return c.keys
		}
	}
	t.Fatalf("nobody called for %s, up %v", backend, up)
	return nil
}

// connected waits until a listener has connected the interfaces of a vif by itself.
func (r *replay) connected(t *testing.T, backend string) {
	t.Helper()
	keys := r.recorded(t, backend, true)
	for _, ifindex := range r.plugged[backend] {
		why := ""
		defer func() {
			if t.Failed() {
				t.Log(why)
			}
		}()
		testhost.Wait(t, fmt.Sprintf("interface %d of %s to be connected", ifindex, backend), func() bool {
			why = r.amiss(t, ifindex, keys)
			return why == ""
		})
	}
	testhost.Wait(t, "Xen to hear that "+backend+" is connected", func() bool {
		return r.nodes(t, dom0(backend))["hotplug-status"] == "connected"
	})
}

// amiss is what an interface lacks of being a guarded port, as its guest's configuration wants it; empty: nothing.
func (r *replay) amiss(t *testing.T, ifindex int, keys map[string]string) string {
	t.Helper()
	l := r.links(t)[ifindex]
	name, custom := keys["vifname"]
	if !custom {
		name = fmt.Sprintf("vif%s.%s", keys["frontend-id"], keys["handle"])
	}
	if r.taps[ifindex] != nil {
		name += "-emu"
	}
	told := r.nodes(t, keys["frontend"])["mtu"]
	switch {
	case l.Name != name:
		return fmt.Sprintf("interface %d is called %q, not %s", ifindex, l.Name, name)
	case l.Master != keys["bridge"] || !slices.Contains(l.Flags, "UP") || l.Address != "fe:ff:ff:ff:ff:ff" || l.MTU != 1500:
		return fmt.Sprintf("no port of %s as it should be: %+v", keys["bridge"], l)
	case !r.guarded(l.Name, keys):
		return fmt.Sprintf("%s is not guarded with %s and %s", l.Name, keys["mac"], keys["ip"])
	case told != "1500":
		return fmt.Sprintf("the guest was told MTU %q", told)
	}
	return ""
}

// begin calls the program, if this way it is called.
func (r *replay) begin(t *testing.T, c *call) {
	t.Helper()
	if !r.way.calls {
		r.passed(t, c.backend)
		return
	}
	r.bring(t, c.backend, c.keys)
	if there := r.interfaceOf(t, c); there != c.there {
		t.Errorf("%v of %s: the interface is there: %v; recorded was %v", c.args, c.iface, there, c.there)
	}
	answered := make(chan answer, 1)
	go func() { answered <- r.call(c) }()
	r.running = append(r.running, pending{c, answered})
}

// interfaceOf reports whether the vif of a call is there. Nobody but the program has touched it if nobody listens.
func (r *replay) interfaceOf(t *testing.T, c *call) bool {
	t.Helper()
	links, ifindexes := r.links(t), r.plugged[c.backend]
	own := slices.IndexFunc(ifindexes, func(i int) bool { return r.taps[i] == nil && links[i].Ifindex != 0 })
	if own < 0 {
		return false
	}
	l := links[ifindexes[own]]
	if !r.way.events && c.args[0] == "online" && l.Operstate != "DOWN" {
		t.Errorf("%v of %s: it is %s", c.args, c.iface, l.Operstate)
	}
	return true
}

// finish waits for the calls that had ended by then, and looks at what they have done.
func (r *replay) finish(t *testing.T, by time.Duration) {
	t.Helper()
	r.running = slices.DeleteFunc(r.running, func(p pending) bool {
		if p.at+p.took > by {
			return false
		}
		r.ended(t, p.call, <-p.answer)
		r.passed(t, p.backend)
		return true
	})
}

func (r *replay) ended(t *testing.T, c *call, a answer) {
	t.Helper()
	if a.err != nil || a.code != c.code || a.said != "" {
		t.Errorf("%v of %s: exit %d, %v, and it says %q; recorded was exit %d", c.args, c.iface, a.code, a.err, a.said, c.code)
	}
	want := maps.Clone(c.keys)
	delete(want, "hotplug-status")
	if c.status != "" {
		want["hotplug-status"] = c.status
	}
	if diff := gocmp.Diff(want, r.nodes(t, dom0(c.backend))); diff != "" {
		t.Errorf("%s after %v (-recorded +now):\n%s", c.backend, c.args, diff)
	}
	if !c.up() {
		return
	}
	for _, ifindex := range r.plugged[c.backend] {
		if tap := r.taps[ifindex] != nil; tap != c.tap() && !r.way.events {
			continue // its own call is still to come
		}
		if why := r.amiss(t, ifindex, c.keys); why != "" {
			t.Errorf("%s after %v: %s", c.iface, c.args, why)
		}
	}
}

// passed notes that something of a vif has been played; after the last its folder goes, as libxl takes it away.
func (r *replay) passed(t *testing.T, backend string) {
	t.Helper()
	if r.left[backend]--; r.left[backend] > 0 {
		return
	}
	delete(r.left, backend)
	of := func(other string) bool { return path.Dir(other) == path.Dir(backend) }
	r.bury(t, backend, !slices.ContainsFunc(slices.Collect(maps.Keys(r.left)), of))
}

// again plays the end of every device a second time, as when udev and libxl both do, with nothing there any more; and the beginning of
// one whose folder libxl has taken away before anybody looked.
func (r *replay) again(t *testing.T, calls []*call, events []*event) {
	t.Helper()
	for _, e := range events {
		if e.is("xen-backend", "offline") || e.is("net", "remove") {
			r.feed(t, e.message)
		}
	}
	for _, c := range calls {
		if !r.way.calls || c.up() {
			continue
		}
		if a := r.call(c); a.err != nil || a.code != c.code || a.said != "" {
			t.Errorf("%v of %s, late: exit %d, %v, and it says %q", c.args, c.iface, a.code, a.err, a.said)
		}
	}
	if !r.way.events {
		return
	}
	r.settle(t, slices.Concat(slices.Collect(maps.Values(r.plugged))...))
	for _, e := range events {
		if !e.is("net", "add") {
			continue
		}
		ifindex, _ := strconv.Atoi(e.env["IFINDEX"]) // it was one before
		r.plug(t, e.env["INTERFACE"], ifindex, false)
		r.feed(t, e.message)
		r.settle(t, []int{ifindex})
		r.unplug(t, e.env["INTERFACE"], ifindex)
		r.settle(t, []int{ifindex})
	}
}

// settle waits until the listener has dealt with all that it was fed of interfaces: it answers a question about one when a round has
// ended that began after the question came.
func (r *replay) settle(t *testing.T, ifindexes []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testhost.Patience)
	defer cancel()
	for _, ifindex := range ifindexes {
		ev := vif.Event{Action: vif.Remove, Subsystem: "net", Interface: "settle", Ifindex: ifindex}
		if _, err := ctl.NewClient(r.state).Event(ctx, ev); err != nil {
			t.Errorf("ask the listener for interface %d: %v", ifindex, err)
		}
	}
}

func (r *replay) nothingLeft(t *testing.T, before []string) {
	t.Helper()
	var now []string
	defer func() {
		if t.Failed() {
			t.Logf("before and now:\n%s", gocmp.Diff(before, now))
		}
	}()
	testhost.Wait(t, "nothing to be left behind", func() bool { now = r.traces(t); return slices.Equal(now, before) })
}
