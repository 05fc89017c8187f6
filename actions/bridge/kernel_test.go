package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

// show runs a command whose output is JSON.
func show(t testing.TB, h *testhost.Host, command ...string) []map[string]any {
	t.Helper()
	var list []map[string]any
	if err := json.Unmarshal([]byte(h.Run(t, command[0], command[1:]...)), &list); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return list
}

// pick takes the values of keys.
func pick(from map[string]any, keys ...string) map[string]any {
	out := map[string]any{}
	for _, key := range keys {
		out[key] = from[key]
	}
	return out
}

// TestAgainstIP configures a veth and a tap with the lot, and asks ip(8) and bridge(8) what has come of it.
func TestAgainstIP(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"veth", "tap"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := newKernel(t)
			h := k.host
			if kind == "veth" {
				h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
			} else {
				h.Run(t, "ip", "tuntap", "add", "mode", "tap", "name", "vif1.0")
			}
			on, off := new(true), new(false)
			want := Port{
				Ifindex: linkOf(t, k, "vif1.0").Index, Interface: "vif1.0", Bridge: "xenbr0", Create: true, BridgeMTU: 9000, MTU: 8000,
				Flags: rtnl.PortFlags{
					Isolated: on, Hairpin: on, Flood: off, McastFlood: off, BcastFlood: off, NeighSuppress: on, Guard: on, RootBlock: on,
				},
				StaticFDB: true, GuestMACs: macs("00:16:3e:00:00:01"),
			}
			result, err := Apply(t.Context(), k, want)
			must(t, err)

			link := show(t, h, "ip", "-d", "-j", "link", "show", "dev", "vif1.0")[0]
			if diff := cmp.Diff(map[string]any{"address": "fe:ff:ff:ff:ff:ff", "mtu": 8000.0, "master": "xenbr0"}, pick(link, "address", "mtu", "master")); diff != "" {
				t.Errorf("link (-want +ip):\n%s", diff)
			}
			if flags := fmt.Sprint(link["flags"]); !strings.Contains(flags, " UP") {
				t.Errorf("flags %s, want UP", flags)
			}
			port := show(t, h, "bridge", "-d", "-j", "link", "show", "dev", "vif1.0")[0]
			wantPort := map[string]any{
				"isolated": true, "hairpin": true, "learning": false, "flood": false, "mcast_flood": false, "bcast_flood": false,
				"neigh_suppress": true, "guard": true, "root_block": true,
			}
			for key, v := range wantPort {
				if port[key] != v {
					t.Errorf("bridge shows %s %v, want %v", key, port[key], v)
				}
			}
			if fdb := h.Run(t, "bridge", "fdb", "show", "dev", "vif1.0"); !strings.Contains(fdb, "00:16:3e:00:00:01 sticky master xenbr0 static") {
				t.Errorf("bridge fdb shows\n%s", fdb)
			}
			bridge := show(t, h, "ip", "-d", "-j", "link", "show", "dev", "xenbr0")[0]
			if diff := cmp.Diff(map[string]any{"mtu": 9000.0, "ifalias": "made by vifd", "group": "default"}, pick(bridge, "mtu", "ifalias", "group")); diff != "" {
				t.Errorf("bridge (-want +ip):\n%s", diff)
			}

			_, err = Undo(t.Context(), k, result.State)
			must(t, err)
			link = show(t, h, "ip", "-d", "-j", "link", "show", "dev", "vif1.0")[0]
			if flags := fmt.Sprint(link["flags"]); strings.Contains(flags, " UP") || link["master"] != nil {
				t.Errorf("after Undo the link has flags %s and master %v", flags, link["master"])
			}
			if out, err := h.RunErr("ip", "link", "show", "dev", "xenbr0"); err == nil {
				t.Errorf("after Undo the bridge is still there: %s", out)
			}
		})
	}
}

// TestStepsAreCommands types the steps that Plan prints into a shell: they must do what Apply would.
func TestStepsAreCommands(t *testing.T) {
	t.Parallel()
	k := newKernel(t)
	old := plugBridge(t, k, "xenbr1", 1500)
	vif := k.Plug(t, "vif1.0")
	must(t, k.Set(vif, rtnl.Change{Master: &old}))
	must(t, k.Set(vif, rtnl.Change{Up: new(true)}))
	want := Port{
		Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0", Create: true, BridgeMTU: 9000, MTU: 8000,
		Flags: rtnl.PortFlags{Isolated: new(true), Hairpin: new(true), NeighSuppress: new(true)}, StaticFDB: true, GuestMACs: macs("00:16:3e:00:00:01"),
	}
	steps, err := Plan(t.Context(), k, want)
	must(t, err)
	for _, s := range steps {
		k.host.Run(t, "sh", "-c", s.String())
	}
	apply(t, k, want)
}

