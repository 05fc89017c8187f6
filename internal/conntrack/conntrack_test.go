package conntrack

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

const masquerade = "table inet nat { chain c { type nat hook postrouting priority 100; oifname right masquerade; }; }"

// TestFlows makes a flow of each kind through the router and compares what is listed with what conntrack(8) sees, then
// deletes them one by one.
func TestFlows(t *testing.T) {
	t.Parallel()
	for _, nat := range []bool{false, true} {
		name, rules, src4, src6 := "routed", "", left4, left6
		if nat {
			name, rules, src4, src6 = "masqueraded", masquerade, router4, router6
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			router, left, right := routed(t, rules)
			c := dial(t, router)
			listen(t, right, ":80")
			send(t, left, "udp", left4+":4000", right4+":53", []byte("x"))
			send(t, left, "udp", "["+left6+"]:4000", "["+right6+"]:53", []byte("x"))
			send(t, left, "tcp", left4+":4000", right4+":80", []byte("x"))
			send(t, left, "tcp", "["+left6+"]:4000", "["+right6+"]:80", []byte("x"))
			send(t, left, "ip4:icmp", "", right4, echo(8))
			send(t, left, "ip6:ipv6-icmp", "", right6, echo(128))

			var all []Flow
			testhost.Wait(t, "six flows", func() bool {
				all = flows(t, c, left4+"/32", left6+"/128")
				return len(all) == 6
			})
			mustEqual(t, all, oracle(t, router))
			mustEqual(t, all, flows(t, c, strings.Fields(everything)...))
			mustEqual(t, all, flows(t, c, "198.51.100.0/24", "2001:db8:2::/48"))
			mustEqual(t, all[:3], flows(t, c, right4+"/32")) // IPv4 sorts first
			mustEqual(t, all[3:], flows(t, c, left6+"/64"))
			mustEqual(t, nil, flows(t, c, "192.0.2.3/32", "2001:db8:1::3/128"))
			masqueraded := flows(t, c, router4+"/32", router6+"/128")
			if nat {
				mustEqual(t, masqueraded, all)
			} else {
				mustEqual(t, masqueraded, nil)
			}
			for _, f := range all {
				src, dst := src4, right4
				if f.Src.Is6() {
					src, dst = src6, right6
				}
				if f.ReplyDst != netip.MustParseAddr(src) || f.ReplySrc != netip.MustParseAddr(dst) {
					t.Errorf("%s is answered %s > %s, want %s > %s", f, f.ReplySrc, f.ReplyDst, dst, src)
				}
			}

			for len(all) > 0 {
				f, rest := all[len(all)/2], slices.Delete(slices.Clone(all), len(all)/2, len(all)/2+1)
				mustDelete(t, c, f, true)
				mustEqual(t, rest, oracle(t, router))
				mustDelete(t, c, f, false)
				mustEqual(t, rest, oracle(t, router))
				all = rest
			}
		})
	}
}

func mustDelete(t *testing.T, c *Conn, f Flow, want bool) {
	t.Helper()
	if got, err := c.Delete(f); err != nil || got != want {
		t.Fatalf("deleting %s: %v, %v, want %v", f, got, err, want)
	}
}

// TestDeletedFlowIsJudgedAnew is what this is for: a tightened firewall lets an established flow pass until it is deleted.
func TestDeletedFlowIsJudgedAnew(t *testing.T) {
	t.Parallel()
	router, left, right := routed(t, `table inet guard { counter refused {}
		chain c { type filter hook forward priority 10; ct state established accept; udp dport 7 accept; counter name refused drop; }; }`)
	c := dial(t, router)
	var server net.PacketConn
	right.Do(t, func() (err error) {
		server, err = net.ListenPacket("udp4", ":7")
		return err
	})
	t.Cleanup(func() { _ = server.Close() })
	receive := func(want string) net.Addr {
		t.Helper()
		must(t, server.SetReadDeadline(time.Now().Add(testhost.Patience)))
		buf := make([]byte, 16)
		n, from, err := server.ReadFrom(buf)
		if err != nil || string(buf[:n]) != want {
			t.Fatalf("received %q (%v), want %q", buf[:n], err, want)
		}
		return from
	}
	client := send(t, left, "udp", left4+":4000", right4+":7", []byte("new"))
	_, err := server.WriteTo([]byte("answer"), receive("new"))
	must(t, err)
	must(t, client.SetReadDeadline(time.Now().Add(testhost.Patience)))
	_, err = client.Read(make([]byte, 16))
	must(t, err)

	router.Run(t, "nft", `flush chain inet guard c; add rule inet guard c ct state established accept;
		add rule inet guard c counter name refused drop`)
	_, err = client.Write([]byte("established"))
	must(t, err)
	receive("established")

	list := flows(t, c, left4+"/32")
	if len(list) != 1 {
		t.Fatalf("got %v, want one flow", list)
	}
	mustDelete(t, c, list[0], true)
	_, err = client.Write([]byte("unwanted"))
	must(t, err)
	testhost.Wait(t, "the refusal", func() bool {
		return strings.Contains(router.Run(t, "nft", "list", "counter", "inet", "guard", "refused"), "packets 1 ")
	})
	mustEqual(t, nil, flows(t, c, left4+"/32"))
}

