package rtnl_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

// heard collects what a Monitor tells.
type heard struct {
	mu        sync.Mutex
	links     []rtnl.Link
	gone      []rtnl.Link
	overflows int
}

func (s *heard) Link(l rtnl.Link, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if gone {
		s.gone = append(s.gone, l)
		return
	}
	s.links = append(s.links, l)
}

func (s *heard) Overflow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overflows++
}

// expect waits until a link has been told of that is as cond wants it, and forgets what came before.
func (s *heard) expect(t *testing.T, what string, cond func(l rtnl.Link, gone bool) bool) {
	t.Helper()
	testhost.Wait(t, what, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		found := false
		for _, l := range s.links {
			found = found || cond(l, false)
		}
		for _, l := range s.gone {
			found = found || cond(l, true)
		}
		if found {
			s.links, s.gone = nil, nil
		}
		return found
	})
}

func monitor(t *testing.T, h *testhost.Host, buffer int) *rtnl.Monitor {
	t.Helper()
	var m *rtnl.Monitor
	h.Do(t, func() (err error) {
		m, err = rtnl.OpenMonitor(buffer)
		return err
	})
	t.Cleanup(func() { _ = m.Close() }) // some tests have closed it
	return m
}

func run(t *testing.T, m *rtnl.Monitor, s rtnl.Sink) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v, want its context's error", err)
		}
	})
}

// TestMonitor makes every change that uevents do not tell of, with ip(8) and bridge(8), and those that they do.
func TestMonitor(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	m := monitor(t, h, rtnl.MonitorBuffer)
	if m.Forced() == testhost.Unprivileged() {
		t.Errorf("receive buffer forced: %v, in a user namespace: %v", m.Forced(), testhost.Unprivileged())
	}
	s := &heard{}
	run(t, m, s)
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
	h.Veths(t, h, "vif1.0")
	bridge, vif := ip(t, h, "dev", "xenbr0")[0].Ifindex, ip(t, h, "dev", "vif1.0")[0].Ifindex
	s.expect(t, "the new link", func(l rtnl.Link, gone bool) bool { return l.Name == "vif1.0" && l.Kind == "veth" && !gone })

	is := func(cond func(l *rtnl.Link) bool) func(l rtnl.Link, gone bool) bool {
		return func(l rtnl.Link, gone bool) bool { return l.Index == vif && !gone && cond(&l) }
	}
	for _, tt := range []struct {
		command []string
		what    func(l *rtnl.Link) bool
	}{
		{[]string{"ip", "link", "set", "vif1.0", "up"}, func(l *rtnl.Link) bool { return l.Up() }},
		{[]string{"ip", "link", "set", "pvif1.0", "up"}, func(l *rtnl.Link) bool { return l.Carrier() }},
		{[]string{"ip", "link", "set", "vif1.0", "down"}, func(l *rtnl.Link) bool { return !l.Up() }},
		{[]string{"ip", "link", "set", "vif1.0", "mtu", "1400"}, func(l *rtnl.Link) bool { return l.MTU == 1400 }},
		{[]string{"ip", "link", "set", "vif1.0", "address", "fe:ff:ff:ff:ff:ff"}, func(l *rtnl.Link) bool { return l.MAC.String() == "fe:ff:ff:ff:ff:ff" }},
		{[]string{"ip", "link", "set", "vif1.0", "name", "vif9.0"}, func(l *rtnl.Link) bool { return l.Name == "vif9.0" }},
		{[]string{"ip", "link", "set", "vif9.0", "master", "xenbr0"}, func(l *rtnl.Link) bool { return !l.Partial && l.Master == bridge && l.Port != nil }},
		{[]string{"bridge", "link", "set", "dev", "vif9.0", "isolated", "on"}, func(l *rtnl.Link) bool { return l.Port != nil && l.Port.Isolated }},
		{[]string{"bridge", "link", "set", "dev", "vif9.0", "learning", "off"}, func(l *rtnl.Link) bool { return l.Port != nil && !l.Port.Learning }},
		{[]string{"ip", "link", "set", "vif9.0", "nomaster"}, func(l *rtnl.Link) bool { return !l.Partial && l.Master == 0 && l.Port == nil }},
	} {
		h.Run(t, tt.command[0], tt.command[1:]...)
		s.expect(t, fmt.Sprint("the change by ", tt.command), is(tt.what))
	}

	// A bridge that says its port has left must not be taken for the link's end.
	h.Run(t, "ip", "link", "set", "vif9.0", "master", "xenbr0")
	h.Run(t, "ip", "link", "delete", "xenbr0")
	s.expect(t, "the port having left", is(func(l *rtnl.Link) bool { return l.Partial && l.Master == 0 && l.Port == nil }))
	h.Run(t, "ip", "link", "set", "vif9.0", "up")
	h.Run(t, "ip", "link", "set", "vif9.0", "alias", "still here")
	testhost.Wait(t, "word of the link after its bridge's end", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range s.gone {
			if l.Index == vif {
				t.Fatal("the link was said to be gone")
			}
		}
		return slices.ContainsFunc(s.links, func(l rtnl.Link) bool { return l.Index == vif && l.Alias == "still here" })
	})
	h.Unplug(t, "vif9.0")
	s.expect(t, "the link's end", func(l rtnl.Link, gone bool) bool { return l.Index == vif && l.Name == "vif9.0" && gone })
	if s.overflows != 0 {
		t.Errorf("%d overflows", s.overflows)
	}
}

