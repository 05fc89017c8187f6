package uevent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/nlsock"
	"vifd/internal/testhost"
)

// forger sends to NETLINK_KOBJECT_UEVENT as any program can.
type forger struct{ fd int }

func newForger(t testing.TB, h *testhost.Host) forger {
	t.Helper()
	var f forger
	h.Do(t, func() (err error) {
		f.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
		return err
	})
	t.Cleanup(func() { _ = unix.Close(f.fd) })
	return f
}

func (f forger) send(data []byte, port, groups uint32) error {
	return unix.Sendto(f.fd, data, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port, Groups: groups})
}

// request is a message to the kernel which asks it to multicast data as a uevent (uevent_net_rcv in lib/kobject_uevent.c).
func request(data []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(data)))
	b = binary.NativeEndian.AppendUint16(b, unix.NLMSG_MIN_TYPE)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...) // sequence number and port
	return append(b, data...)
}

func properties(action, iface string) string {
	return fmt.Sprintf("ACTION=%s\x00DEVPATH=/devices/virtual/net/%s\x00SUBSYSTEM=net\x00INTERFACE=%s\x00IFINDEX=99\x00", action, iface, iface)
}

func kernelMessage(action, iface string) []byte {
	return []byte(action + "@/devices/virtual/net/" + iface + "\x00" + properties(action, iface))
}

// portOf is the port that the one listener to the source in the host is bound to, as /proc/net/netlink lists it.
func portOf(t testing.TB, h *testhost.Host, source Source) uint32 {
	t.Helper()
	var table []byte
	h.Do(t, func() (err error) {
		table, err = os.ReadFile("/proc/thread-self/net/netlink")
		return err
	})
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line) // sk Eth Pid Groups …
		if len(f) < 4 || f[1] != fmt.Sprint(unix.NETLINK_KOBJECT_UEVENT) || f[3] != fmt.Sprintf("%08x", int(source.mode())) {
			continue
		}
		port, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(port)
	}
	t.Fatalf("no listener in\n%s", table)
	return 0
}

// TestForgedKernelEvents sends what the kernel would, in every way a program has. Root of a namespace is allowed to, in the
// first user namespace and in any other, so it is for the Listener to tell.
func TestForgedKernelEvents(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	l, r := open(t, h, Kernel), &recorder{}
	run(t, l, r)
	f := newForger(t, h)
	port := portOf(t, h, l.source)

	tooLong := make([]byte, nlsock.MaxMessage+1)
	for i, tc := range []struct {
		name string
		send func() error
	}{
		{"multicast", func() error { return f.send(kernelMessage("add", "forged"), 0, 1) }},
		{"unicast", func() error { return f.send(kernelMessage("remove", "forged"), port, 0) }},
		{"relayed by the kernel", func() error { return f.send(request(kernelMessage("add", "forged")), 0, 0) }},
		{"unicast of a queue", func() error { return f.send([]byte("add@/devices/virtual/net/a/queues/rx-0\x00"), port, 0) }},
		{"unicast of rubbish", func() error { return f.send([]byte("rubbish"), port, 0) }},
		{"unicast in udevd's format", func() error { return f.send(udevMessage(properties("add", "forged")), port, 0) }},
		{"unicast too long", func() error { return f.send(tooLong, port, 0) }},
	} {
		if err := tc.send(); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		want := uint64(i + 1)
		testhost.Wait(t, "the forgery to be counted: "+tc.name, func() bool { return l.Stats().Forged == want })
	}
	before := l.Stats()
	sentinel(t, h, r, "vif1.0")

	if got := r.of("forged", 99); len(got) != 0 {
		t.Errorf("believed %+v", got)
	}
	if n := r.overflows(); n != 0 {
		t.Errorf("forgeries caused %d overflows", n)
	}
	if want := (Stats{Received: before.Forged, Forged: before.Forged}); before != want {
		t.Errorf("counted %+v, want %+v", before, want)
	}
}

