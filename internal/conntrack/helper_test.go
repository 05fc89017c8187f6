package conntrack

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

// dial opens a Conn in the host.
func dial(t testing.TB, h *testhost.Host) *Conn {
	t.Helper()
	var c *Conn
	h.Do(t, func() (err error) {
		c, err = Dial()
		return err
	})
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(t testing.TB, of ...string) []netip.Prefix {
	t.Helper()
	var list []netip.Prefix
	for _, s := range of {
		p, err := netip.ParsePrefix(s)
		must(t, err)
		list = append(list, p)
	}
	return list
}

func flows(t testing.TB, c *Conn, of ...string) []Flow {
	t.Helper()
	list, err := c.Flows(t.Context(), within(t, of...))
	must(t, err)
	return list
}

func mustEqual(t testing.TB, got, want []Flow) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %d flows, want %d:\n%+v\n%+v", len(got), len(want), got, want)
	}
}

// A net of two guests and the router between them, which tracks what it forwards.
const (
	left4, right4 = "192.0.2.2", "198.51.100.2"
	left6, right6 = "2001:db8:1::2", "2001:db8:2::2"
	router4       = "198.51.100.1" // on the right's side: what the left is masqueraded as
	router6       = "2001:db8:2::1"
	everything    = "0.0.0.0/0 ::/0"
)

