package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"vifd/actions/rate"
	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

// What a rate is measured with: how long, and what a byte of TCP is on the wire.
const (
	flowTime = 2 * time.Second
	onWire   = 1514. / 1448 // full segments with time stamps
)

// BenchmarkRate measures the rate that a TCP connection reaches through a limit, over 2 s from its first byte, between a guest and
// another host on the bridge: within 5 % of what is configured, at 10, 100 and 1000 Mbit/s, each way. off-% is by how much it is off as frames
// count, which is what is configured; payload-% is what the receiver gets of it.
func BenchmarkRate(b *testing.B) {
	for _, mbit := range []uint64{10, 100, 1000} {
		for _, way := range []string{"from-guest", "to-guest"} {
			b.Run(fmt.Sprintf("%dMbit/%s", mbit, way), func(b *testing.B) {
				bits := mbit * 1_000_000
				var want rate.Rate
				if way == "from-guest" {
					want.FromGuest = bits
				} else {
					want.ToGuest = bits
				}
				guest, other := limited(b, want)
				from, to := guest, other
				if way == "to-guest" {
					from, to = other, guest
				}
				var got, most float64
				for b.Loop() {
					bytes, took := stream(b, from, to)
					got += float64(bytes) * 8
					most += float64(bits) * took.Seconds()
				}
				off := 100 * (got*onWire/most - 1)
				b.ReportMetric(off, "off-%")
				b.ReportMetric(100*got/most, "payload-%")
				b.ReportMetric(0, "ns/op")
				if off < -5 || off > 5 {
					b.Logf("MISSED: %.1f %% off, budget 5 %%", off)
				}
			})
		}
	}
}

// limited makes a host with a bridge, a guest whose vif is limited, and another host on the bridge.
func limited(b *testing.B, want rate.Rate) (guest, other *testhost.Host) {
	b.Helper()
	h := testhost.New(b)
	h.Run(b, "ip", "link", "add", "xenbr0", "type", "bridge", "forward_delay", "0")
	h.Run(b, "ip", "link", "set", "xenbr0", "up")
	guest = h.Guest(b, "vif1.0", "00:16:3e:00:00:01", "10.0.0.1/24")
	other = h.Guest(b, "vif2.0", "00:16:3e:00:00:02", "10.0.0.2/24")
	for _, vif := range []string{"vif1.0", "vif2.0"} {
		h.Run(b, "ip", "link", "set", vif, "master", "xenbr0", "up")
	}
	h.WaitUp(b, "vif1.0", "vif2.0")
	h.Do(b, func() error {
		conn, err := rtnl.Dial()
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		link, err := conn.LinkByName("vif1.0")
		if err != nil {
			return err
		}
		want.Ifindex, want.Interface = link.Index, link.Name
		k, err := rate.Probe(conn)
		if err != nil {
			return err
		}
		_, err = rate.Apply(b.Context(), conn, k, want)
		return err
	})
	return guest, other
}

// stream sends by TCP as fast as that goes, and tells how many bytes arrived within flowTime of the first.
func stream(b *testing.B, from, to *testhost.Host) (int64, time.Duration) {
	b.Helper()
	var l net.Listener
	to.Do(b, func() (err error) {
		l, err = net.Listen("tcp4", ":0")
		return err
	})
	defer func() { _ = l.Close() }()
	var out net.Conn
	from.Do(b, func() (err error) {
		out, err = net.Dial("tcp4", net.JoinHostPort(addressOf(b, to), strconv.Itoa(l.Addr().(*net.TCPAddr).Port)))
		return err
	})
	defer func() { _ = out.Close() }()
	in, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	var stop atomic.Bool
	defer stop.Store(true)
	go func() {
		buf := make([]byte, 256<<10)
		for !stop.Load() {
			if _, err := out.Write(buf); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1<<20)
	n, err := in.Read(buf)
	if err != nil {
		b.Fatal(err)
	}
	start, total := time.Now(), int64(n)
	if err := in.SetReadDeadline(start.Add(flowTime)); err != nil {
		b.Fatal(err)
	}
	for {
		n, err := in.Read(buf)
		total += int64(n)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			return total, time.Since(start)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
}

// addressOf is where a guest of limited is.
func addressOf(b *testing.B, h *testhost.Host) string {
	b.Helper()
	var address string
	h.Do(b, func() error {
		eth0, err := net.InterfaceByName(testhost.GuestIf)
		if err != nil {
			return err
		}
		list, err := eth0.Addrs()
		if err != nil {
			return err
		}
		for _, a := range list {
			if prefix, ok := a.(*net.IPNet); ok && prefix.IP.To4() != nil {
				address = prefix.IP.String()
			}
		}
		return nil
	})
	return address
}
