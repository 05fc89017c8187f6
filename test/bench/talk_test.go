package bench

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"vifd/internal/testhost"
)

// talk is traffic from one guest to another.
type talk struct {
	from  net.Conn
	to    net.PacketConn
	got   atomic.Int64 // packets
	marks atomic.Int64
}

// What a packet holds.
const (
	counted = "counted"
	mark    = "mark"
)

// newTalk plugs both guests in, each with its addresses.
func newTalk(b *testing.B, h *host, from, to guest) *talk {
	b.Helper()
	plug := func(g guest) *testhost.Host {
		return h.Guest(b, g.name, net.HardwareAddr(g.mac[:]).String(), net.IP(g.ip4[:]).String()+"/8")
	}
	t := &talk{}
	near, far := plug(from), plug(to)
	address := net.JoinHostPort(net.IP(to.ip4[:]).String(), "7")
	far.Do(b, func() (err error) {
		t.to, err = net.ListenPacket("udp4", address)
		return err
	})
	b.Cleanup(func() { _ = t.to.Close() })
	near.Do(b, func() (err error) {
		t.from, err = net.Dial("udp4", address)
		return err
	})
	b.Cleanup(func() { _ = t.from.Close() })
	go func() {
		buf := make([]byte, 64)
		for {
			n, _, err := t.to.ReadFrom(buf)
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case err == nil && string(buf[:n]) == mark:
				t.marks.Add(1)
			case err == nil:
				t.got.Add(1)
			}
		}
	}()
	return t
}

// start sends a packet a millisecond, from when one gets through until stop is called, which tells how many were sent
// and how many of them did not arrive.
func (t *talk) start(b *testing.B) (stop func() (sent, lost int)) {
	b.Helper()
	t.settle(b)
	end, sent := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		n := 0
		for {
			select {
			case <-tick.C:
				if _, err := t.from.Write([]byte(counted)); err == nil {
					n++
				}
			case <-end:
				sent <- n
				return
			}
		}
	}()
	return func() (int, int) {
		close(end)
		n := <-sent
		t.settle(b)
		return n, n - int(t.got.Load())
	}
}

// settle waits until a mark arrives that is sent now: what was sent before it has arrived by then, or is lost.
func (t *talk) settle(b *testing.B) {
	b.Helper()
	before := t.marks.Load()
	testhost.Wait(b, "a packet to arrive", func() bool {
		_, _ = t.from.Write([]byte(mark)) // whether it arrives is what is waited for
		return t.marks.Load() > before
	})
}
