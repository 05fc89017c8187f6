package nlsock_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifd/internal/nlsock"
	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

// group is one of NETLINK_USERSOCK's, the protocol on which programs talk among themselves.
const group = 3

func rawSocket(h *testhost.Host, groups uint32) (fd int, port uint32, err error) {
	err = h.DoErr(func() error {
		var err error
		if fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_USERSOCK); err != nil {
			return fmt.Errorf("socket: %w", err)
		}
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return fmt.Errorf("getsockname: %w", err)
		}
		port = sa.(*unix.SockaddrNetlink).Pid
		return nil
	})
	return fd, port, err
}

// pair is a socket under test and one that sends to it.
type pair struct {
	*nlsock.Socket
	port     uint32 // of the socket under test
	from     int
	fromPort uint32
}

func newPair(t testing.TB) pair {
	t.Helper()
	h := testhost.New(t)
	fd, port, err := rawSocket(h, 1<<(group-1))
	if err != nil {
		t.Fatal(err)
	}
	s, err := nlsock.Wrap(fd, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	from, fromPort, err := rawSocket(h, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(from) })
	return pair{s, port, from, fromPort}
}

func (p pair) multicast(t testing.TB, data string) {
	t.Helper()
	err := unix.Sendto(p.from, []byte(data), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (group - 1)})
	// The kernel delivers to the group, then to port 0, its own, where on this protocol nobody is.
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatalf("multicasting %d bytes: %v", len(data), err)
	}
}

func (p pair) unicast(t testing.TB, data string) {
	t.Helper()
	if err := unix.Sendto(p.from, []byte(data), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: p.port}); err != nil {
		t.Fatalf("sending %d bytes: %v", len(data), err)
	}
}

func (p pair) mustReceive(t testing.TB) nlsock.Message {
	t.Helper()
	m, err := p.Receive(t.Context())
	if err != nil {
		t.Fatalf("Receive: %v", err)
	}
	return m
}

func TestWrapPreparesTheDescriptor(t *testing.T) {
	t.Parallel()
	fd, _, err := rawSocket(testhost.New(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := nlsock.Wrap(fd, "test")
	if err != nil {
		t.Fatal(err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor flags %#x (%v), want FD_CLOEXEC", flags, err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("file flags %#x (%v), want O_NONBLOCK", flags, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestWrapRefusesWhatIsNoNetlinkSocket(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		open func() (int, error)
		want string
	}{
		{"an IPv4 socket", func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0) }, "address family 2 is not AF_NETLINK"},
		{"a file", func() (int, error) { return unix.Open("/dev/null", unix.O_RDONLY, 0) }, "socket operation on non-socket"},
		{"no descriptor", func() (int, error) { return -1, nil }, "bad file descriptor"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fd, err := tc.open()
			if err != nil {
				t.Fatal(err)
			}
			_, err = nlsock.Wrap(fd, "test")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("Wrap: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestSender(t *testing.T) {
	t.Parallel()
	p := newPair(t)

	p.multicast(t, "without")
	if m := p.mustReceive(t); m.HasCred {
		t.Errorf("credentials %+v before they were asked for", m.Cred)
	}

	p.multicast(t, "to all")
	p.unicast(t, "to one")
	if err := p.PassCredentials(); err != nil { // after sending: queued messages have credentials too
		t.Fatal(err)
	}
	for _, tc := range []struct {
		data   string
		groups uint32
	}{{"to all", 1 << (group - 1)}, {"to one", 0}} {
		m := p.mustReceive(t)
		if string(m.Data) != tc.data || m.Port != p.fromPort || m.Groups != tc.groups {
			t.Errorf("received %q from port %d to groups %d, want %q, %d, %d", m.Data, m.Port, m.Groups, tc.data, p.fromPort, tc.groups)
		}
		want := unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
		if !m.HasCred || m.Cred != want {
			t.Errorf("credentials %+v (%v), want %+v", m.Cred, m.HasCred, want)
		}
	}
}

func TestTryReceive(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if _, err := p.TryReceive(); !errors.Is(err, nlsock.ErrWouldBlock) {
		t.Errorf("TryReceive of nothing: %v, want ErrWouldBlock", err)
	}
	p.multicast(t, "one")
	if m, err := p.TryReceive(); err != nil || string(m.Data) != "one" {
		t.Errorf("TryReceive: %q, %v, want the message", m.Data, err)
	}
	// A context that has ended is of no concern to TryReceive, nor to a later Receive with another one.
	ctx, cancel := context.WithCancel(t.Context())
	p.multicast(t, "two")
	if _, err := p.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := p.TryReceive(); !errors.Is(err, nlsock.ErrWouldBlock) {
		t.Errorf("TryReceive after the end of a context: %v, want ErrWouldBlock", err)
	}
	p.multicast(t, "three")
	if m := p.mustReceive(t); string(m.Data) != "three" {
		t.Errorf("received %q, want three", m.Data)
	}
}

func TestTooLongIsDiscarded(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.multicast(t, strings.Repeat("x", nlsock.MaxMessage))
	if m := p.mustReceive(t); len(m.Data) != nlsock.MaxMessage {
		t.Errorf("received %d bytes, want %d", len(m.Data), nlsock.MaxMessage)
	}
	p.multicast(t, strings.Repeat("y", nlsock.MaxMessage+1))
	p.multicast(t, "next")
	if m, err := p.Receive(t.Context()); !errors.Is(err, nlsock.ErrTruncated) || m.Data != nil || m.Port != p.fromPort {
		t.Errorf("received %d bytes from %d and %v, want none from %d and ErrTruncated", len(m.Data), m.Port, err, p.fromPort)
	}
	if m := p.mustReceive(t); string(m.Data) != "next" {
		t.Errorf("received %q, want the message after", m.Data)
	}
}

func TestReceiveBuffer(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	const size = 64 << 20
	got, forced, err := p.ForceReceiveBuffer(size)
	if err != nil {
		t.Fatal(err)
	}
	if forced == testhost.Unprivileged() {
		t.Errorf("forced is %v for Unprivileged %v", forced, testhost.Unprivileged())
	}
	if forced && got != 2*size {
		t.Errorf("forced buffer of %d bytes, want %d", got, 2*size)
	}
	if !forced && got <= 0 {
		t.Errorf("buffer of %d bytes", got)
	}
}

func TestOverflow(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if _, _, err := p.ForceReceiveBuffer(4096); err != nil {
		t.Fatal(err)
	}
	limit, err := p.QueueLimit()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * limit {
		p.multicast(t, fmt.Sprint(i))
	}
	// First and once the news, then what was queued, in order.
	if _, err := p.Receive(t.Context()); !errors.Is(err, nlsock.ErrOverflow) {
		t.Fatalf("Receive: %v, want ErrOverflow", err)
	}
	received := 0
	for ; ; received++ {
		m, err := p.TryReceive()
		if errors.Is(err, nlsock.ErrWouldBlock) {
			break
		}
		if err != nil || string(m.Data) != fmt.Sprint(received) {
			t.Fatalf("message %d: %q, %v", received, m.Data, err)
		}
		// The kernel takes nothing more until the queue is empty. The last message empties it.
		if received == 0 {
			p.multicast(t, "while draining")
		}
	}
	if received < 2 || received >= limit {
		t.Errorf("%d messages were queued, want some, and fewer than QueueLimit, %d", received, limit)
	}
	p.multicast(t, "after")
	if m := p.mustReceive(t); string(m.Data) != "after" {
		t.Errorf("received %q, want the message sent after the queue was empty", m.Data)
	}
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for i := range 50 { // each time with a context of its own, cancelled at another moment
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			for {
				if _, err := p.Receive(ctx); err != nil {
					result <- err
					return
				}
			}
		}()
		if i%2 == 0 {
			p.multicast(t, "in between")
		}
		cancel()
		select {
		case err := <-result:
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("Receive: %v, want context.Canceled", err)
			}
		case <-time.After(testhost.Patience):
			t.Fatal("Receive goes on after its context was cancelled")
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	for {
		if _, err := p.Receive(ctx); err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Receive: %v, want context.DeadlineExceeded", err)
			}
			break
		}
	}
}

func TestReceiveEndsUnderFire(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for range 20 {
		p.multicast(t, "pending")
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := p.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := p.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Receive with messages queued: %v, want context.Canceled", err)
	}
}

func TestCloseEndsReceive(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	result := make(chan error, 1)
	go func() {
		for {
			if _, err := p.Receive(t.Context()); err != nil {
				result <- err
				return
			}
		}
	}()
	p.multicast(t, "one")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-result:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("Receive: %v, want net.ErrClosed", err)
		}
	case <-time.After(testhost.Patience):
		t.Fatal("Receive goes on after Close")
	}
	if _, err := p.Receive(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Receive after Close: %v, want net.ErrClosed", err)
	}
	if _, err := p.TryReceive(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("TryReceive after Close: %v, want net.ErrClosed", err)
	}
}

