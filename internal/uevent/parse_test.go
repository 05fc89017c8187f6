package uevent

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	udev "github.com/pilebones/go-udev/netlink"

	"vifd/internal/nlsock"
	"vifd/internal/vif"
)

// udevMessage builds a message as udevd does.
func udevMessage(properties string) []byte {
	m := make([]byte, udevHeaderLen, udevHeaderLen+len(properties))
	copy(m, udevPrefix)
	binary.BigEndian.PutUint32(m[udevMagicAt:], udevMagic)
	binary.NativeEndian.PutUint32(m[12:], udevHeaderLen)
	binary.NativeEndian.PutUint32(m[udevOffsetAt:], udevHeaderLen)
	binary.NativeEndian.PutUint32(m[udevLengthAt:], uint32(len(properties)))
	return append(m, properties...)
}

// withNumber returns a copy of m with a native-endian number written at an offset.
func withNumber(m []byte, at int, v uint32) []byte {
	m = append([]byte(nil), m...)
	binary.NativeEndian.PutUint32(m[at:], v)
	return m
}

func TestParse(t *testing.T) {
	t.Parallel()
	const path = "/devices/virtual/net/vif1.0"
	plain := udevMessage("ACTION=add\x00DEVPATH=/d\x00")
	event := func(action, devpath string, env ...string) udev.UEvent {
		u := udev.UEvent{Action: udev.KObjAction(action), KObj: devpath, Env: map[string]string{}}
		for i := 0; i < len(env); i += 2 {
			u.Env[env[i]] = env[i+1]
		}
		return u
	}
	for _, tc := range []struct {
		name   string
		source Source
		data   string
		want   udev.UEvent
		err    string // "" for none
	}{
		{"kernel: ordinary", Kernel, "add@" + path + "\x00ACTION=add\x00IFINDEX=4\x00", event("add", path, "ACTION", "add", "IFINDEX", "4"), ""},
		{"kernel: no properties", Kernel, "remove@/d\x00", event("remove", "/d"), ""},
		{"kernel: = in a value", Kernel, "add@/d\x00K=a=b==\x00", event("add", "/d", "K", "a=b=="), ""},
		{"kernel: @ in the path", Kernel, "add@/devices/platform/soc@0/eth0\x00", event("add", "/devices/platform/soc@0/eth0"), ""},
		{"kernel: unknown action", Kernel, "teleport@/d\x00", event("teleport", "/d"), ""},
		{"kernel: empty value", Kernel, "add@/d\x00K=\x00", event("add", "/d", "K", ""), ""},
		{"kernel: empty property", Kernel, "add@/d\x00\x00K=v\x00\x00", event("add", "/d", "K", "v"), ""},
		{"kernel: property without =", Kernel, "add@/d\x00what\x00K=v\x00", event("add", "/d", "K", "v"), ""},
		{"kernel: property without key", Kernel, "add@/d\x00=what\x00K=v\x00", event("add", "/d", "K", "v"), ""},
		{"kernel: key twice", Kernel, "add@/d\x00K=v\x00K=w\x00", event("add", "/d", "K", "w"), ""},
		{"kernel: newline and no UTF-8", Kernel, "add@/d\x00K=a\nb\xff\x00", event("add", "/d", "K", "a\nb\xff"), ""},
		{"kernel: longest", Kernel, "add@/" + strings.Repeat("d", nlsock.MaxMessage-6) + "\x00", event("add", "/"+strings.Repeat("d", nlsock.MaxMessage-6)), ""},
		{"kernel: too long", Kernel, "add@/" + strings.Repeat("d", nlsock.MaxMessage-5) + "\x00", udev.UEvent{}, "longer than any event"},
		{"kernel: nothing", Kernel, "", udev.UEvent{}, "not closed by a NUL"},
		{"kernel: no NUL", Kernel, "add@/x", udev.UEvent{}, "not closed by a NUL"},
		{"kernel: last property without NUL", Kernel, "add@/x\x00K=v\x00L=w", udev.UEvent{}, "not closed by a NUL"},
		{"kernel: empty header", Kernel, "\x00K=v\x00", udev.UEvent{}, `header "" is not ACTION@/DEVPATH`},
		{"kernel: no @", Kernel, "add/x\x00", udev.UEvent{}, `header "add/x" is not ACTION@/DEVPATH`},
		{"kernel: no action", Kernel, "@/x\x00", udev.UEvent{}, `header "@/x" is not ACTION@/DEVPATH`},
		{"kernel: relative path", Kernel, "add@x\x00", udev.UEvent{}, `header "add@x" is not ACTION@/DEVPATH`},
		{"kernel: udevd's format", Kernel, string(plain), udev.UEvent{}, `header "libudev" is not ACTION@/DEVPATH`},

		{"udev: ordinary", Udev, string(plain), event("add", "/d", "ACTION", "add", "DEVPATH", "/d"), ""},
		{"udev: = in a value", Udev, string(udevMessage("ACTION=add\x00DEVPATH=/soc@0\x00K=a=b\x00")), event("add", "/soc@0", "ACTION", "add", "DEVPATH", "/soc@0", "K", "a=b"), ""},
		{"udev: longer header", Udev, string(withNumber(udevMessage("\x00\x00\x00\x00ACTION=add\x00DEVPATH=/d\x00"), udevOffsetAt, udevHeaderLen+4)[:udevHeaderLen+26]), udev.UEvent{}, "properties from byte 44 to 70 of a message of 66"},
		{"udev: something behind the properties", Udev, string(append(append([]byte(nil), plain...), "more"...)), event("add", "/d", "ACTION", "add", "DEVPATH", "/d"), ""},
		{"udev: the kernel's format", Udev, "add@/d\x00" + strings.Repeat("K=v\x00", 20), udev.UEvent{}, "no header of libudev"},
		{"udev: cut short", Udev, string(plain[:udevHeaderLen-1]), udev.UEvent{}, "no header of libudev"},
		{"udev: wrong magic", Udev, string(withNumber(plain, udevMagicAt, 0)), udev.UEvent{}, "magic number 0x0, not 0xfeedcafe"},
		{"udev: offset in the header", Udev, string(withNumber(plain, udevOffsetAt, udevHeaderLen-1)), udev.UEvent{}, "properties from byte 39"},
		{"udev: offset behind the end", Udev, string(withNumber(plain, udevOffsetAt, 1<<31)), udev.UEvent{}, "properties from byte 2147483648"},
		{"udev: length behind the end", Udev, string(withNumber(plain, udevLengthAt, 23)), udev.UEvent{}, "to 63 of a message of 62"},
		{"udev: sum over 32 bits", Udev, string(withNumber(plain, udevLengthAt, 1<<32-1)), udev.UEvent{}, "to 4294967335 of"},
		{"udev: no NUL", Udev, string(withNumber(plain, udevLengthAt, 21)), udev.UEvent{}, "not closed by a NUL"},
		{"udev: no properties", Udev, string(udevMessage("")), udev.UEvent{}, `ACTION "" and DEVPATH ""`},
		{"udev: no path", Udev, string(udevMessage("ACTION=add\x00")), udev.UEvent{}, `ACTION "add" and DEVPATH ""`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.source.parse([]byte(tc.data))
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("parse: %+v, %v, want an error with %q", got, err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("parse: %v", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("parsed wrongly (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIsQueue(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		source Source
		data   string
		want   bool
	}{
		{Kernel, "add@/devices/virtual/net/vif1.0/queues/rx-0\x00ACTION=add\x00", true},
		{Kernel, "add@/devices/virtual/net/vif1.0\x00K=/queues/\x00", false},
		{Kernel, "add@/devices/virtual/net/queues\x00", false}, // an interface of that name
		{Udev, string(udevMessage("ACTION=add\x00SUBSYSTEM=queues\x00")), true},
		{Udev, string(udevMessage("ACTION=add\x00SUBSYSTEM=net\x00K=SUBSYSTEM=queues\x00")), false},
	} {
		if got := tc.source.isQueue([]byte(tc.data)); got != tc.want {
			t.Errorf("%v: isQueue(%q) = %v", tc.source, tc.data, got)
		}
	}
}

func TestNewEvent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		env  map[string]string
		want vif.Event // without what is the same in all
		err  string
	}{
		{"net", map[string]string{"SUBSYSTEM": "net", "INTERFACE": "vif1.0", "IFINDEX": "7", "DEVPATH_OLD": "/o"}, vif.Event{Subsystem: "net", Interface: "vif1.0", Ifindex: 7, DevpathOld: "/o"}, ""},
		{"net without number", map[string]string{"SUBSYSTEM": "net", "INTERFACE": "vif1.0"}, vif.Event{Subsystem: "net", Interface: "vif1.0"}, ""},
		{"backend of a vif", map[string]string{"SUBSYSTEM": "xen-backend", "vif": "vif1.0"}, vif.Event{Subsystem: "xen-backend", Interface: "vif1.0"}, ""},
		{"backend of a disk", map[string]string{"SUBSYSTEM": "xen-backend"}, vif.Event{Subsystem: "xen-backend"}, ""},
		{"net without name", map[string]string{"SUBSYSTEM": "net"}, vif.Event{}, "an interface name cannot be empty"},
		{"name with slash", map[string]string{"SUBSYSTEM": "net", "INTERFACE": "../x"}, vif.Event{}, "which the kernel refuses"},
		{"backend with a path for a name", map[string]string{"SUBSYSTEM": "xen-backend", "vif": "../x"}, vif.Event{}, "which the kernel refuses"},
		{"name too long", map[string]string{"SUBSYSTEM": "net", "INTERFACE": "sixteen-letters-"}, vif.Event{}, "the kernel takes at most 15"},
		{"index 0", map[string]string{"SUBSYSTEM": "net", "INTERFACE": "a", "IFINDEX": "0"}, vif.Event{}, `IFINDEX "0" is not a number above 0`},
		{"negative index", map[string]string{"SUBSYSTEM": "net", "INTERFACE": "a", "IFINDEX": "-1"}, vif.Event{}, `IFINDEX "-1"`},
		{"index over 31 bits", map[string]string{"SUBSYSTEM": "net", "INTERFACE": "a", "IFINDEX": "2147483648"}, vif.Event{}, `IFINDEX "2147483648"`},
		{"index no number", map[string]string{"SUBSYSTEM": "net", "INTERFACE": "a", "IFINDEX": ""}, vif.Event{}, `IFINDEX ""`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := newEvent(udev.UEvent{Action: "add", KObj: "/d", Env: tc.env})
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("newEvent: %+v, %v, want an error with %q", got, err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("newEvent: %v", err)
			}
			tc.want.Action, tc.want.Devpath, tc.want.Env = "add", "/d", tc.env
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("wrong event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSource(t *testing.T) {
	t.Parallel()
	for _, want := range []Source{Kernel, Udev} {
		if got, err := ParseSource(want.String()); err != nil || got != want {
			t.Errorf("ParseSource(%q) = %v, %v", want, got, err)
		}
	}
	if _, err := ParseSource("Kernel"); err == nil || err.Error() != `unknown source of uevents "Kernel": want "kernel" or "udev"` {
		t.Errorf("ParseSource(Kernel): %v", err)
	}
}