// TestKernelRefusesOthers shows what the kernel itself takes care of: who lacks CAP_NET_ADMIN sends nothing.
func TestKernelRefusesOthers(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	l, r := open(t, h, Kernel), &recorder{}
	run(t, l, r)
	f := newForger(t, h)
	port := portOf(t, h, l.source)
	h.Do(t, func() error { // on a thread of its own, whose capabilities are its own too
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			return fmt.Errorf("giving up all capabilities: %w", err)
		}
		for _, tc := range []struct {
			name         string
			data         []byte
			port, groups uint32
			want         error
		}{
			{"multicast", kernelMessage("add", "forged"), 0, 1, unix.EPERM},
			{"unicast", kernelMessage("add", "forged"), port, 0, unix.EPERM},
			{"request to the kernel", request(kernelMessage("add", "forged")), 0, 0, nil}, // and is not heeded
		} {
			if err := f.send(tc.data, tc.port, tc.groups); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
			}
		}
		return nil
	})
	sentinel(t, h, r, "vif1.0")
	if got := r.of("forged", 99); len(got) != 0 {
		t.Errorf("believed %+v", got)
	}
	if s := l.Stats(); s.Forged != 0 {
		t.Errorf("received what the kernel should have refused: %+v", s)
	}
}

// TestUdevSource plays udevd, and then somebody who would like to be it.
func TestUdevSource(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	l, r := open(t, h, Udev), &recorder{}
	run(t, l, r)
	f := newForger(t, h)
	port := portOf(t, h, l.source)
	h.Veths(t, testhost.New(t), "kernels-own") // of whose events group 2 does not hear

	for _, tc := range []struct {
		name         string
		data         []byte
		port, groups uint32
		want         Stats // what is added to the counts
	}{
		{"an interface", udevMessage(properties("add", "vif1.0")), 0, 2, Stats{Received: 1, Events: 1}},
		{"a queue", udevMessage("ACTION=add\x00SUBSYSTEM=queues\x00"), 0, 2, Stats{Received: 1, Queues: 1}},
		{"a disk", udevMessage("ACTION=add\x00DEVPATH=/d\x00SUBSYSTEM=block\x00"), 0, 2, Stats{Received: 1, Others: 1}},
		{"unicast", udevMessage(properties("add", "forged")), port, 0, Stats{Received: 1, Forged: 1}},
		{"the kernel's format", kernelMessage("add", "forged"), 0, 2, Stats{Received: 1, Malformed: 1}},
		{"offset behind the end", withNumber(udevMessage(properties("add", "forged")), udevOffsetAt, 1<<20), 0, 2, Stats{Received: 1, Malformed: 1}},
		{"an impossible name", udevMessage(properties("add", "for/ged")), 0, 2, Stats{Received: 1, Malformed: 1}},
	} {
		before := l.Stats()
		if err := f.send(tc.data, tc.port, tc.groups); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		want := Stats{
			Received: before.Received + tc.want.Received, Events: before.Events + tc.want.Events, Queues: before.Queues + tc.want.Queues,
			Others: before.Others + tc.want.Others, Forged: before.Forged + tc.want.Forged, Malformed: before.Malformed + tc.want.Malformed,
		}
		testhost.Wait(t, "the message to be counted: "+tc.name, func() bool { return l.Stats().Received > before.Received && settled(l.Stats()) })
		if got := l.Stats(); got != want {
			t.Errorf("%s: counted %+v, want %+v", tc.name, got, want)
		}
	}
	testhost.Wait(t, "the interface", func() bool { return len(r.of("vif1.0", 0)) == 1 })
	if n := len(r.all()); n != 1 {
		t.Errorf("told of %d events, want one: %+v", n, r.all())
	}

	// A message that was udevd's and too long is an event lost.
	if err := f.send(make([]byte, nlsock.MaxMessage+1), 0, 2); err != nil {
		t.Fatal(err)
	}
	testhost.Wait(t, "Overflow after the loss of a message", func() bool { return r.overflows() == 1 })
}

// settled tells whether all that was received has been judged.
func settled(s Stats) bool {
	return s.Received == s.Events+s.Queues+s.Others+s.Forged+s.Malformed
}
