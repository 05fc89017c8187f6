package link

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

// world is a kernel, real or fake, and what a hypervisor or a person does to it.
type world interface {
	host() Host
	Plug(t testing.TB, name string) int
	Unplug(t testing.TB, name string)
	Rename(t testing.TB, index int, name string)
}

// kernel is the real one.
type kernel struct {
	*testhost.Host
	links    *rtnl.Conn
	offloads *rtnl.Ethtool
	settings *sysctl.Dir
}

func newKernel(t testing.TB) *kernel {
	h := testhost.New(t)
	return &kernel{
		Host: h, links: testhost.Dial(t, h, rtnl.Dial), offloads: testhost.Dial(t, h, rtnl.DialEthtool), settings: testhost.Dial(t, h, sysctl.Open),
	}
}

func (k *kernel) host() Host { return Host{Links: k.links, Offloads: k.offloads, Settings: k.settings} }

// Plug makes a veth with the values that the fake's have.
func (k *kernel) Plug(t testing.TB, name string) int {
	k.Veths(t, k.Host, name)
	for _, key := range []string{"ipv4/conf/NAME/proxy_arp=1", "ipv6/conf/NAME/accept_ra=1"} {
		k.Run(t, "sysctl", "-w", "net/"+strings.ReplaceAll(key, "NAME", name))
	}
	k.Run(t, "ethtool", "-K", name, "gro", "off")
	link, err := k.links.LinkByName(name)
	must(t, err)
	return link.Index
}

func (k *kernel) Rename(t testing.TB, index int, name string) {
	l, err := k.links.LinkByIndex(index)
	must(t, err)
	k.Run(t, "ip", "link", "set", "dev", l.Name, "name", name)
}

// both runs a scenario with the fake and with the kernel.
func both(t *testing.T, scenario func(t *testing.T, w world)) {
	t.Parallel()
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		scenario(t, newFake())
	})
	t.Run("kernel", func(t *testing.T) {
		t.Parallel()
		scenario(t, newKernel(t))
	})
}

// apply is what the handler does: remember, write that down, apply. It compares the steps, and lets a second time find nothing to do.
func apply(t testing.TB, w world, want Link, old State, steps ...string) State {
	t.Helper()
	state, err := Remember(w.host(), want, old)
	must(t, err)
	state = written(t, state)
	planned, err := Plan(w.host(), want, state)
	must(t, err)
	actiontest.Steps(t, "Plan", planned, steps...)
	result, err := Apply(t.Context(), w.host(), want, state)
	must(t, err)
	actiontest.Steps(t, "Apply", result.Steps, steps...)

	state, err = Remember(w.host(), want, result.State)
	must(t, err)
	if diff := cmp.Diff(result.State, state); diff != "" {
		t.Errorf("a second Remember (-before +after):\n%s", diff)
	}
	again, err := Apply(t.Context(), w.host(), want, state)
	must(t, err)
	actiontest.Steps(t, "a second Apply", again.Steps)
	return written(t, again.State)
}

// written is a State that has been written down and read.
func written(t testing.TB, s State) State {
	t.Helper()
	text, err := json.Marshal(s)
	must(t, err)
	var read State
	must(t, json.Unmarshal(text, &read))
	return read
}

func undoes(t testing.TB, w world, state State, steps ...string) {
	t.Helper()
	done, err := Undo(t.Context(), w.host(), state)
	must(t, err)
	actiontest.Steps(t, "Undo", done, steps...)
	again, err := Undo(t.Context(), w.host(), state)
	must(t, err)
	actiontest.Steps(t, "a second Undo", again)
}

// now is all that matters of a link.
func now(t testing.TB, w world, index int) map[string]string {
	t.Helper()
	h := w.host()
	l, err := h.Links.LinkByIndex(index)
	must(t, err)
	v := linkValues(l)
	features, err := h.Offloads.Features(index)
	must(t, err)
	for name, f := range features {
		v[keyOffload+name] = fmt.Sprint(f)
	}
	for _, key := range []string{"ipv4.proxy_arp", "ipv4.neigh.proxy_delay", "ipv6.accept_ra"} {
		name, err := SettingName(l.Name, key)
		must(t, err)
		v[key], err = h.Settings.Get(name)
		must(t, err)
	}
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
