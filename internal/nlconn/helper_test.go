package nlconn

import (
	"encoding/binary"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn/fakekernel"
	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fakeKernel is a Conn whose requests answer is asked to answer.
func fakeKernel(t *testing.T, answer func(try int, seq uint32) []byte) *Conn {
	t.Helper()
	c := Wrap(fakekernel.Start(t, answer))
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

// dial opens a Conn to a host's rtnetlink.
func dial(t *testing.T, h *testhost.Host) *Conn {
	t.Helper()
	var c *Conn
	h.Do(t, func() (err error) {
		c, err = Dial(unix.NETLINK_ROUTE)
		return err
	})
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

// ask is a request for one link, or for all of them.
func ask(index int32, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, flags)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = index
	req.AddData(msg)
	return req
}

// object is a message of a dump that tells of n, and done is what ends it.
func object(flags uint16, seq, n uint32) []byte {
	return fakekernel.Message(unix.RTM_NEWLINK, unix.NLM_F_MULTI|flags, seq, binary.NativeEndian.AppendUint32(nil, n))
}

func done(seq uint32) []byte {
	return fakekernel.Message(unix.NLMSG_DONE, unix.NLM_F_MULTI, seq, make([]byte, 4))
}

// dump lists what the messages of a dump tell of.
func dump(t *testing.T, c *Conn) (list []uint32, err error) {
	t.Helper()
	err = c.Dump(t.Context(), func() *nl.NetlinkRequest { return ask(0, unix.NLM_F_DUMP) }, func() { list = nil }, func(m Message) error {
		list = append(list, binary.NativeEndian.Uint32(m.Payload))
		return nil
	})
	return list, err
}
