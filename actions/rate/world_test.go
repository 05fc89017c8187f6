package rate

import (
	"strings"
	"testing"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

// world is a kernel, real or fake, and what a hypervisor or a person does to it.
type world interface {
	Conn
	Plug(t testing.TB, name string) int // a new vif, up
	Unplug(t testing.TB, name string)
	Rename(t testing.TB, index int, name string)
	Person(t testing.TB, command string)
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
	k.host.Run(t, "ip", "link", "set", "dev", name, "up")
	return linkOf(t, k, name).Index
}

func (k *kernel) Unplug(t testing.TB, name string) { k.host.Unplug(t, name) }

func (k *kernel) Rename(t testing.TB, index int, name string) {
	l, err := k.LinkByIndex(index)
	must(t, err)
	k.host.Run(t, "ip", "link", "set", "dev", l.Name, "down") // before Linux 6.3 one that is up keeps its name
	k.host.Run(t, "ip", "link", "set", "dev", l.Name, "name", name)
	k.host.Run(t, "ip", "link", "set", "dev", name, "up")
}

func (k *kernel) Person(t testing.TB, command string) {
	t.Helper()
	k.host.Run(t, "sh", "-c", command)
}

func linkOf(t testing.TB, conn Reader, name string) rtnl.Link {
	t.Helper()
	l, err := conn.LinkByName(name)
	must(t, err)
	return l
}

// both runs a scenario with the fake and with the kernel.
func both(t *testing.T, scenario func(t *testing.T, w world, k Kernel)) {
	t.Parallel()
	run := func(name string, open func(t testing.TB) world) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			k, err := Probe(w)
			must(t, err)
			scenario(t, w, k)
		})
	}
	run("fake", func(testing.TB) world { return newFake() })
	run("kernel", func(t testing.TB) world { return newKernel(t) })
}

// apply runs Apply, compares its steps, and lets a second Apply and a Plan find nothing left to do. In the steps IFB stands for the
// name of the ifb device, and MATCH for what matches everything.
func apply(t testing.TB, w world, k Kernel, want Rate, steps ...string) State {
	t.Helper()
	planned, err := Plan(t.Context(), w, k, want)
	must(t, err)
	result, err := Apply(t.Context(), w, k, want)
	must(t, err)
	steps = fill(steps, k, want.Ifindex)
	actiontest.Steps(t, "Plan", planned, steps...)
	actiontest.Steps(t, "Apply", result.Steps, steps...)
	again, err := Apply(t.Context(), w, k, want)
	must(t, err)
	actiontest.Steps(t, "a second Apply", again.Steps)
	left, err := Plan(t.Context(), w, k, want)
	must(t, err)
	actiontest.Steps(t, "Plan after Apply", left)
	return result.State
}

func fill(steps []string, k Kernel, index int) []string {
	match := string(k.classifier)
	if k.classifier == rtnl.U32 {
		match += " match u32 0 0 at -12"
	}
	var out []string
	for _, s := range steps {
		out = append(out, strings.NewReplacer("IFB", Name(index), "MATCH", match).Replace(s))
	}
	return out
}

func undoes(t testing.TB, w world, state State, steps ...string) {
	t.Helper()
	done, err := Undo(t.Context(), w, state)
	must(t, err)
	actiontest.Steps(t, "Undo", done, fill(steps, Kernel{}, state.Ifindex)...)
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
