package bridge

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
)

// scene is a fake with a vif that needs every kind of step.
func scene(t *testing.T) (*fake, Port) {
	t.Helper()
	f := newFake(t)
	old := plugBridge(t, f, "xenbr1", 1500)
	vif := f.Plug(t, "vif1.0")
	must(t, f.Set(vif, rtnl.Change{Master: &old, Up: new(true)}))
	f.writes = 0
	return f, Port{
		Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0", Create: true, MTU: 1400, Flags: rtnl.PortFlags{Isolated: new(true)},
		StaticFDB: true, GuestMACs: macs("00:16:3e:00:00:01"),
	}
}

const writesOfScene = 8 // create, finish, down, leave, MAC+MTU+join, flags, pin, up

// TestKilledAnywhere ends Apply before each of its writes. Whatever it leaves, a second Apply makes whole and Undo takes away.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	killed := errors.New("killed")
	for n := 1; n <= writesOfScene+1; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			for _, next := range []string{"apply", "undo", "vif gone"} {
				f, want := scene(t)
				f.before = func(write, _ int, _ *rtnl.Change) error {
					if write >= n {
						return killed
					}
					return nil
				}
				if _, err := Apply(t.Context(), f, want); (n <= writesOfScene) != errors.Is(err, killed) {
					t.Fatalf("killed at write %d: %v", n, err)
				}
				f.before = nil
				if l := linkOf(t, f, "vif1.0"); l.Up() && l.Master == 0 {
					t.Error("the vif is up and in no bridge")
				}
				switch next {
				case "apply":
					_, err := Apply(t.Context(), f, want)
					must(t, err)
					left, err := Plan(t.Context(), f, want)
					must(t, err)
					actiontest.Steps(t, "Plan", left)
				case "vif gone":
					must(t, f.DeleteLink(want.Ifindex))
				}
				_, err := Undo(t.Context(), f, want.State())
				must(t, err)
				if _, err := f.LinkByName("xenbr0"); !errors.Is(err, rtnl.ErrNotFound) {
					t.Errorf("%s, then Undo: the bridge is still there (%v)", next, err)
				}
			}
		})
	}
}

// TestGoneAnywhere has the vif, or the bridge, disappear before each write.
func TestGoneAnywhere(t *testing.T) {
	t.Parallel()
	for n := 1; n <= writesOfScene; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			f, want := scene(t)
			f.before = func(write, _ int, _ *rtnl.Change) error {
				if write == n {
					delete(f.links, want.Ifindex)
				}
				return nil
			}
			result, err := Apply(t.Context(), f, want)
			actiontest.Error(t, err, ErrGone, "")
			_, err = Undo(t.Context(), f, result.State)
			must(t, err)
			if _, err := f.LinkByName("xenbr0"); !errors.Is(err, rtnl.ErrNotFound) {
				t.Errorf("the bridge is still there (%v)", err)
			}

			f, want = scene(t)
			f.before = func(write, _ int, _ *rtnl.Change) error {
				if b, err := f.LinkByName("xenbr0"); err == nil && write == n {
					f.before = nil
					return f.DeleteLink(b.Index)
				}
				return nil
			}
			_, err = Apply(t.Context(), f, want)
			must(t, err)
			left, err := Plan(t.Context(), f, want)
			must(t, err)
			actiontest.Steps(t, "Plan after the bridge had gone before a write", left)
		})
	}
}

// TestAnotherWasFaster: somebody creates the bridge between our look and our attempt.
func TestAnotherWasFaster(t *testing.T) {
	t.Parallel()
	f, want := scene(t)
	f.before = func(write, _ int, _ *rtnl.Change) error {
		if write == 1 {
			f.add(rtnl.Link{Name: "xenbr0", Kind: rtnl.KindBridge, MTU: 1500})
		}
		return nil
	}
	result, err := Apply(t.Context(), f, want)
	must(t, err)
	if result.BridgeCreated {
		t.Error("claims to have created the bridge")
	}
}

// TestDriverWithoutMAC: a driver that cannot change its MAC is no obstacle; one that fails to is.
func TestDriverWithoutMAC(t *testing.T) {
	t.Parallel()
	for errno, skipped := range map[unix.Errno]bool{unix.EOPNOTSUPP: true, unix.EADDRNOTAVAIL: true, unix.EBUSY: false, unix.EIO: false} {
		t.Run(errno.Error(), func(t *testing.T) {
			t.Parallel()
			f, want := scene(t)
			f.before = func(_, _ int, ch *rtnl.Change) error {
				if ch != nil && ch.MAC != nil {
					return refuse(errno)
				}
				return nil
			}
			result, err := Apply(t.Context(), f, want)
			if !skipped {
				actiontest.Error(t, err, errno, "make vif1.0")
				return
			}
			must(t, err)
			if len(result.Skipped) != 1 || result.Skipped[0].Step.String() != setMAC || !errors.Is(result.Skipped[0].Err, errno) {
				t.Errorf("skipped: %v", result.Skipped)
			}
			if l := linkOf(t, f, "vif1.0"); l.MTU != 1400 || l.Master != linkOf(t, f, "xenbr0").Index || !l.Up() {
				t.Errorf("the link is %+v", l)
			}
		})
	}
}

// TestLyingDriver says yes to an MTU and does not set it.
func TestLyingDriver(t *testing.T) {
	t.Parallel()
	f, want := scene(t)
	f.before = func(_, index int, ch *rtnl.Change) error {
		if ch != nil && index == want.Ifindex {
			ch.MTU = 0
		}
		return nil
	}
	_, err := Apply(t.Context(), f, want)
	actiontest.Error(t, err, ErrUnmet, "the mtu is 1500, wanted 1400")
}

func TestApplyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for n := range writesOfScene {
		f, want := scene(t)
		ctx, cancel := context.WithCancel(t.Context())
		f.before = func(write, _ int, _ *rtnl.Change) error {
			if write == n {
				cancel()
			}
			return nil
		}
		if n == 0 {
			cancel()
		}
		_, err := Apply(ctx, f, want)
		actiontest.Error(t, err, context.Canceled, "make vif1.0")
		if f.writes != n {
			t.Errorf("cancelled during write %d, made %d", n, f.writes)
		}
		cancel()
	}
}
