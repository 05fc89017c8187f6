package route

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

// world is a kernel, and what a test has done to its answers: before may refuse the nth write, of whatever kind.
type world struct {
	*rtnl.Conn
	sysctls sysctls
	host    *testhost.Host

	saved  ForwardingState
	writes int
	before func(write int) error
}

type sysctls struct {
	*sysctl.Dir
	w *world
}

func newWorld(t testing.TB) *world {
	t.Helper()
	h := testhost.New(t)
	w := &world{Conn: testhost.Dial(t, h, rtnl.Dial), host: h}
	w.sysctls = sysctls{Dir: testhost.Dial(t, h, sysctl.Open), w: w}
	return w
}

// start is a process that starts, with what was saved and is on record.
func (w *world) start(users ...State) Host {
	return Host{Conn: w, Sysctls: w.sysctls, Shared: NewForwarding(w.saved, func(s ForwardingState) error {
		if err := w.write(); err != nil {
			return err
		}
		w.saved = s
		return nil
	}, users...)}
}

func (w *world) write() error {
	w.writes++
	if w.before != nil {
		return w.before(w.writes)
	}
	return nil
}

func (s sysctls) Set(name sysctl.Name, value string, still func() error) (string, error) {
	if err := s.w.write(); err != nil {
		return "", err
	}
	return s.Dir.Set(name, value, still)
}

func (w *world) Set(index int, ch rtnl.Change) error {
	return after(w, func() error { return w.Conn.Set(index, ch) })
}

func (w *world) ReplaceAddress(a rtnl.Address) error {
	return after(w, func() error { return w.Conn.ReplaceAddress(a) })
}

func (w *world) DeleteAddress(a rtnl.Address) error {
	return after(w, func() error { return w.Conn.DeleteAddress(a) })
}

func (w *world) ReplaceRoute(r rtnl.Route) error {
	return after(w, func() error { return w.Conn.ReplaceRoute(r) })
}

func (w *world) DeleteRoute(r rtnl.Route) error {
	return after(w, func() error { return w.Conn.DeleteRoute(r) })
}

func (w *world) SetNeighbour(n rtnl.Neighbour) error {
	return after(w, func() error { return w.Conn.SetNeighbour(n) })
}

func (w *world) DeleteNeighbour(index int, addr netip.Addr) error {
	return after(w, func() error { return w.Conn.DeleteNeighbour(index, addr) })
}

func (w *world) AddProxy(index int, addr netip.Addr, protocol uint8) error {
	return after(w, func() error { return w.Conn.AddProxy(index, addr, protocol) })
}

func (w *world) DeleteProxy(index int, addr netip.Addr) error {
	return after(w, func() error { return w.Conn.DeleteProxy(index, addr) })
}

func after(w *world, f func() error) error {
	if err := w.write(); err != nil {
		return err
	}
	return f()
}

// snapshot is everything of the host that vifd could leave something in, as text.
func (w *world) snapshot(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, command := range []string{
		"ip addr", "ip route show table all", "ip -6 route show table all", "ip neigh show proxy", "ip neigh show nud permanent",
		"sysctl -a --pattern ^net.ipv[46].(conf|ip_forward)",
	} {
		args := strings.Fields(command)
		fmt.Fprintf(&b, "# %s\n%s", command, w.host.Run(t, args[0], args[1:]...))
	}
	return b.String()
}

// outside is the host's uplink eth0 with a network of one beyond it.
func (w *world) outside(t testing.TB, addrs ...string) *testhost.Host {
	t.Helper()
	far := w.host.Guest(t, "eth0", "00:16:3e:00:ff:01", addrs...)
	w.host.Run(t, "ip", "link", "set", "dev", "eth0", "addrgenmode", "none") // its address would be tentative, and then not
	w.host.Run(t, "ip", "link", "set", "dev", "eth0", "up")
	w.host.Run(t, "ip", "addr", "add", "192.0.2.1/24", "dev", "eth0")
	w.host.Run(t, "ip", "addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
	w.host.WaitUp(t, "eth0")
	w.host.WaitLocal(t, "2001:db8::1")
	return far
}

func (w *world) link(t testing.TB, name string) Link {
	t.Helper()
	l, err := w.LinkByName(name)
	must(t, err)
	return Link{Ifindex: l.Index, Name: name}
}

func (w *world) mac(t testing.TB, name string) net.HardwareAddr {
	t.Helper()
	l, err := w.LinkByName(name)
	must(t, err)
	return l.MAC
}

// apply prepares and applies, compares the steps, and lets a second Apply and a Plan find nothing left to do.
func apply(t testing.TB, h Host, want Route, before State, steps ...string) State {
	t.Helper()
	state, err := Prepare(h.Conn, h.Sysctls, want, before)
	must(t, err)
	planned, err := Plan(t.Context(), h, want, state)
	must(t, err)
	result, err := Apply(t.Context(), h, want, state)
	must(t, err)
	if steps != nil {
		actiontest.Steps(t, "Plan", planned, steps...)
		actiontest.Steps(t, "Apply", result.Steps, steps...)
	}
	unchanged(t, h, want, result.State)
	return result.State
}

func unchanged(t testing.TB, h Host, want Route, state State) {
	t.Helper()
	again, err := Prepare(h.Conn, h.Sysctls, want, state)
	must(t, err)
	if diff := cmp.Diff(state, again, compareAddr); diff != "" {
		t.Errorf("a second Prepare (-was +is):\n%s", diff)
	}
	result, err := Apply(t.Context(), h, want, again)
	must(t, err)
	actiontest.Steps(t, "a second Apply", result.Steps)
	left, err := Plan(t.Context(), h, want, again)
	must(t, err)
	actiontest.Steps(t, "Plan after Apply", left)
}

var compareAddr = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func undoes(t testing.TB, h Host, state State, steps ...string) {
	t.Helper()
	done, err := Undo(t.Context(), h, state)
	must(t, err)
	if steps != nil {
		actiontest.Steps(t, "Undo", done, steps...)
	}
	again, err := Undo(context.Background(), h, state)
	must(t, err)
	actiontest.Steps(t, "a second Undo", again)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, what, before, after string) {
	t.Helper()
	if diff := cmp.Diff(lines(before), lines(after)); diff != "" {
		t.Errorf("%s (-before +after):\n%s", what, diff)
	}
}

// lines are those of a text without what counts time, and without the queue that a link has from its first going up.
func lines(text string) []string {
	list := strings.Split(strings.ReplaceAll(text, "qdisc noop ", "qdisc noqueue "), "\n")
	return slices.DeleteFunc(list, func(l string) bool { return strings.Contains(l, "valid_lft") })
}

func prefixes(s ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, one := range s {
		list = append(list, netip.MustParsePrefix(one))
	}
	return list
}
