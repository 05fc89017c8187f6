package uevent

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	udev "github.com/pilebones/go-udev/netlink"

	"vifd/internal/nlsock"
	"vifd/internal/vif"
)

// libraryParse is go-udev's second opinion; false where it has none. It panics on a message without a NUL.
func libraryParse(data []byte) (u *udev.UEvent, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	u, err := udev.ParseUEvent(data)
	return u, err == nil
}

// beyondLibrary tells of a message that the library takes although it is cut short, is of no device, or says something
// behind its end.
func beyondLibrary(data []byte, u *udev.UEvent) bool {
	if len(data) > nlsock.MaxMessage || data[len(data)-1] != 0 || !strings.HasPrefix(u.KObj, "/") {
		return true
	}
	if !bytes.HasPrefix(data, []byte(udevPrefix)) {
		return false
	}
	offset, length := binary.NativeEndian.Uint32(data[udevOffsetAt:]), binary.NativeEndian.Uint32(data[udevLengthAt:])
	return offset < udevHeaderLen || uint64(offset)+uint64(length) != uint64(len(data))
}

// FuzzParse shows that no message does harm, and that wherever the library understands one we understand the same.
func FuzzParse(f *testing.F) {
	for _, file := range recordings(f) {
		for _, data := range recordedMessages(f, file) {
			f.Add(data)
			_, properties, _ := bytes.Cut(data, []byte{0})
			f.Add(udevMessage(string(properties)))
		}
	}
	for _, s := range []string{"", "\x00", "add@/x", "add@/x\x00\x00", "add@/soc@0/x\x00K=a=b\x00=\x00K\x00", "bind@/x\x00SUBSYSTEM=net\x00INTERFACE=..\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		source := Kernel
		if bytes.HasPrefix(data, []byte(udevPrefix)) {
			source = Udev
		}
		source.isQueue(data)
		got, err := source.parse(data)
		if want, ok := libraryParse(data); ok && !beyondLibrary(data, want) {
			delete(want.Env, "") // a property without a key, which we leave out
			if err != nil {
				t.Fatalf("go-udev understands %q, we do not: %v", data, err)
			}
			if diff := cmp.Diff(*want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("of %q go-udev makes another event (-theirs +ours):\n%s", data, diff)
			}
		}
		if err != nil {
			return
		}
		for k, v := range got.Env {
			if k == "" || strings.ContainsAny(k, "=\x00") || strings.Contains(v, "\x00") {
				t.Fatalf("impossible property %q=%q of %q", k, v, data)
			}
		}
		e, err := newEvent(got)
		if err != nil {
			return
		}
		if e.Interface != "" && vif.CheckName(e.Interface) != nil || e.Ifindex < 0 || !strings.HasPrefix(e.Devpath, "/") || e.Action == "" {
			t.Fatalf("impossible event %+v of %q", e, data)
		}
	})
}
