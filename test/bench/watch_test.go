package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

// stopwatch sees on sockets of its own what the program under test hears of, and what it does.
type stopwatch struct {
	h      *host
	p      *testhost.Process
	events int // uevents
	links  int // RTNLGRP_LINK
	buf    []byte
}

func newStopwatch(b *testing.B, h *host, p *testhost.Process) *stopwatch {
	b.Helper()
	w := &stopwatch{h: h, p: p, buf: make([]byte, 64<<10)}
	h.Do(b, func() error {
		var err error
		open := func(protocol int, filter []unix.SockFilter) int {
			fd, e := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
			prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
			err = errors.Join(err, e, unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog),
				unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}))
			return fd
		}
		w.events = open(unix.NETLINK_KOBJECT_UEVENT, added(newGuest(probe).name))
		w.links = open(unix.NETLINK_ROUTE, up())
		return err
	})
	b.Cleanup(func() { _, _ = unix.Close(w.events), unix.Close(w.links) })
	return w
}

// The stopwatch must not be woken by what it does not wait for: that would take a processor from the program under test, and
// make each of its requests wake one more process. So the kernel filters for it.

// added lets the uevent of a new interface pass, and not those of its queues: "add@/devices/virtual/net/NAME" and a zero.
func added(name string) []unix.SockFilter {
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 'a', Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: uint32(len("add@/devices/virtual/net/" + name))},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
}

// up lets messages of AF_UNSPEC about links pass that are up. A filter loads in network byte order what is in the host's.
func up() []unix.SockFilter {
	flag := binary.BigEndian.Uint32(ne32(unix.IFF_UP))
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: unix.SizeofNlMsghdr},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.AF_UNSPEC, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: unix.SizeofNlMsghdr + 8},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: flag, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
}

// lap plugs the probe in, and returns the time from the moment its uevent could be read to that at which the kernel told
// that it is up in its bridge. Then it unplugs it again and waits until the program has forgotten it.
func (w *stopwatch) lap(b *testing.B) time.Duration {
	b.Helper()
	name := newGuest(probe).name
	w.drain()
	began := make(chan time.Time, 1)
	ended := make(chan error, 1)
	var took time.Duration
	var index int
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		began <- time.Now()
		var err error
		index, took, err = w.wait(name)
		ended <- err
	}()
	<-began
	w.h.Veths(b, w.h.far, name)
	if err := <-ended; err != nil {
		b.Fatalf("%v; output of the program:\n%s", err, w.p.Output())
	}
	record := w.h.records(w.p) + "/" + strconv.Itoa(index) + ".json"
	testhost.Wait(b, "the record of "+name, func() bool {
		data, _ := os.ReadFile(record)
		return bytes.Contains(data, []byte(`"state":"configured"`))
	})
	w.h.Unplug(b, name)
	testhost.Wait(b, name+" to be forgotten", func() bool {
		_, err := os.Stat(record)
		return errors.Is(err, os.ErrNotExist)
	})
	return took
}

// wait waits for name's uevent, and then for the end of its configuration.
func (w *stopwatch) wait(name string) (index int, took time.Duration, err error) {
	var begin time.Time
	deadline := time.Now().Add(testhost.Patience)
	fds := []unix.PollFd{{Fd: int32(w.events), Events: unix.POLLIN}, {Fd: int32(w.links), Events: unix.POLLIN}}
	for time.Now().Before(deadline) {
		n, err := unix.Poll(fds, 1000)
		now := time.Now()
		if n <= 0 || errors.Is(err, unix.EINTR) {
			continue
		}
		for _, event := range w.receive(w.events) {
			if begin.IsZero() && bytes.HasPrefix(event, []byte("add@")) && bytes.Contains(event, []byte("/net/"+name+"\x00")) {
				begin = now
			}
		}
		for _, data := range w.receive(w.links) {
			l, ok := parseLink(data)
			if ok && l.name == name && l.up && l.master != 0 && !begin.IsZero() {
				return l.index, now.Sub(begin), nil
			}
		}
	}
	return 0, 0, fmt.Errorf("%s was not configured within %v", name, testhost.Patience)
}

// receive returns what is queued.
func (w *stopwatch) receive(fd int) [][]byte {
	var got [][]byte
	for {
		n, _, err := unix.Recvfrom(fd, w.buf, unix.MSG_DONTWAIT)
		if err != nil {
			return got
		}
		got = append(got, bytes.Clone(w.buf[:n]))
	}
}

func (w *stopwatch) drain() {
	w.receive(w.events)
	w.receive(w.links)
}

// link is what an RTM_NEWLINK of AF_UNSPEC says.
type link struct {
	index, master int
	name          string
	up            bool
}

func parseLink(b []byte) (l link, ok bool) {
	const head = unix.SizeofNlMsghdr + unix.SizeofIfInfomsg
	if len(b) < head || native.Uint16(b[4:]) != unix.RTM_NEWLINK || b[unix.SizeofNlMsghdr] != unix.AF_UNSPEC {
		return l, false
	}
	l.index = int(native.Uint32(b[unix.SizeofNlMsghdr+4:]))
	l.up = native.Uint32(b[unix.SizeofNlMsghdr+8:])&unix.IFF_UP != 0
	for b = b[head:]; len(b) >= unix.SizeofNlAttr; {
		n := int(native.Uint16(b))
		if n < unix.SizeofNlAttr || n > len(b) {
			break
		}
		switch value := b[unix.SizeofNlAttr:n]; native.Uint16(b[2:]) {
		case unix.IFLA_IFNAME:
			l.name = strings.TrimRight(string(value), "\x00")
		case unix.IFLA_MASTER:
			l.master = int(native.Uint32(value))
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return l, true
}
