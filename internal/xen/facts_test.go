package xen

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"vifd/internal/xenstore"
)

// book is a store that notes what it is asked; the client of the real one is tested against Xen's own, and so is all of this in
// cmd/vifd.
type book struct {
	nodes map[string]string
	fail  map[string]error // by a path's beginning
	asked []string
}

func (b *book) ReadMany(_ context.Context, paths ...string) ([]xenstore.Value, error) {
	b.asked = append(b.asked, strings.Join(paths, " "))
	values := make([]xenstore.Value, len(paths))
	for i, p := range paths {
		for prefix, err := range b.fail {
			if strings.HasPrefix(p, prefix) {
				return nil, err
			}
		}
		values[i].Text, values[i].OK = b.nodes[p]
	}
	return values, nil
}

func guest3() *book {
	return &book{nodes: map[string]string{
		"backend/vif/3/1/frontend": "/local/domain/3/device/vif/1", "backend/vif/3/1/mac": "00:16:3e:00:00:07",
		"backend/vif/3/1/ip": " 192.0.2.7  2001:db8::7 ", "backend/vif/3/1/bridge": "xenbr0", "backend/vif/3/1/odd-key": "odd",
		"/local/domain/3/name": "web-1", "/local/domain/3/vm": "/vm/5f7a0e2c-9d0b-4d6e-8a55-0242ac120002",
	}}
}

var device = Device{Path: "backend/vif/3/1", Domid: 3, Vifid: 1}

