package main

import (
	"strings"
	"syscall"
	"testing"

	"vifd/internal/testhost"
)

// talking reports whether the listener has a client (State in /proc/net/unix is SS_CONNECTED of include/uapi/linux/net.h).
func (h *host) talking(t *testing.T) bool {
	t.Helper()
	for line := range strings.Lines(h.Run(t, "cat", "/proc/net/unix")) {
		if f := strings.Fields(line); len(f) == 8 && f[5] == "03" && strings.HasPrefix(f[7], h.state) {
			return true
		}
	}
	return false
}

// answer is what a call ends with.
type answer struct {
	errs string
	code int
}

// handedOver makes a call for vif3.0 which is to wait, and returns once the listener has it.
func (x *xenHost) handedOver(t *testing.T) <-chan answer {
	t.Helper()
	done := make(chan answer, 1)
	go func() {
		errs, code := x.call(t, "vif-vifd", "online", "vif3.0", 3, 0)
		done <- answer{errs, code}
	}()
	testhost.Wait(t, "the call to be handed over", func() bool { return x.talking(t) })
	return done
}

// TestStoppedWhileXenWaits ends a listener while a call waits for it: the guest starts all the same.
func TestStoppedWhileXenWaits(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, xenRules)
	x.bridges(t, "xenbr0")
	p := x.listenXen(t)
	x.plug(t, 3, 0, nil)
	x.waitState(t, "configured", "vif3.0")
	x.store.Freeze(t) // the round waits for it, as it would behind other guests' rounds
	done := x.handedOver(t)
	p.Signal(t, syscall.SIGTERM)
	x.store.Thaw(t)
	if a := <-done; a.code != exitDone {
		t.Errorf("exit %d: %s", a.code, a.errs)
	}
	<-p.Done()
	x.wantStatus(t, 3, 0, "connected")
}

// TestStoppedWhileXenWaitsForTheInterface ends a listener while a call waits for its interface: the listener does not wait for that, and the guest
// starts when it comes.
func TestStoppedWhileXenWaitsForTheInterface(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, xenRules)
	x.bridges(t, "xenbr0")
	p := x.listenXen(t)
	mac := x.folders(t, 3, 0, nil)
	done := x.handedOver(t)
	p.Signal(t, syscall.SIGTERM)
	<-p.Done()
	x.Guest(t, "vif3.0", mac)
	if a := <-done; a.code != exitDone {
		t.Errorf("exit %d: %s", a.code, a.errs)
	}
	x.wantStatus(t, 3, 0, "connected")
	x.wantLink(t, "vif3.0", "master xenbr0", "UP")
}

// TestReloadWaitsBesideAResync: what is lost of events does not take the place of a reload that was asked for.
func TestReloadWaitsBesideAResync(t *testing.T) {
	t.Parallel()
	l := newListener(t.Context(), nil, nil, nil)
	wake(l.lost, "uevents were lost")
	wake(l.lost, "link messages were lost")
	wake(l.hung, "SIGHUP")
	if len(l.lost) != 1 || len(l.hung) != 1 {
		t.Errorf("%d resyncs and %d reloads wait, want one of each", len(l.lost), len(l.hung))
	}
}

// TestRemovalComesLate: an interface's end is told when the next one has its name, which is then renamed. Nothing of the first is left.
func TestRemovalComesLate(t *testing.T) {
	t.Parallel()
	bothWays(t, xenRules, func(t *testing.T, x *xenHost) {
		x.bridges(t, "xenbr0")
		x.plug(t, 3, 1, map[string]string{"ip": "192.0.2.7"})
		x.mustCall(t, "vif-vifd", "online", "vif3.1", 3, 1)
		old := x.ifindex(t, "vif3.1")
		x.Unplug(t, "vif3.1")
		x.tool(t, "xenstore-rm", backendPath(3, 1))
		x.plug(t, 3, 1, map[string]string{"ip": "192.0.2.8", "vifname": "web3-1"})
		x.event(t, "remove", "vif3.1", old)
		x.mustCall(t, "vif-vifd", "online", "vif3.1", 3, 1)
		if out := x.Run(t, "nft", "list", "table", "bridge", "vifd"); strings.Contains(out, "192.0.2.7") || strings.Contains(out, `"vif3.1"`) || !strings.Contains(out, `"web3-1"`) {
			t.Errorf("the guards are\n%s", out)
		}
	})
}
