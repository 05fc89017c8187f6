package conntrack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/nlconn/fakekernel"
	"vifd/internal/testhost"
)

// TestFlowsAmongMany: listing a few of many flows takes memory for the few.
func TestFlowsAmongMany(t *testing.T) {
	h := testhost.New(t)
	c := dial(t, h)
	inject(t, c, "10.0.0.1", 20000)
	inject(t, c, "2001:db8::1", 10)
	for _, of := range []string{"10.0.1.0/29", "2001:db8::/125"} {
		want := 8
		if of == "2001:db8::/125" {
			want = 7 // the first is ::1
		}
		prefixes := within(t, of, "192.0.2.0/24", "2001:db8:ffff::/64")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := c.Flows(t.Context(), prefixes)
		runtime.ReadMemStats(&after)
		if err != nil || len(got) != want {
			t.Errorf("%s: %d flows, %v, want %d", of, len(got), err, want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
			t.Errorf("%s: allocated %d bytes", of, n)
		}
	}
	if got := flows(t, c, "0.0.0.0/0"); len(got) != 20000 {
		t.Errorf("%d flows, want 20000", len(got))
	}
}

// TestFlowsUnderChurn lists while flows come and go: what is there all the time is listed each time, and once.
func TestFlowsUnderChurn(t *testing.T) {
	t.Parallel()
	const stable, rounds = 3000, 20
	h := testhost.New(t)
	c, other := dial(t, h), dial(t, h)
	inject(t, c, "10.0.0.1", stable)
	stop := h.Go(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			if err := other.inject("10.9.0.1", 1000); err != nil {
				return err
			}
			list, err := other.Flows(ctx, []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")})
			if err != nil {
				return err
			}
			for _, f := range list {
				if _, err := other.Delete(f); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for range rounds {
		if got := flows(t, c, "10.0.0.0/16"); len(got) != stable {
			t.Errorf("%d flows, want %d", len(got), stable)
		}
	}
	stop()
}

// TestListAfterLoss overruns the receive queue: the list is whole all the same, and the Conn stays good.
func TestListAfterLoss(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	c := dial(t, h)
	inject(t, c, "10.0.0.1", 1000)
	must(t, c.conn.Control(func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
			return err
		}
		for range 50 { // requests whose answers nobody reads
			if _, err := unix.Write(fd, request(getStats, unix.NLM_F_ACK, unix.AF_UNSPEC).Serialize()); err != nil {
				return err
			}
		}
		return nil
	}))
	for range 2 {
		if got := flows(t, c, "10.0.0.0/16"); len(got) != 1000 {
			t.Errorf("%d flows, want 1000", len(got))
		}
	}
	mustDelete(t, c, oracle(t, h)[0], true)
}

// TestCancelledList: a list that was given up does not get in the way of the next.
func TestCancelledList(t *testing.T) {
	t.Parallel()
	c := dial(t, testhost.New(t))
	inject(t, c, "10.0.0.1", 2000)
	for _, limit := range []time.Duration{0, 100 * time.Microsecond, time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		if got, err := c.Flows(ctx, within(t, "0.0.0.0/0")); err != nil && (!errors.Is(err, context.DeadlineExceeded) || got != nil) {
			t.Errorf("after %v: %d flows, %v", limit, len(got), err)
		}
		cancel()
		if got := flows(t, c, "0.0.0.0/0"); len(got) != 2000 {
			t.Errorf("%d flows, want 2000", len(got))
		}
	}
}

// TestInterruptedList has the first dumps interrupted, and then all: what these gave is never given out.
func TestInterruptedList(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{0, 1, 10} { // Dump tries 10 times
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			t.Parallel()
			c := fakeKernel(t, func(try int, seq uint32) []byte {
				flags := uint16(unix.NLM_F_MULTI)
				if try < bad {
					flags |= unix.NLM_F_DUMP_INTR
				}
				return append(fakekernel.Message(unix.NFNL_SUBSYS_CTNETLINK<<8, flags, seq, flowMessage(uint16(try))),
					fakekernel.Message(unix.NLMSG_DONE, unix.NLM_F_MULTI, seq, make([]byte, 4))...)
			})
			got, err := c.Flows(t.Context(), within(t, "10.0.0.0/8"))
			if bad == 10 {
				if !errors.Is(err, ErrInterrupted) || got != nil {
					t.Fatalf("got %v, %v, want none and %v", got, err, ErrInterrupted)
				}
				return
			}
			if err != nil || len(got) != 1 || int(got[0].SrcPort) != bad {
				t.Errorf("got %v, %v, want the flow from port %d alone", got, err, bad)
			}
		})
	}
}

// TestRepeatedFlow is told of a flow twice, as the kernel does where the flow at which it left off has gone.
func TestRepeatedFlow(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := fakeKernel(t, func(try int, seq uint32) []byte {
		if try > 0 {
			cancel()
		}
		var b []byte
		for _, port := range []uint16{9, 8, 9} {
			b = append(b, fakekernel.Message(unix.NFNL_SUBSYS_CTNETLINK<<8, unix.NLM_F_MULTI, seq, flowMessage(port))...)
		}
		return append(b, fakekernel.Message(unix.NLMSG_DONE, unix.NLM_F_MULTI, seq, make([]byte, 4))...)
	})
	got, err := c.Flows(ctx, within(t, "10.0.0.2/32"))
	if err != nil || len(got) != 2 || got[0].SrcPort != 8 || got[1].SrcPort != 9 {
		t.Errorf("got %v, %v, want those from port 8 and 9", got, err)
	}
	if got, err := c.Flows(ctx, within(t, "10.0.0.2/32")); !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("got %v, %v of a list cancelled while it was read, want none", got, err)
	}
}

func FuzzParseFlow(f *testing.F) {
	f.Add(flowMessage(7))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseFlow(b)
		if err == nil && (!got.Src.IsValid() || !got.ReplyDst.IsValid()) {
			t.Errorf("%+v has no addresses", got)
		}
	})
}

func TestFlowString(t *testing.T) {
	t.Parallel()
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for want, f := range map[string]Flow{
		"tcp 192.0.2.1:1 > 192.0.2.1:2":                       {Proto: 6, Src: four, Dst: four, SrcPort: 1, DstPort: 2},
		"udp [2001:db8::1]:1 > [2001:db8::1]:2":               {Proto: 17, Src: six, Dst: six, SrcPort: 1, DstPort: 2},
		"icmp type 128 code 0 id 7 2001:db8::1 > 2001:db8::1": {Proto: 58, Src: six, Dst: six, ICMPType: 128, ICMPID: 7},
		"protocol 47 192.0.2.1:0 > 192.0.2.1:9":               {Proto: 47, Src: four, Dst: four, DstPort: 9},
	} {
		if got := f.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTruncatedFlow(t *testing.T) {
	t.Parallel()
	whole := flowMessage(7)
	if _, err := parseFlow(whole); err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if _, err := parseFlow(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken for a flow", n, len(whole))
		}
	}
}

func BenchmarkFlows(b *testing.B) {
	c := dial(b, testhost.New(b))
	inject(b, c, "10.0.0.1", 100000)
	for _, of := range []string{"10.0.1.0/29", "2001:db8::/64", "0.0.0.0/0"} {
		prefixes := within(b, of)
		b.Run(of, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := c.Flows(b.Context(), prefixes)
				must(b, err)
			}
		})
	}
}
