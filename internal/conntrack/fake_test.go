package conntrack

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// fakeKernel is a Conn whose requests answer is asked to answer; nil is no answer.
func fakeKernel(t *testing.T, answer func(try int, seq uint32) []byte) *Conn {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, maxMessage)
		for try := 0; ; try++ {
			n, err := unix.Read(fds[1], buf)
			if n <= 0 || err != nil {
				return
			}
			m, _, err := nextMessage(buf[:n])
			if b := answer(try, m.seq); err == nil && b != nil {
				_, err = unix.Write(fds[1], b)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	c := &Conn{fd: fds[0], buf: make([]byte, maxMessage)}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		<-done
		if err := unix.Close(fds[1]); err != nil {
			t.Error(err)
		}
	})
	return c
}

func encode(typ, flags uint16, seq uint32, payload []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	return append(b, payload...)
}

// flowMessage is the payload of a message about a flow from 10.0.0.1 and the given port.
func flowMessage(port uint16) []byte {
	src, dst := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	orig := tuple{src: src, dst: dst, proto: unix.IPPROTO_TCP, srcPort: port, dstPort: 80}
	reply := tuple{src: dst, dst: src, proto: unix.IPPROTO_TCP, srcPort: 80, dstPort: port}
	b := (&nl.Nfgenmsg{NfgenFamily: unix.AF_INET}).Serialize()
	b = append([]byte(nil), b...)
	b = append(b, orig.attribute(nl.CTA_TUPLE_ORIG).Serialize()...)
	return append(b, reply.attribute(nl.CTA_TUPLE_REPLY).Serialize()...)
}
