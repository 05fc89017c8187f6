package rate

import (
	"net"
	"testing"
	"time"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

// TestStepsAreCommands types the steps that Plan prints into a shell: they must do what Apply would, be it from nothing or from
// other rates, and those of Undo take it away.
func TestStepsAreCommands(t *testing.T) {
	t.Parallel()
	w := newKernel(t)
	k, err := Probe(w)
	must(t, err)
	want := plug(t, w)
	before := w.host.Run(t, "tc", "qdisc", "show") + w.host.Run(t, "ip", "-o", "link")
	for _, bits := range []uint64{tenMbit, 1_000_000_000} {
		want.FromGuest, want.ToGuest = bits, bits/2
		steps, err := Plan(t.Context(), w, k, want)
		must(t, err)
		for _, s := range steps {
			w.Person(t, s.String())
		}
		apply(t, w, k, want)
	}
	have, err := read(t.Context(), w, want)
	must(t, err)
	steps, err := Diff(k, Rate{Ifindex: want.Ifindex, Interface: want.Interface}, have)
	must(t, err)
	for _, s := range steps {
		w.Person(t, s.String())
	}
	undoes(t, w, want.State())
	if after := w.host.Run(t, "tc", "qdisc", "show") + w.host.Run(t, "ip", "-o", "link"); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
}

// TestTCP lets a guest on a bridge send, and receive, as fast as TCP goes, and counts what the limiting qdisc lets out.
//
// That is never more than the rate and one burst, however the machine is loaded: so much a token bucket promises, and the time is taken
// from before the first count to after the last. And it is the rate, less 5 %, in at least one of the windows of the test: a window
// in which the machine did something else says nothing. The strict measurement is test/bench's BenchmarkRate.
func TestTCP(t *testing.T) {
	t.Parallel()
	const bits = 20_000_000
	for _, way := range []string{"from the guest", "to the guest"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			w := newKernel(t)
			k, err := Probe(w)
			must(t, err)
			w.host.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge", "forward_delay", "0")
			w.host.Run(t, "ip", "link", "set", "xenbr0", "up")
			guest := w.host.Guest(t, "vif1.0", "00:16:3e:00:00:01", "192.0.2.1/24")
			other := w.host.Guest(t, "vif2.0", "00:16:3e:00:00:02", "192.0.2.2/24")
			for _, vif := range []string{"vif1.0", "vif2.0"} {
				w.host.Run(t, "ip", "link", "set", vif, "master", "xenbr0", "up")
			}
			w.host.WaitUp(t, "vif1.0", "vif2.0")
			want := Rate{Ifindex: linkOf(t, w, "vif1.0").Index, Interface: "vif1.0", FromGuest: bits}
			from, to, address := guest, other, "192.0.2.2"
			if way == "to the guest" {
				want.FromGuest, want.ToGuest = 0, bits
				from, to, address = other, guest, "192.0.2.1"
			}
			_, err = Apply(t.Context(), w, k, want)
			must(t, err)
			limited := want.Ifindex
			if want.FromGuest != 0 {
				limited = linkOf(t, w, Name(want.Ifindex)).Index
			}

			talk(t, from, to, address)
			measure(t, w, limited, bits)
			// The connection lives on at other rates.
			for _, bits := range []uint64{2 * bits, bits / 2} {
				if way == "to the guest" {
					want.ToGuest = bits
				} else {
					want.FromGuest = bits
				}
				_, err = Apply(t.Context(), w, k, want)
				must(t, err)
				measure(t, w, limited, bits)
			}
		})
	}
}

// measure counts what a device's root qdisc lets out.
func measure(t *testing.T, w *kernel, index int, bits uint64) {
	t.Helper()
	count := func() rtnl.Qdisc {
		q, err := w.RootQdisc(index)
		must(t, err)
		return q
	}
	start := time.Now()
	first := count()
	testhost.Wait(t, "a window in which the rate is reached", func() bool {
		begin := time.Now()
		window := count()
		var now rtnl.Qdisc
		testhost.Wait(t, "a fifth of a second's bytes", func() bool {
			now = count()
			return (now.Sent-window.Sent)*8 > bits/5
		})
		end := time.Now()
		if most := float64(bits)/8*end.Sub(start).Seconds() + float64(now.TBF.Burst); float64(now.Sent-first.Sent) > most {
			t.Fatalf("%d bytes in %v, which is more than the rate and a burst: %.0f", now.Sent-first.Sent, end.Sub(start), most)
		}
		return float64(now.Sent-window.Sent)*8 > 0.95*float64(bits)*end.Sub(begin).Seconds()
	})
}

// talk opens a connection that carries as much as it can until the test ends.
func talk(t *testing.T, from, to *testhost.Host, address string) {
	t.Helper()
	var l net.Listener
	to.Do(t, func() (err error) {
		l, err = net.Listen("tcp4", address+":0")
		return err
	})
	var out net.Conn
	from.Do(t, func() (err error) {
		out, err = net.Dial("tcp4", l.Addr().String())
		return err
	})
	in, err := l.Accept()
	must(t, err)
	sent, received := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sent)
		for buf := make([]byte, 64<<10); ; {
			if _, err := out.Write(buf); err != nil {
				return // the test has ended
			}
		}
	}()
	go func() {
		defer close(received)
		for buf := make([]byte, 64<<10); ; {
			if _, err := in.Read(buf); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		for _, c := range []net.Conn{out, in} {
			must(t, c.Close())
		}
		must(t, l.Close())
		<-sent
		<-received
	})
}