func TestFacts(t *testing.T) {
	b := guest3()
	f := NewFacts(t.Context(), b, device, nil)
	for key, want := range map[string][]string{
		"domid": {"3"}, "vifid": {"1"}, "mac": {"00:16:3e:00:00:07"}, "ip": {"192.0.2.7", "2001:db8::7"}, "bridge": {"xenbr0"},
		"domain": {"web-1"}, "uuid": {"5f7a0e2c-9d0b-4d6e-8a55-0242ac120002"}, "xen.bridge": {"xenbr0"}, "xen.odd-key": {"odd"},
		"script": nil, "xen.absent": nil, "attr.mtu": nil, "kind": nil,
	} {
		if got := f.Values(key); !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if f.Err() != nil || f.Guest() != 3 {
		t.Errorf("guest %d, %v", f.Guest(), f.Err())
	}
	// Twelve keys are asked for together, one of them twice, the domain's three, and two by name: four questions, however often facts are wanted.
	if len(b.asked) != 4 {
		t.Errorf("asked %d times:\n%s", len(b.asked), strings.Join(b.asked, "\n"))
	}
}

func TestFactsAreLazy(t *testing.T) {
	b := guest3()
	f := NewFacts(t.Context(), b, device, nil)
	f.Values("kind")
	f.Values("domid")
	if len(b.asked) > 0 {
		t.Errorf("asked for nothing: %q", b.asked)
	}
	f.Values("domain")
	if len(b.asked) != 1 {
		t.Errorf("asked: %q", b.asked)
	}
}

// TestFactsRemember: while xenstored is away, and when the folder has gone before the interface, the last word stands.
func TestFactsRemember(t *testing.T) {
	f := NewFacts(t.Context(), guest3(), device, nil)
	f.Values("mac")
	f.Values("domain")
	memory := f.Memory()
	away := errors.New("nobody answers")
	for name, b := range map[string]*book{"away": {fail: map[string]error{"": away}}, "gone": {}} {
		f := NewFacts(t.Context(), b, device, memory)
		if ip, mac := f.Values("ip"), f.Values("mac"); len(ip) != 2 || len(mac) != 1 {
			t.Errorf("%s: ip %q, mac %q", name, ip, mac)
		}
		if want := name == "away"; errors.Is(f.Err(), away) != want {
			t.Errorf("%s: error %v", name, f.Err())
		}
		if !maps.Equal(f.Memory(), memory) {
			t.Errorf("%s: remembered %v, want %v", name, f.Memory(), memory)
		}
	}
	// What was never known is an error for one who comes while it is away, and no fact.
	f = NewFacts(t.Context(), &book{fail: map[string]error{"": away}}, device, nil)
	if f.Values("mac") != nil || f.Err() == nil || len(f.Memory()) != 0 {
		t.Errorf("never known: %q, %v, %v", f.Values("mac"), f.Err(), f.Memory())
	}
	// A key that was taken out of the configuration is forgotten.
	b := guest3()
	delete(b.nodes, "backend/vif/3/1/ip")
	f = NewFacts(t.Context(), b, device, memory)
	if ip := f.Values("ip"); len(ip) > 0 || f.Memory()["ip"] != "" {
		t.Errorf("ip is %q, remembered %v", ip, f.Memory())
	}
}

// TestFactsDoubt: what is not there is a fact, and what was never asked for is none.
func TestFactsDoubt(t *testing.T) {
	first := NewFacts(t.Context(), guest3(), device, nil)
	for _, key := range []string{"mac", "gatewaydev", "xen.absent"} {
		first.Values(key)
	}
	memory := first.Memory()
	away := errors.New("nobody answers")
	frozen, gone := &book{fail: map[string]error{"": away}}, &book{}
	for name, tc := range map[string]struct {
		store  *book
		before Memory
		key    string
		doubt  error
	}{
		"there":                         {guest3(), nil, "mac", nil},
		"not there":                     {guest3(), nil, "xen.absent", nil},
		"a folder that never was":       {gone, nil, "mac", errAbsent},
		"away, remembered":              {frozen, memory, "mac", nil},
		"away, remembered as not there": {frozen, memory, "xen.absent", nil},
		"away, never asked for":         {frozen, memory, "xen.odd-key", away},
		"away, and so is the domain":    {frozen, memory, "domain", away},
		"away, nothing remembered":      {frozen, nil, "mac", away},
		"gone, remembered":              {gone, memory, "mac", nil},
		"gone, never asked for":         {gone, memory, "xen.odd-key", errLost},
		"gone, and so is the domain":    {gone, memory, "domain", errLost},
		"gone, but the domain":          {&book{nodes: map[string]string{"/local/domain/3/name": "x", "/local/domain/3/vm": "y"}}, memory, "domain", nil},
	} {
		f := NewFacts(t.Context(), tc.store, device, tc.before)
		f.Values(tc.key)
		f.Values("bridge")
		if got := f.Doubt(); !errors.Is(got, tc.doubt) {
			t.Errorf("%s: %v, want %v", name, got, tc.doubt)
		}
		if f.Absent() != errors.Is(tc.doubt, errAbsent) {
			t.Errorf("%s: absent: %v", name, f.Absent())
		}
	}
	// In a driver domain some is not to be known; that is no doubt, for it will not be known later.
	b := guest3()
	b.fail = map[string]error{"/local/domain/3": fs.ErrPermission}
	if f := NewFacts(t.Context(), b, device, nil); f.Values("domain") != nil || f.Doubt() != nil {
		t.Errorf("in a driver domain: %v", f.Doubt())
	}
}

// TestFactsInADriverDomain: what is said of the guest's domain may not be read there; the backend's own folder must be.
func TestFactsInADriverDomain(t *testing.T) {
	b := guest3()
	b.fail = map[string]error{"/local/domain/3": fs.ErrPermission}
	f := NewFacts(t.Context(), b, device, nil)
	if f.Values("domain") != nil || f.Err() != nil || len(f.Values("mac")) != 1 {
		t.Errorf("domain %q, mac %q, %v", f.Values("domain"), f.Values("mac"), f.Err())
	}
	b.fail = map[string]error{"backend": fs.ErrPermission}
	f = NewFacts(t.Context(), b, device, nil)
	if f.Values("mac") != nil || !errors.Is(f.Err(), fs.ErrPermission) {
		t.Errorf("mac %q, %v", f.Values("mac"), f.Err())
	}
}

func TestFactsOfAStubDomain(t *testing.T) {
	b := guest3()
	b.nodes["/local/domain/3/target"] = "2"
	b.nodes["/local/domain/3/name"] = "win-dm"
	b.nodes["/local/domain/2/name"] = "win"
	f := NewFacts(t.Context(), b, device, nil)
	if f.Guest() != 2 || !slices.Equal(f.Values("domain"), []string{"win"}) || f.Values("uuid") != nil {
		t.Errorf("guest %d, domain %q, uuid %q", f.Guest(), f.Values("domain"), f.Values("uuid"))
	}
	b.nodes["/local/domain/3/target"] = "../../1"
	if f = NewFacts(t.Context(), b, device, nil); f.Guest() != 3 {
		t.Errorf("a target that is no number leads to %d", f.Guest())
	}
}

func TestWatched(t *testing.T) {
	for path, want := range map[string]struct {
		device string
		key    string
		all    bool
	}{
		"backend/vif":                         {"", "", true},
		"backend/vif/3":                       {"", "", false},
		"backend/vif/3/1":                     {"backend/vif/3/1", "", false},
		"backend/vif/3/1/ip":                  {"backend/vif/3/1", "ip", false},
		"/local/domain/0/backend/vif/3/1/a/b": {"backend/vif/3/1", "a/b", false},
		"@releaseDomain":                      {"", "", true},
		"backend/vif/x/1/ip":                  {"", "", false},
	} {
		if d, key, all := Watched(path); d.Path != want.device || key != want.key || all != want.all {
			t.Errorf("Watched(%q) = %v, %q, %v", path, d, key, all)
		}
	}
}

func TestLine(t *testing.T) {
	if got := line("a\nb\tc\x00\x1b[31m \xff{ip: …}" + strings.Repeat("ä", 2000)); len(got) != maxError || !strings.HasPrefix(got, "a b c??[31m ?{ip: ...}??") {
		t.Errorf("%q, %d bytes", got[:20], len(got))
	}
}

// TestFactsOfOpenVSwitch: what its form says is what the keys bridge and vlan say, unless it may be meant otherwise.
func TestFactsOfOpenVSwitch(t *testing.T) {
	here := []string{"xenbr0", "xenbr0.30"}
	for text, want := range map[string][2]string{
		"xenbr0.10:20:30": {"xenbr0", "10p/20-20/30-30"},
		"xenbr0.10":       {"xenbr0", "10p"},
		"xenbr0:20":       {"xenbr0", "20-20"},
		"other:20":        {"other", "20-20"}, // no interface's name holds a colon
		"xenbr0.30":       {"xenbr0.30", ""},
		"other.10":        {"other.10", ""},
		"xenbr0":          {"xenbr0", ""},
		"xenbr0.0":        {"xenbr0.0", ""}, "xenbr0.4095": {"xenbr0.4095", ""}, "xenbr0.010": {"xenbr0.010", ""},
		"xenbr0.": {"xenbr0.", ""}, "xenbr0:": {"xenbr0:", ""}, ".10": {".10", ""}, ":20": {":20", ""}, "xenbr0.10:x": {"xenbr0.10:x", ""},
		"xenbr0.10.20": {"xenbr0.10.20", ""}, "xenbr0.10p": {"xenbr0.10p", ""}, "xenbr0:20-30": {"xenbr0:20-30", ""}, "xenbr0:20.10": {"xenbr0:20.10", ""},
	} {
		b := guest3()
		b.nodes["backend/vif/3/1/bridge"] = text
		f := NewFacts(t.Context(), b, device, nil)
		f.Exists = func(name string) bool { return slices.Contains(here, name) }
		for _, key := range []string{"bridge", "xen.bridge"} {
			if got := f.Values(key); !slices.Equal(got, []string{want[0]}) {
				t.Errorf("bridge=%s: %s is %q, want %q", text, key, got, want[0])
			}
		}
		if got := strings.Join(f.Values("xen.vlan"), " "); got != want[1] {
			t.Errorf("bridge=%s: VLANs %q, want %q", text, got, want[1])
		}
		if want[1] != "" {
			if _, err := ParseVLAN(want[1]); err != nil {
				t.Error(err)
			}
		}
		// With both, one of the two would be passed over.
		b.nodes["backend/vif/3/1/vlan"] = "40"
		f = NewFacts(t.Context(), b, device, nil)
		if got := append(f.Values("bridge"), f.Values("xen.vlan")...); !slices.Equal(got, []string{text, "40"}) {
			t.Errorf("bridge=%s with vlan=40: %q", text, got)
		}
	}
	b := guest3()
	b.nodes["backend/vif/3/1/bridge"] = "xenbr0.10:20"
	f := NewFacts(t.Context(), b, device, nil)
	v, err := ParseVLAN(f.Values("xen.vlan")[0])
	if err != nil || v.Untagged != 10 || len(v.Tagged) != 1 || v.Tagged[0] != [2]uint16{20, 20} {
		t.Errorf("%+v, %v", v, err)
	}
}
