package bridge

import (
	"context"
	"net"
	"slices"
	"testing"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

// world is a kernel, real or fake, and what a hypervisor or a person does to it.
type world interface {
	Conn
	Plug(t testing.TB, name string) int // a new vif, down
	Rename(t testing.TB, index int, name string)
	Address(t testing.TB, index int, prefix string)
}

// kernel is the real one.
type kernel struct {
	*rtnl.Conn
	host *testhost.Host
}

func newKernel(t testing.TB) *kernel {
	h := testhost.New(t)
	return &kernel{Conn: testhost.Dial(t, h, rtnl.Dial), host: h}
}

func (k *kernel) Plug(t testing.TB, name string) int {
	k.host.Veths(t, k.host, name)
	return linkOf(t, k, name).Index
}

func (k *kernel) Rename(t testing.TB, index int, name string) {
	k.host.Run(t, "ip", "link", "set", "dev", nameOf(t, k, index), "name", name)
}

func (k *kernel) Address(t testing.TB, index int, prefix string) {
	k.host.Run(t, "ip", "addr", "add", prefix, "dev", nameOf(t, k, index))
}

func linkOf(t testing.TB, conn Reader, name string) rtnl.Link {
	t.Helper()
	l, err := conn.LinkByName(name)
	must(t, err)
	return l
}

func nameOf(t testing.TB, conn Reader, index int) string {
	t.Helper()
	l, err := conn.LinkByIndex(index)
	must(t, err)
	return l.Name
}

// plugBridge makes a bridge as a person would, up, and returns its ifindex.
func plugBridge(t testing.TB, w world, name string, mtu int) int {
	t.Helper()
	must(t, w.CreateBridge(name, 0))
	index := linkOf(t, w, name).Index
	must(t, w.Set(index, rtnl.Change{MTU: mtu, Up: new(true)}))
	return index
}

// both runs a scenario with the fake and with the kernel.
func both(t *testing.T, scenario func(t *testing.T, w world)) {
	t.Parallel()
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		scenario(t, newFake(t))
	})
	t.Run("kernel", func(t *testing.T) {
		t.Parallel()
		scenario(t, newKernel(t))
	})
}

// apply runs Apply, compares its steps, and lets a second Apply and a Plan find nothing left to do.
func apply(t testing.TB, w world, want Port, steps ...string) Result {
	t.Helper()
	planned, err := Plan(t.Context(), w, want)
	must(t, err)
	result, err := Apply(t.Context(), w, want)
	must(t, err)
	actiontest.Steps(t, "Plan", planned, steps...)
	actiontest.Steps(t, "Apply", result.Steps, steps...)
	again, err := Apply(t.Context(), w, want)
	must(t, err)
	actiontest.Steps(t, "a second Apply", again.Steps)
	if again.State != result.State {
		t.Errorf("a second Apply gives state %+v, the first gave %+v", again.State, result.State)
	}
	left, err := Plan(t.Context(), w, want)
	must(t, err)
	actiontest.Steps(t, "Plan after Apply", left)
	return result
}

func undoes(t testing.TB, w world, state State, steps ...string) {
	t.Helper()
	done, err := Undo(t.Context(), w, state)
	must(t, err)
	actiontest.Steps(t, "Undo", done, steps...)
	again, err := Undo(t.Context(), w, state)
	must(t, err)
	actiontest.Steps(t, "a second Undo", again)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func macs(s ...string) []net.HardwareAddr {
	var list []net.HardwareAddr
	for _, one := range s {
		list = append(list, testhost.MAC(one))
	}
	return list
}

func pinnedTo(t testing.TB, w Reader, port int) []string {
	t.Helper()
	list, err := w.PinnedFDB(context.Background(), port)
	must(t, err)
	var s []string
	for _, m := range list {
		s = append(s, m.String())
	}
	slices.Sort(s)
	return s
}
