package main

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"vifd/internal/testhost"
)

// TestOneWaitsForItsInterface: a call whose interface does not come keeps nobody else from being served, nor a reload.
func TestOneWaitsForItsInterface(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, xenRules)
	x.bridges(t, "xenbr0")
	x.listenXen(t)
	x.folders(t, 8, 0, nil)
	x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
	waits := make(chan int, 1)
	began := time.Now()
	go func() {
		_, code := x.call(t, "vif-vifd", "online", "vif8.0", 8, 0)
		waits <- code
	}()
	// It is looked for, for 10 s; long before that others must have been served more than once, however soon it got there.
	testhost.Wait(t, "the others to have been served meanwhile", func() bool {
		x.mustCall(t, "vif-vifd", "online", "vif3.0", 3, 0)
		_, _, code := x.run(t, "reload")
		return code == exitDone && time.Since(began) > 2*time.Second
	})
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the others were kept waiting: %v", took)
	}
	x.Guest(t, "vif8.0", "00:16:3e:00:08:00")
	if code := <-waits; code != exitDone {
		t.Errorf("the one that waited: exit %d", code)
	}
}

// TestErrorIsToldLate: what xenstored could not be told while it was away, it is told when it is back.
func TestErrorIsToldLate(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, xenRules)
	x.bridges(t, "xenbr0")
	x.listenXen(t)
	x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
	x.waitKey(t, 3, 0, "hotplug-status", "connected")
	x.store.Kill(t)
	x.Run(t, "ip", "link", "del", "xenbr0")
	x.waitState(t, "failed", "vif3.0")
	x.store.Run(t)
	x.folders(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
	x.waitKey(t, 3, 0, "hotplug-status", "error")
	if reason, _ := x.key(t, 3, 0, "hotplug-error"); !strings.Contains(reason, "xenbr0") {
		t.Errorf("hotplug-error is %q", reason)
	}
}

// TestXenstoredComesLater: a listener that was there before xenstored follows what changes, as any other.
func TestXenstoredComesLater(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, xenRules)
	x.bridges(t, "xenbr0", "xenbr1")
	x.store.Kill(t)
	if err := os.Remove(x.store.Socket); err != nil {
		t.Fatal(err)
	}
	x.listenXen(t)
	x.store.Run(t)
	x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
	x.waitKey(t, 3, 0, "hotplug-status", "connected")
	x.set(t, 3, 0, map[string]string{"bridge": "xenbr1"})
	x.waitLink(t, "vif3.0", "master xenbr1")
}

// TestTapRecovers: a tap that failed and is well again leaves no error behind, and the vif beside it is connected.
func TestTapRecovers(t *testing.T) {
	t.Parallel()
	bothWays(t, xenRules, func(t *testing.T, x *xenHost) {
		x.bridges(t, "xenbr0")
		x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7", "vifname": "web0"})
		x.mustCall(t, "vif-vifd", "online", "vif3.0", 3, 0)
		x.Run(t, "ip", "link", "add", "web0-emu", "type", "bridge")
		x.Run(t, "ip", "tuntap", "add", "vif3.0-emu", "mode", "tap")
		if _, code := x.call(t, "vif-vifd", "add", "vif3.0-emu", 3, 0); code != exitFailed {
			t.Errorf("a tap that cannot be named: exit %d", code)
		}
		x.wantStatus(t, 3, 0, "error")
		x.Run(t, "ip", "link", "del", "web0-emu")
		x.mustCall(t, "vif-vifd", "add", "vif3.0-emu", 3, 0)
		x.wantStatus(t, 3, 0, "connected")
		if reason, there := x.key(t, 3, 0, "hotplug-error"); there {
			t.Errorf("hotplug-error stays: %q", reason)
		}
	})
}

// TestGoesAtAnyMoment: a guest that dies while its vif is being connected, interface first or folder first, leaves nothing, and nothing of
// xenstore comes back. When in the round that is differs from time to time.
func TestGoesAtAnyMoment(t *testing.T) {
	t.Parallel()
	bothWays(t, xenRules, func(t *testing.T, x *xenHost) {
		x.bridges(t, "xenbr0")
		x.plug(t, 1, 0, map[string]string{"ip": "192.0.2.1"}) // makes the tables, which stay
		x.mustCall(t, "vif-vifd", "online", "vif1.0", 1, 0)
		x.Unplug(t, "vif1.0")
		x.mustCall(t, "vif-vifd", "offline", "vif1.0", 1, 0)
		x.tool(t, "xenstore-rm", "/local/domain/0/backend/vif/1", "/local/domain/1")
		before := x.traces(t)
		for i := range 8 {
			x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7", "vifname": []string{"", "web0"}[i/2%2]})
			var calls sync.WaitGroup
			for range 2 {
				calls.Go(func() { x.call(t, "vif-vifd", "online", "vif3.0", 3, 0) })
			}
			folder := func() { x.tool(t, "xenstore-rm", "/local/domain/0/backend/vif/3") }
			unplug := func() {
				testhost.Wait(t, "the interface to be gone, whatever it is called just now", func() bool {
					for _, name := range []string{"vif3.0", "web0"} {
						if _, err := x.RunErr("ip", "link", "del", name); err == nil {
							return true
						}
					}
					return false
				})
			}
			if i%2 == 0 {
				folder()
				unplug()
			} else {
				unplug()
				folder()
			}
			calls.Go(func() { x.call(t, "vif-vifd", "offline", "vif3.0", 3, 0) })
			calls.Wait()
			x.mustCall(t, "vif-vifd", "offline", "vif3.0", 3, 0)
			x.unchanged(t, before)
		}
	})
}

// TestOnlineAndOfflineAtOnce: whatever order two calls for one vif are taken in, a third one after them counts.
func TestOnlineAndOfflineAtOnce(t *testing.T) {
	t.Parallel()
	bothWays(t, xenRules, func(t *testing.T, x *xenHost) {
		x.bridges(t, "xenbr0")
		x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7 2001:db8::7"})
		for range 4 {
			var calls sync.WaitGroup
			for _, command := range []string{"online", "offline", "online"} {
				calls.Go(func() { x.call(t, "vif-vifd", command, "vif3.0", 3, 0) })
			}
			calls.Wait()
			x.mustCall(t, "vif-vifd", "offline", "vif3.0", 3, 0)
			x.wantLink(t, "vif3.0", "state DOWN")
			x.mustCall(t, "vif-vifd", "online", "vif3.0", 3, 0)
			x.wantLink(t, "vif3.0", "master xenbr0", "UP")
			x.wantStatus(t, 3, 0, "connected")
			x.wantElements(t, 1)
		}
	})
}