// TestMonitorOverflow lets a small buffer overflow before anybody reads. Then it must be said so once, and what comes after must be heard.
func TestMonitorOverflow(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	m := monitor(t, h, 1) // the kernel makes a few KiB of it
	for i := range 50 {
		h.Veths(t, h, fmt.Sprintf("vif%d.0", i))
	}
	s := &heard{}
	run(t, m, s)
	testhost.Wait(t, "the overflow to be told", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.overflows > 0
	})
	s.mu.Lock()
	if s.overflows != 1 {
		t.Errorf("told of %d overflows, want 1", s.overflows)
	}
	if len(s.links) == 0 {
		t.Error("nothing of what was queued before the overflow was told")
	}
	s.mu.Unlock()
	h.Run(t, "ip", "link", "set", "vif49.0", "mtu", "1300")
	s.expect(t, "a change after the overflow", func(l rtnl.Link, gone bool) bool { return l.Name == "vif49.0" && l.MTU == 1300 && !gone })
}

// TestMonitorTrustsTheKernelAlone sends a forged message to the group.
func TestMonitorTrustsTheKernelAlone(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	m := monitor(t, h, rtnl.MonitorBuffer)
	s := &heard{}
	run(t, m, s)
	h.Do(t, func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		forged := make([]byte, 32)
		forged[0], forged[4], forged[20] = 32, unix.RTM_DELLINK, 1 // lo is gone
		err = unix.Sendto(fd, forged, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1})
		if errors.Is(err, unix.ECONNREFUSED) {
			return nil // the kernel's own socket is in no group; the group has been served
		}
		return err
	})
	testhost.Wait(t, "the forged message to be counted", func() bool { return m.Alien() == 1 })
	h.Run(t, "ip", "link", "set", "lo", "alias", "real")
	s.expect(t, "the kernel's message", func(l rtnl.Link, gone bool) bool { return l.Index == 1 && l.Alias == "real" })
	if len(s.gone) != 0 {
		t.Errorf("told that %v are gone", s.gone)
	}
}

func TestMonitorClose(t *testing.T) {
	t.Parallel()
	m := monitor(t, testhost.New(t), rtnl.MonitorBuffer)
	done := make(chan error, 1)
	go func() { done <- m.Run(t.Context(), &heard{}) }()
	must(t, m.Close())
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run returned %v, want net.ErrClosed", err)
	}
}
