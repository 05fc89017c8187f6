// Package fakekernel stands in for the kernel in tests of netlink connections: it answers what a test wants answered, also
// what no kernel can be made to answer at will.
//
// The answers to one socket are asked for one after the other, from a goroutine of their own, which ends when the socket has been
// closed; the test's cleanup waits for that. A request that is no netlink message, or an answer that cannot be sent, fails the test.
package fakekernel

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// maxRequest is longer than any request.
const maxRequest = 32 << 10

// Start returns a socket that is connected to a fake kernel. answer says what a request is answered with, by its sequence number and by
// how many came before it; nil is no answer. The caller closes the socket at the latest in a cleanup.
func Start(t testing.TB, answer func(try int, seq uint32) []byte) (fd int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		serve(t, fds[1], answer)
	}()
	t.Cleanup(func() {
		<-done
		if err := unix.Close(fds[1]); err != nil {
			t.Error(err)
		}
	})
	return fds[0]
}

func serve(t testing.TB, fd int, answer func(try int, seq uint32) []byte) {
	buf := make([]byte, maxRequest)
	for try := 0; ; try++ {
		n, err := unix.Read(fd, buf)
		if n <= 0 || err != nil {
			return
		}
		if size := binary.NativeEndian.Uint32(buf); n < unix.SizeofNlMsghdr || size < unix.SizeofNlMsghdr || size > uint32(n) {
			t.Errorf("a request of %d bytes says that it has %d", n, size)
			return
		}
		b := answer(try, binary.NativeEndian.Uint32(buf[8:]))
		if b == nil {
			continue
		}
		if _, err := unix.Write(fd, b); err != nil {
			t.Error(err)
			return
		}
	}
}

// Message encodes a netlink message (struct nlmsghdr), padded, so that another may follow it.
func Message(typ, flags uint16, seq uint32, payload []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, payload...)
	return append(b, make([]byte, -len(b)&(unix.NLMSG_ALIGNTO-1))...)
}

// Refusal is the payload of a message by which the kernel refuses or, with 0, acknowledges (struct nlmsgerr, with the header of the
// request left blank).
func Refusal(errno unix.Errno) []byte {
	return append(binary.NativeEndian.AppendUint32(nil, -uint32(errno)), make([]byte, unix.SizeofNlMsghdr)...)
}
