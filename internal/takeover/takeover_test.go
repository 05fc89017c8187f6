package takeover_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vifd/internal/takeover"
)

// TestStartAndStop takes a host over and gives it back, with packets on their way.
func TestStartAndStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.state(t)
	ping4, ping6 := w.ping(t, "192.0.2.1"), w.ping(t, "2001:db8::1")
	result, err := w.start(t)
	must(t, err)
	if text := fmt.Sprint(result.Warnings); !strings.Contains(text, "192.0.2.77/32 of eth0 ends in") {
		t.Errorf("no word of the leased address: %s", text)
	}
	started := w.state(t)
	w.mustPing(t, "192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", "2001:db8::2")
	for _, want := range []string{
		"default via 192.0.2.254 dev xenbr0 table main proto boot scope global src 192.0.2.2",
		"10.1.0.0/16 via 192.0.2.254 dev xenbr0 table main proto boot scope global metric 100 mtu 1400 advmss 1300",
		"10.3.0.0/16 dev xenbr0 table main proto boot scope link \nunicast 10.3.0.0/16 dev eth1",
		"default via fe80::fe dev xenbr0",
		"1001:\tfrom all iif xenbr0 lookup 100 proto unspec\n1001:\tfrom all fwmark 0x7 oif xenbr0 lookup 100 proto unspec\n1001:\tfrom all iif eth1",
		"192.0.2.50 dev xenbr0 lladdr 02:00:00:00:00:50 PERMANENT",
		"inet 192.0.2.2/24 scope global secondary xenbr0:1",
	} {
		if !strings.Contains(started, want) {
			t.Errorf("started, the host does not have %q", want)
		}
	}
	for _, line := range strings.Split(w.Run(t, "ip", "route", "show", "table", "all")+w.Run(t, "ip", "-o", "-4", "addr"), "\n") {
		if strings.Contains(line, "dev eth0") && !strings.Contains(line, "fe80::") && !strings.Contains(line, "ff00::/8") || strings.HasPrefix(line, "2: eth0") {
			t.Errorf("eth0 still has %q", line)
		}
	}
	again, err := w.start(t)
	must(t, err)
	if !again.Already {
		t.Error("started a second time")
	}
	same(t, "a second start", started, w.state(t))
	must(t, w.stop(t, false))
	for what, p := range map[string]*pinger{"IPv4": ping4, "IPv6": ping6} {
		if lost := p.lost(t); lost > time.Second {
			t.Errorf("%s was silent for %v", what, lost)
		} else {
			t.Logf("%s was silent for %v", what, lost)
		}
	}
	same(t, "stop", before, w.state(t))
	if left := w.Run(t, "sh", "-c", "ls "+w.dir); strings.Contains(left, ".json") {
		t.Errorf("left behind: %s", left)
	}
	w.mustPing(t, "192.0.2.1", "2001:db8::1")
	if t.Failed() {
		t.Logf("before:\n%s\nstarted:\n%s", before, started)
	}
}

// TestWatch puts back at once what a killed process left half done, without waiting for a deadline.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := small(t)
	before := w.state(t)
	if out, err := w.child("start", 20); err == nil || !strings.Contains(out, "killed") {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(w.state(t), "xenbr0") {
		t.Error("killed too early to prove anything")
	}
	watching := false
	must(t, w.with(t, func(m *takeover.Manager) error {
		return m.Watch(t.Context(), "xenbr0", func() { watching = true })
	}))
	if !watching {
		t.Error("the watchdog never said that it watches")
	}
	same(t, "watched", before, w.state(t))
}

// TestUplinkGone can only be let go of.
func TestUplinkGone(t *testing.T) {
	t.Parallel()
	w := small(t)
	_, err := w.start(t)
	must(t, err)
	w.Unplug(t, "eth0")
	if err := w.stop(t, false); err == nil || !strings.Contains(err.Error(), "eth0 has gone") {
		t.Errorf("stop: %v", err)
	}
	must(t, w.stop(t, true))
	if state := w.state(t); strings.Contains(state, "xenbr0") {
		t.Errorf("left behind:\n%s", state)
	}
}
