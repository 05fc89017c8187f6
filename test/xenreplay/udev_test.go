package xenreplay

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

// shippedUdevRules are read by udevd in this order.
var shippedUdevRules = []string{"90-vifd.rules", "91-vifd-xen.rules"}

// callsForXen are what the second file has udevd call, each with the variable by which vifd knows that udevd does.
func callsForXen(t *testing.T) (calls []string) {
	t.Helper()
	data, err := os.ReadFile("../../dist/" + shippedUdevRules[1])
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if _, call, ok := strings.Cut(line, `ENV{UDEV_CALL}="1", RUN+=`); ok {
			calls = append(calls, strings.TrimSpace(call))
		} else if !strings.HasPrefix(line, "#") {
			t.Errorf("%q does not say that udevd calls", line)
		}
	}
	return calls
}

// TestXenUdevRules has the real udevd call vifd by the shipped rules, for what was recorded when udevd called Xen's script: its
// messages, which the kernel passes on for root, and taps, of which the kernel tells by itself.
func TestXenUdevRules(t *testing.T) {
	t.Parallel()
	rules := []string{`"/usr/bin/vifd hotplug $env{ACTION} type_if=vif"`, `"/usr/bin/vifd hotplug $env{ACTION} type_if=tap"`}
	if calls := callsForXen(t); !slices.Equal(calls, rules) {
		t.Errorf("the rules call %q, want %q", calls, rules)
	}
	if testhost.Unprivileged() {
		return // udevd believes the initial user namespace's root alone, who the kernel is not to it in another
	}
	w := newWorld(t, build(t))
	log := filepath.Join(w.scripts, "log")
	w.udevd(t, log)
	calls := readCalls(t, "testdata/calls-pv-by-udev.txt")
	events := readEvents(t, "testdata/uevents-pv-by-udev.txt")
	r := &replay{world: w, calls: calls, way: way{}, plugged: make(map[string][]int), left: make(map[string]int)}
	const backend = "backend/vif/6/0"
	r.left[backend] = 1 << 10 // it is taken away here
	before := w.traces(t)
	for _, e := range events {
		r.event(t, e)
		if e.env["SUBSYSTEM"] != "xen-backend" {
			continue
		}
		w.relay(t, e.message)
		if e.is("xen-backend", "bind") {
			r.connected(t, backend)
			w.withTap(t, r.recorded(t, backend, true), log)
		}
	}
	want := []string{
		"add type_if=tap vif6.0-emu 1 0",
		"offline type_if=vif backend/vif/6/0 vif6.0 1 0",
		"online type_if=vif backend/vif/6/0 vif6.0 1 0",
		"remove type_if=tap vif6.0-emu 1 0",
	}
	testhost.Wait(t, "udevd's calls", func() bool { return strings.Count(w.called(t, log), "\n") == len(want) })
	w.bury(t, backend, true)
	r.nothingLeft(t, before)
	if got := strings.Split(strings.TrimSpace(w.called(t, log)), "\n"); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("udevd called %q, want %q", got, want)
	}
}

// called is what the program was called with: its arguments, the device, whether by udevd, and its exit code.
func (w *world) called(t *testing.T, log string) string {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// withTap has a tap come and go beside a vif.
func (w *world) withTap(t *testing.T, keys map[string]string, log string) {
	t.Helper()
	const ifindex = 500
	w.plug(t, "vif6.0-emu", ifindex, true)
	testhost.Wait(t, "the tap to be a guarded port", func() bool {
		l := w.links(t)[ifindex]
		return l.Master == keys["bridge"] && slices.Contains(l.Flags, "UP") && w.guarded(l.Name, keys)
	})
	// A call that begins when the tap has gone would wait for it.
	testhost.Wait(t, "the call for the tap to end", func() bool { return strings.Contains(w.called(t, log), "add type_if=tap") })
	w.unplug(t, "vif6.0-emu", ifindex)
}

// udevd starts systemd-udevd on the host with the shipped rules and nothing of this machine's. What they call is vifd with the shipped
// default rules; where it is called for Xen it is written down how, and how that ended.
func (w *world) udevd(t *testing.T, log string) {
	t.Helper()
	rules, err := filepath.Abs(shippedRules)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(w.scripts, "by-udev")
	script := fmt.Sprintf("#!/bin/sh\n%s/vifd \"$@\" --rules %s --state %s\ncode=$?\n[ \"$1\" != hotplug ] || echo $2 $3 $XENBUS_PATH $vif $INTERFACE $UDEV_CALL $code >>%s\n",
		w.scripts, rules, w.state, log)
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	w.Tmpfs(t, "/run")
	for _, dir := range []string{"/usr/lib/udev/rules.d", "/etc/udev"} {
		if _, err := os.Stat(dir); err == nil {
			w.Tmpfs(t, dir)
		}
	}
	text := fmt.Sprintf("ENV{XENSTORED_PATH}=%q\n", w.store.Socket)
	for _, name := range shippedUdevRules {
		data, err := os.ReadFile("../../dist/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text += strings.ReplaceAll(string(data), "/usr/bin/vifd", program)
	}
	w.Do(t, func() error {
		if err := os.MkdirAll("/run/udev/rules.d", 0o755); err != nil {
			return err
		}
		return os.WriteFile("/run/udev/rules.d/90-shipped.rules", []byte(text), 0o644)
	})
	w.Start(t, "/lib/systemd/systemd-udevd")
	testhost.Wait(t, "udevd to answer", func() bool {
		_, err := w.RunErr("udevadm", "control", "--ping", "--timeout=1")
		return err == nil
	})
}

// relay has the kernel multicast a message as a uevent (uevent_net_rcv in lib/kobject_uevent.c). It gives it a number of its own.
func (w *world) relay(t *testing.T, message []byte) {
	t.Helper()
	data, _, ok := strings.Cut(string(message), "SEQNUM=")
	if !ok {
		t.Fatalf("%q has no number", message)
	}
	request := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(data)))
	request = binary.NativeEndian.AppendUint16(request, unix.NLMSG_MIN_TYPE)
	request = binary.NativeEndian.AppendUint16(request, unix.NLM_F_REQUEST)
	request = append(request, make([]byte, 8)...) // sequence number and port
	request = append(request, data...)
	w.Do(t, func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		return unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
}