// TestNoMessageWithoutChange listens while a configured vif is configured again: between two changes by somebody else the kernel has
// nothing to tell.
func TestNoMessageWithoutChange(t *testing.T) {
	t.Parallel()
	k := newKernel(t)
	want := Port{
		Ifindex: k.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", Create: true, Flags: rtnl.PortFlags{Isolated: new(true)},
		StaticFDB: true, GuestMACs: macs("00:16:3e:00:00:01"),
	}
	_, err := Apply(t.Context(), k, want)
	must(t, err)
	sentinel := k.Plug(t, "sentinel")
	k.host.Run(t, "ip", "link", "set", "dev", "pvif1.0", "up")
	testhost.Wait(t, "carrier, of which the kernel tells when it finds the time", func() bool {
		vif, bridge := show(t, k.host, "ip", "-j", "link", "show", "dev", "vif1.0"), show(t, k.host, "ip", "-j", "link", "show", "dev", "xenbr0")
		return vif[0]["operstate"] == "UP" && bridge[0]["operstate"] == "UP"
	})

	told := &sink{}
	k.host.Go(t, func(ctx context.Context) error {
		m, err := rtnl.OpenMonitor(rtnl.MonitorBuffer)
		if err != nil {
			return err
		}
		defer func() { _ = m.Close() }()
		told.open()
		return m.Run(ctx, told)
	})
	testhost.Wait(t, "the monitor", told.isOpen)
	must(t, k.Set(sentinel, rtnl.Change{MTU: 1401}))
	testhost.Wait(t, "the first change", func() bool { return told.saw("sentinel", 1401) })
	told.forget()

	for range 3 {
		result, err := Apply(t.Context(), k, want)
		must(t, err)
		actiontest.Steps(t, "Apply", result.Steps)
	}
	must(t, k.Set(sentinel, rtnl.Change{MTU: 1402}))
	testhost.Wait(t, "the second change", func() bool { return told.saw("sentinel", 1402) })
	if others := told.others("sentinel"); len(others) > 0 {
		t.Errorf("the kernel tells of changes: %+v", others)
	}

	must(t, k.Set(want.Ifindex, rtnl.Change{MTU: 1300})) // and would it have told?
	testhost.Wait(t, "a change of the vif", func() bool { return told.saw("vif1.0", 1300) })
}

// sink keeps what a monitor tells.
type sink struct {
	mu    sync.Mutex
	ready bool
	links []rtnl.Link
}

func (s *sink) Link(l rtnl.Link, _ bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = append(s.links, l)
}

func (s *sink) Overflow() { s.Link(rtnl.Link{Name: "overflow"}, false) }

func (s *sink) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
}

func (s *sink) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

func (s *sink) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = nil
}

func (s *sink) saw(name string, mtu int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		if l.Name == name && l.MTU == mtu {
			return true
		}
	}
	return false
}

func (s *sink) others(name string) []rtnl.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []rtnl.Link
	for _, l := range s.links {
		if l.Name != name {
			list = append(list, l)
		}
	}
	return list
}

// TestRenamedMeanwhile has a vif renamed, and its old name taken by another, before it is configured. The other is not touched.
func TestRenamedMeanwhile(t *testing.T) {
	t.Parallel()
	k := newKernel(t)
	plugBridge(t, k, "xenbr0", 1500)
	vif := k.Plug(t, "vif1.0")
	k.Rename(t, vif, "web-1")
	k.host.Run(t, "ip", "link", "add", "name", "vif1.0", "type", "veth", "peer", "name", "q")
	other := linkOf(t, k, "vif1.0").Index
	before := linkOf(t, k, "vif1.0")
	want := Port{Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0"}
	if _, err := Apply(t.Context(), k, want); !errors.Is(err, ErrRenamed) {
		t.Errorf("got %v, want %v", err, ErrRenamed)
	}
	after, err := k.LinkByIndex(other)
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the other vif was changed (-before +after):\n%s", diff)
	}
}

// BenchmarkApply connects and disconnects a vif (veth), with a port flag.
func BenchmarkApply(b *testing.B) {
	k := newKernel(b)
	plugBridge(b, k, "xenbr0", 1400)
	want := Port{Ifindex: k.Plug(b, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", Flags: rtnl.PortFlags{Isolated: new(true)}}
	b.ReportAllocs()
	for b.Loop() {
		result, err := Apply(b.Context(), k, want)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if _, err := Undo(b.Context(), k, result.State); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
