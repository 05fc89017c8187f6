package conntrack

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
	"vifd/internal/nlconn/fakekernel"
)

// fakeKernel is a Conn whose requests answer is asked to answer.
func fakeKernel(t *testing.T, answer func(try int, seq uint32) []byte) *Conn {
	t.Helper()
	c := &Conn{conn: nlconn.Wrap(fakekernel.Start(t, answer))}
	t.Cleanup(func() { must(t, c.Close()) })
	return c
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