// TestDeleteIsExact: a flow with another ID is not the one that was listed, and stays, as do those of the same ends in
// another zone.
func TestDeleteIsExact(t *testing.T) {
	t.Parallel()
	router, left, _ := routed(t, `table inet zones { chain c { type filter hook prerouting priority -300;
		udp sport 4001 ct zone set 1; udp sport 4002 ct original zone set 2; udp sport 4003 ct reply zone set 3; }; }`)
	c := dial(t, router)
	for _, port := range []string{":4000", ":4001", ":4002", ":4003"} {
		send(t, left, "udp", left4+port, right4+":53", []byte("x"))
		send(t, left, "udp", "["+left6+"]"+port, "["+right6+"]:53", []byte("x"))
	}
	var all []Flow
	testhost.Wait(t, "eight flows", func() bool {
		all = flows(t, c, strings.Fields(everything)...)
		return len(all) == 8
	})
	mustEqual(t, all, oracle(t, router))
	for i, f := range all {
		if want := []uint16{0, 1, 2, 0}[i%4]; f.Zone != want {
			t.Errorf("%s is in zone %d, want %d", f, f.Zone, want)
		}
		other := f
		other.ID++
		mustDelete(t, c, other, false)
		other = f
		other.Zone = 9
		mustDelete(t, c, other, false)
		mustEqual(t, all[i:], oracle(t, router))
		mustDelete(t, c, f, true)
		mustEqual(t, all[i+1:], oracle(t, router))
	}
}

// TestDeleteOfNothing must not become a request to forget everything.
func TestDeleteOfNothing(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	c := dial(t, h)
	inject(t, c, "10.0.0.1", 3)
	four, six := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")
	for _, f := range []Flow{{}, {Src: four}, {Dst: six}, {Src: four, Dst: six}} {
		if done, err := c.Delete(f); done || !errors.Is(err, unix.EINVAL) {
			t.Errorf("deleting %+v: %v, %v, want EINVAL", f, done, err)
		}
	}
	if got := oracle(t, h); len(got) != 3 {
		t.Errorf("%d flows are left of 3", len(got))
	}
}

func TestPrefixesThatMatchNothing(t *testing.T) {
	t.Parallel()
	c := dial(t, testhost.New(t))
	for _, p := range []netip.Prefix{{}, netip.MustParsePrefix("::ffff:192.0.2.1/128")} {
		if _, err := c.Flows(t.Context(), []netip.Prefix{p}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("flows of %v: %v, want EINVAL", p, err)
		}
	}
	mustEqual(t, flows(t, c), nil)
}

// TestAbsence asks for a subsystem that no kernel has, where connections are tracked and where they are not.
func TestAbsence(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	c := dial(t, h)
	err := h.DoErr(func() error { return c.probe(unix.NFNL_SUBSYS_COUNT) })
	if !errors.Is(err, errBlind) || errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v, want %v", err, errBlind)
	}
	h.Tmpfs(t, "/proc/sys/net")
	if err := h.DoErr(func() error { return c.probe(unix.NFNL_SUBSYS_COUNT) }); !errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v, want %v", err, ErrUnsupported)
	}
}

func TestDialWithoutCapabilities(t *testing.T) {
	t.Parallel()
	err := testhost.New(t).DoErr(func() error {
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			return err
		}
		_, err := Dial()
		return err
	})
	if !errors.Is(err, unix.EPERM) || errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v, want EPERM", err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	c := dial(t, testhost.New(t))
	must(t, c.Close())
	if _, err := c.Flows(t.Context(), within(t, "::/0")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Flows after Close: %v", err)
	}
	if _, err := c.Delete(Flow{Src: netip.IPv6Loopback(), Dst: netip.IPv6Loopback()}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Delete after Close: %v", err)
	}
}
