package rate

import (
	"encoding/json"
	"errors"
	"testing"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
)

// What Apply does for 10 Mbit/s each way.
const (
	shapeVif = "tc qdisc add dev vif1.0 root handle 7666: tbf rate 10000000bit burst 62500 limit 136228"
	create   = "ip link add name IFB group 1986618980 txqueuelen 1000 type ifb"
	own      = `ip link set dev IFB alias "vifd:vif1.0" group default`
	shapeIFB = "tc qdisc add dev IFB root handle 7666: tbf rate 10000000bit burst 62500 limit 136228"
	ifbUp    = "ip link set dev IFB up"
	ingress  = "tc qdisc add dev vif1.0 ingress"
	redirect = "tc filter add dev vif1.0 parent ffff: protocol all pref 30310 MATCH action mirred egress redirect dev IFB"

	unshape    = "tc qdisc del dev vif1.0 root handle 7666:"
	unredirect = "tc filter del dev vif1.0 parent ffff: pref 30310"
	noIngress  = "tc qdisc del dev vif1.0 ingress"
	deleteIFB  = "ip link delete dev IFB type ifb"
)

const tenMbit = 10_000_000

func plug(t testing.TB, w world) Rate {
	t.Helper()
	return Rate{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", FromGuest: tenMbit, ToGuest: tenMbit}
}

func TestBothWays(t *testing.T) {
	both(t, func(t *testing.T, w world, k Kernel) {
		want := plug(t, w)
		state := apply(t, w, k, want, shapeVif, create, own, shapeIFB, ifbUp, ingress, redirect)
		ifb := linkOf(t, w, Name(want.Ifindex))
		if ifb.Kind != rtnl.KindIFB || ifb.Alias != "vifd:vif1.0" || ifb.Group != 0 || ifb.TxQLen != 1000 || !ifb.Up() {
			t.Errorf("the ifb device is %+v", ifb)
		}
		text, err := json.Marshal(state)
		must(t, err)
		var read State
		must(t, json.Unmarshal(text, &read))
		undoes(t, w, read, unshape, noIngress, deleteIFB)
	})
}

func TestOneWay(t *testing.T) {
	both(t, func(t *testing.T, w world, k Kernel) {
		to := plug(t, w)
		to.FromGuest = 0
		state := apply(t, w, k, to, shapeVif)
		from := to
		from.FromGuest, from.ToGuest = tenMbit, 0
		apply(t, w, k, from, unshape, create, own, shapeIFB, ifbUp, ingress, redirect)
		apply(t, w, k, to, shapeVif, noIngress, deleteIFB)
		none := to
		none.ToGuest = 0
		apply(t, w, k, none, unshape)
		undoes(t, w, state)
	})
}

// TestChange: more is a change in place, and less, which could hold up for ever what waits, a new TBF in the place of the old.
func TestChange(t *testing.T) {
	both(t, func(t *testing.T, w world, k Kernel) {
		want := plug(t, w)
		apply(t, w, k, want, shapeVif, create, own, shapeIFB, ifbUp, ingress, redirect)
		want.FromGuest, want.ToGuest = 1_000_000_000, 100_000_000
		apply(t, w, k, want,
			"tc qdisc change dev vif1.0 root handle 7666: tbf rate 100000000bit burst 125000 limit 750000",
			"tc qdisc change dev IFB root handle 7666: tbf rate 1000000000bit burst 1250000 limit 7500000")
		want.Burst = 200_000
		apply(t, w, k, want,
			"tc qdisc change dev vif1.0 root handle 7666: tbf rate 100000000bit burst 200000 limit 825000",
			"tc qdisc replace dev IFB root handle 7667: tbf rate 1000000000bit burst 200000 limit 6450000")
		want.Burst, want.FromGuest, want.ToGuest = 0, 64_000, tenMbit
		apply(t, w, k, want,
			"tc qdisc replace dev vif1.0 root handle 7667: tbf rate 10000000bit burst 62500 limit 136228",
			"tc qdisc replace dev IFB root handle 7666: tbf rate 64000bit burst 1518 limit 75246")
		w.Person(t, "ip link set dev vif1.0 mtu 9000")
		apply(t, w, k, want, "tc qdisc change dev IFB root handle 7666: tbf rate 64000bit burst 9018 limit 82746")
		undoes(t, w, want.State(), "tc qdisc del dev vif1.0 root handle 7667:", noIngress, deleteIFB)
	})
}

// TestDrift changes one thing of a limited vif, and expects that alone to be put right.
func TestDrift(t *testing.T) {
	both(t, func(t *testing.T, w world, k Kernel) {
		want := plug(t, w)
		state := apply(t, w, k, want, shapeVif, create, own, shapeIFB, ifbUp, ingress, redirect)
		ifb := Name(want.Ifindex)
		for _, drift := range []struct {
			what string
			back []string
		}{
			{"tc qdisc del dev vif1.0 root", []string{shapeVif}},
			{"tc qdisc del dev " + ifb + " root", []string{shapeIFB}},
			{"tc qdisc del dev vif1.0 ingress", []string{ingress, redirect}},
			{"tc filter del dev vif1.0 parent ffff: pref 30310", []string{redirect}},
			{"ip link set dev " + ifb + " down", []string{ifbUp}},
			{"ip link del dev " + ifb, []string{create, own, shapeIFB, ifbUp, unredirect, redirect}},
		} {
			w.Person(t, drift.what)
			apply(t, w, k, want, drift.back...)
		}
		// What somebody adds to our ingress qdisc keeps that alive.
		w.Person(t, "tc filter add dev vif1.0 parent ffff: protocol ip pref 9 u32 match u32 0 0 flowid 1:1")
		apply(t, w, k, want)
		undoes(t, w, state, unshape, unredirect, deleteIFB)
	})
}

func TestVifGone(t *testing.T) {
	both(t, func(t *testing.T, w world, k Kernel) {
		want := plug(t, w)
		state := apply(t, w, k, want, shapeVif, create, own, shapeIFB, ifbUp, ingress, redirect)
		w.Unplug(t, "vif1.0")
		_, err := Apply(t.Context(), w, k, want)
		actiontest.Error(t, err, ErrGone, "limit the rate of vif1.0")
		undoes(t, w, state, deleteIFB)
		if _, err := w.LinkByName(Name(want.Ifindex)); !errors.Is(err, rtnl.ErrNotFound) {
			t.Errorf("the ifb device: %v", err)
		}
	})
}

// TestRenamed: whoever renames a vif has it decided upon anew, and what was done under the old name is taken back all the same.
func TestRenamed(t *testing.T) {
	both(t, func(t *testing.T, w world, k Kernel) {
		want := plug(t, w)
		state := apply(t, w, k, want, shapeVif, create, own, shapeIFB, ifbUp, ingress, redirect)
		w.Rename(t, want.Ifindex, "web-1")
		_, err := Apply(t.Context(), w, k, want)
		actiontest.Error(t, err, ErrRenamed, "it is called web-1 now")
		renamed := want
		renamed.Interface = "web-1"
		apply(t, w, k, renamed, `ip link set dev IFB alias "vifd:web-1" group default`)
		undoes(t, w, state, "tc qdisc del dev web-1 root handle 7666:", "tc qdisc del dev web-1 ingress", deleteIFB)
	})
}

// TestForeign: what is somebody else's stays, and is an error only where it is in the way.
func TestForeign(t *testing.T) {
	both(t, func(t *testing.T, w world, k Kernel) {
		want := plug(t, w)
		to, from := want, want
		to.FromGuest, from.ToGuest = 0, 0
		none := Rate{Ifindex: want.Ifindex, Interface: "vif1.0"}
		refused := func(want Rate, words string) {
			t.Helper()
			for range 2 {
				result, err := Apply(t.Context(), w, k, want)
				actiontest.Error(t, err, ErrForeign, words)
				actiontest.Steps(t, "Apply", result.Steps)
			}
			undoes(t, w, want.State())
			apply(t, w, k, none)
		}

		w.Person(t, "tc qdisc replace dev vif1.0 root handle 8001: pfifo")
		refused(to, "the root qdisc pfifo 8001: of vif1.0 is not vifd's, and stays: delete it (tc qdisc del dev vif1.0 root)")
		refused(want, "pfifo")
		apply(t, w, k, from, create, own, shapeIFB, ifbUp, ingress, redirect)
		undoes(t, w, from.State(), noIngress, deleteIFB)
		w.Person(t, "tc qdisc del dev vif1.0 root")

		w.Person(t, "tc qdisc add dev vif1.0 ingress")
		w.Person(t, "tc filter add dev vif1.0 parent ffff: protocol ip pref 9 u32 match u32 0 0 flowid 1:1")
		refused(from, "the ingress qdisc of vif1.0 has filters and is not vifd's")
		w.Person(t, "tc qdisc del dev vif1.0 ingress")

		must(t, w.CreateIFB(Name(want.Ifindex), 0, 32))
		refused(from, "the device "+Name(want.Ifindex)+" is not vifd's")
		w.Person(t, "ip link set dev "+Name(want.Ifindex)+" alias mine")
		refused(from, "rename it")
		w.Person(t, "ip link del dev "+Name(want.Ifindex))

		apply(t, w, k, from, create, own, shapeIFB, ifbUp, ingress, redirect)
		w.Person(t, "tc qdisc del dev "+Name(want.Ifindex)+" root")
		w.Person(t, "tc qdisc replace dev "+Name(want.Ifindex)+" root handle 8001: pfifo")
		_, err := Apply(t.Context(), w, k, from)
		actiontest.Error(t, err, ErrForeign, "the root qdisc pfifo")
		undoes(t, w, from.State(), noIngress, deleteIFB)

		w.Person(t, "tc qdisc add dev vif1.0 clsact")
		refused(from, "the clsact qdisc of vif1.0")
	})
}

func TestProbe(t *testing.T) {
	both(t, func(t *testing.T, w world, k Kernel) {
		must(t, k.Supports(Rate{FromGuest: tenMbit, ToGuest: tenMbit}))
		if link, err := w.LinkByName(Name(0)); err == nil {
			t.Errorf("left behind: %+v", link)
		}
		again, err := Probe(w)
		must(t, err)
		if again.classifier != k.classifier {
			t.Errorf("%v, then %v", k.classifier, again.classifier)
		}
	})
}