// routed makes the net. Rules are nft's, to be added to those that track.
func routed(t testing.TB, rules string) (router, left, right *testhost.Host) {
	t.Helper()
	router = testhost.New(t)
	router.Do(t, func() error {
		// Without an address of its own that is no longer tentative a router does not look for the neighbours it forwards to.
		settings := map[string]string{"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv6/conf/default/accept_dad": "0"}
		for name, value := range settings {
			if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
	left = router.Guest(t, "left", "00:16:3e:00:00:01", left4+"/24", left6+"/64")
	right = router.Guest(t, "right", "00:16:3e:00:00:02", right4+"/24", right6+"/64")
	own := map[string][]string{"left": {"192.0.2.1/24", "2001:db8:1::1/64"}, "right": {router4 + "/24", router6 + "/64"}}
	for name, addrs := range own {
		for _, a := range addrs {
			router.Run(t, "ip", "addr", "add", a, "dev", name)
		}
		router.Run(t, "ip", "link", "set", name, "up")
	}
	router.WaitUp(t, "left", "right")
	left.WaitUp(t, testhost.GuestIf)
	right.WaitUp(t, testhost.GuestIf)
	left.Run(t, "ip", "route", "add", "default", "via", "192.0.2.1")
	left.Run(t, "ip", "route", "add", "default", "via", "2001:db8:1::1")
	right.Run(t, "ip", "route", "add", "default", "via", router4)
	right.Run(t, "ip", "route", "add", "default", "via", router6)
	router.Run(t, "nft", "table inet track { chain c { type filter hook forward priority 0; ct state new counter; }; }; "+rules)
	return router, left, right
}

// send sends something from local to remote, "" and 0 for any local address and port, and leaves the socket open.
func send(t testing.TB, from *testhost.Host, network, local, remote string, data []byte) net.Conn {
	t.Helper()
	var conn net.Conn
	from.Do(t, func() (err error) {
		d := net.Dialer{Timeout: testhost.Patience}
		switch {
		case strings.HasPrefix(network, "udp"):
			d.LocalAddr, err = net.ResolveUDPAddr(network, local)
		case strings.HasPrefix(network, "tcp"):
			d.LocalAddr, err = net.ResolveTCPAddr(network, local)
		}
		if err == nil {
			conn, err = d.Dial(network, remote)
		}
		if err == nil {
			_, err = conn.Write(data)
		}
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// listen opens a TCP socket that connections are made to; they need not be accepted.
func listen(t testing.TB, h *testhost.Host, addr string) {
	t.Helper()
	var l net.Listener
	h.Do(t, func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	})
	t.Cleanup(func() { _ = l.Close() })
}

// echo is an echo request with identifier 77; ICMPv6's checksum is the kernel's business.
func echo(typ byte) []byte {
	b := []byte{typ, 0, 0, 0, 0, 77, 0, 1}
	binary.BigEndian.PutUint16(b[2:], ^(uint16(typ)<<8 + 77 + 1))
	return b
}

// oracle lists all flows as conntrack(8) sees them.
func oracle(t testing.TB, h *testhost.Host) []Flow {
	t.Helper()
	var list []Flow
	for _, family := range []string{"ipv4", "ipv6"} {
		out, err := h.Command("conntrack", "-L", "-f", family, "-o", "id").Output()
		must(t, err)
		for line := range strings.Lines(string(out)) {
			f, err := parseLine(line)
			if err != nil {
				t.Fatalf("reading %q: %v", line, err)
			}
			list = append(list, f)
		}
	}
	slices.SortFunc(list, Flow.compare)
	return list
}

// parseLine reads "udp 17 29 src=… dst=… sport=… dport=… [UNREPLIED] src=… dst=… sport=… dport=… mark=0 id=…".
func parseLine(line string) (f Flow, err error) {
	words := strings.Fields(line)
	if len(words) < 2 {
		return Flow{}, fmt.Errorf("%d words", len(words))
	}
	seen := make(map[string]bool)
	number := func(s string, bits int) uint64 {
		n, e := strconv.ParseUint(s, 10, bits)
		if e != nil {
			err = e
		}
		return n
	}
	f.Proto = uint8(number(words[1], 8))
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		reply := seen[key]
		seen[key] = true
		pick := func(orig, reply *uint16, isReply bool) {
			if isReply {
				orig = reply
			}
			*orig = uint16(number(value, 16))
		}
		switch {
		case key == "src" && !reply:
			f.Src, err = netip.ParseAddr(value)
		case key == "src":
			f.ReplySrc, err = netip.ParseAddr(value)
		case key == "dst" && !reply:
			f.Dst, err = netip.ParseAddr(value)
		case key == "dst":
			f.ReplyDst, err = netip.ParseAddr(value)
		case key == "sport":
			pick(&f.SrcPort, &f.ReplySrcPort, reply)
		case key == "dport":
			pick(&f.DstPort, &f.ReplyDstPort, reply)
		case key == "type" && !reply:
			f.ICMPType = uint8(number(value, 8))
		case key == "code" && !reply:
			f.ICMPCode = uint8(number(value, 8))
		case key == "zone", key == "zone-orig":
			f.Zone = uint16(number(value, 16))
		case key == "id" && strings.HasPrefix(words[0], "icmp") && !reply:
			f.ICMPID = uint16(number(value, 16))
		case key == "id":
			f.ID = uint32(number(value, 32))
		}
		if err != nil {
			return Flow{}, err
		}
	}
	return f, nil
}

// inject makes the kernel track flows, n of UDP from base and the addresses after it, many in one message.
func inject(t testing.TB, c *Conn, base string, n int) {
	t.Helper()
	must(t, c.inject(base, n))
}

func (c *Conn) inject(base string, n int) error {
	src := netip.MustParseAddr(base)
	var batch []byte
	for i := range n {
		to := netip.MustParseAddr("203.0.113.1")
		family := uint8(unix.AF_INET)
		if src.Is6() {
			to, family = netip.MustParseAddr("2001:db8:f::1"), unix.AF_INET6
		}
		orig := tuple{src: src, dst: to, proto: unix.IPPROTO_UDP, srcPort: 40000, dstPort: 53}
		reply := tuple{src: to, dst: src, proto: unix.IPPROTO_UDP, srcPort: 53, dstPort: 40000}
		req := request(nl.IPCTNL_MSG_CT_NEW, unix.NLM_F_CREATE|unix.NLM_F_EXCL, family)
		req.AddData(orig.attribute(nl.CTA_TUPLE_ORIG))
		req.AddData(reply.attribute(nl.CTA_TUPLE_REPLY))
		req.AddData(nl.NewRtAttr(nl.CTA_TIMEOUT, nl.BEUint32Attr(3600)))
		batch = append(batch, req.Serialize()...)
		src = src.Next()
		if len(batch) > 16<<10 || i == n-1 {
			// The kernel works it off before it returns, and answers errors only.
			err := c.conn.Control(func(fd int) error {
				_, err := unix.Write(fd, batch)
				return err
			})
			if err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return nil
}
