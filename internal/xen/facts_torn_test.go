package xen

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"vifd/internal/xenstore"
)

// torn is a store in which the folder of device goes, or comes, after so many reads: xenstored answers requests that were sent together one by
// one, and another's between them.
type torn struct {
	nodes map[string]string
	left  int
	comes bool
}

func (s *torn) ReadMany(_ context.Context, paths ...string) ([]xenstore.Value, error) {
	values := make([]xenstore.Value, len(paths))
	for i, p := range paths {
		if there := s.left > 0; there != s.comes || !strings.HasPrefix(p, device.Path) {
			values[i].Text, values[i].OK = s.nodes[p]
		}
		s.left--
	}
	return values, nil
}

// TestFactsOfATornFolder: a folder that goes or comes while it is read says nothing of what is not in it, whenever it is, and nothing of
// it is remembered.
func TestFactsOfATornFolder(t *testing.T) {
	t.Parallel()
	keys := []string{"ip", "bridge", "mac", "xen.odd-key", "script"}
	nodes := guest3().nodes
	ask := func(s *torn, before Memory) (*Facts, map[string][]string) {
		f, got := NewFacts(t.Context(), s, device, before), map[string][]string{}
		for _, key := range keys {
			got[key] = f.Values(key)
		}
		return f, got
	}
	whole, want := ask(&torn{nodes: nodes, left: 1000}, nil)
	memory := whole.Memory()
	if whole.Doubt() != nil || want["ip"] == nil || want["xen.odd-key"] == nil {
		t.Fatalf("a whole folder: %v, %v", want, whole.Doubt())
	}
	const reads = 15 // frontend, eleven keys and frontend again, then odd-key and frontend
	if f, _ := ask(&torn{nodes: nodes, left: reads}, nil); f.Doubt() != nil {
		t.Errorf("after %d reads: %v", reads, f.Doubt())
	}
	for left := range reads {
		for _, comes := range []bool{false, true} {
			for _, before := range []Memory{nil, memory} {
				if comes && left == 0 {
					continue // it is there all the time
				}
				f, got := ask(&torn{nodes, left, comes}, before)
				same := maps.EqualFunc(got, want, slices.Equal)
				switch {
				case before != nil && (!same || f.Doubt() != nil):
					t.Errorf("left %d, comes %v: %v, %v; it is all remembered", left, comes, got, f.Doubt())
				case before == nil && f.Doubt() == nil:
					t.Errorf("left %d, comes %v: %v, without a doubt", left, comes, got)
				}
				if !maps.Equal(f.Memory(), before) {
					t.Errorf("left %d, comes %v: remembered %v", left, comes, f.Memory())
				}
			}
		}
	}
}

// TestFactsOfAGuestOnItsWay: a guest that xl migrates is the one that it is called after, there and here; a name that anybody else gave is
// a name.
func TestFactsOfAGuestOnItsWay(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"web--incoming": "web", "web--migratedaway": "web", "web-incoming": "web-incoming", "web--incoming-2": "web--incoming-2",
		"--incoming": "--incoming", "a--b--incoming": "a--b",
	} {
		b := guest3()
		b.nodes["/local/domain/3/name"] = name
		if got := NewFacts(t.Context(), b, device, nil).Values("domain"); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is domain %q, want %s", name, got, want)
		}
	}
}