// overflowUID is shown for users that a user namespace does not know (user_namespaces(7)).
const overflowUID = 65534

// TestKernelMessages receives what the link monitor will. The kernel is port 0 and pid 0 everywhere; its uid is that of the
// first namespace's root, whom another user namespace does not know. (Uevents alone carry the owner's root.)
func TestKernelMessages(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	var fd int
	h.Do(t, func() (err error) {
		if fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_LINK - 1)})
	})
	s, err := nlsock.Wrap(fd, "links")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.PassCredentials(); err != nil {
		t.Fatal(err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "br0"
	if err := h.Links().LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		t.Fatal(err)
	}
	m, err := s.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := unix.Ucred{}
	if testhost.Unprivileged() {
		want.Uid, want.Gid = overflowUID, overflowUID
	}
	if m.Port != 0 || m.Groups != 1<<(unix.RTNLGRP_LINK-1) || !m.HasCred || m.Cred != want {
		t.Errorf("from port %d, groups %d, credentials %+v (%v), want those of the kernel, %+v", m.Port, m.Groups, m.Cred, m.HasCred, want)
	}
	if !strings.Contains(string(m.Data), "br0\x00") {
		t.Errorf("the message does not name br0: %q", m.Data)
	}
}

func TestReceiveDoesNotAllocate(t *testing.T) {
	p := newPair(t)
	if err := p.PassCredentials(); err != nil {
		t.Fatal(err)
	}
	data, to := []byte("message"), &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: p.port}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	allocs := testing.AllocsPerRun(1000, func() {
		if err := unix.Sendto(p.from, data, 0, to); err != nil {
			t.Fatal(err)
		}
		if m, err := p.Receive(ctx); err != nil || len(m.Data) != len(data) {
			t.Fatalf("received %d bytes, %v", len(m.Data), err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per message, want 0", allocs)
	}
}

func BenchmarkReceive(b *testing.B) {
	p := newPair(b)
	data, to := make([]byte, 200), &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: p.port}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if err := unix.Sendto(p.from, data, 0, to); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Receive(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
