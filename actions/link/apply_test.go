package link

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

func lot(t testing.TB, w world) Link {
	t.Helper()
	return Link{
		Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", MTU: 9000, TxQueueLen: new(uint32(77)), Group: new(uint32(7)), Alias: new("web's first"),
		Offload: map[string]bool{"tx-checksum-ip-generic": false, "gro": true, "rx-lro": false},
		Sysctl:  map[string]string{"ipv6.accept_ra": "0", "ipv4.conf.proxy_arp": "00", "ipv4.neigh.proxy_delay": "5"},
	}
}

func lotSteps() []string {
	return []string{
		"ip link set dev vif1.0 mtu 9000", "ip link set dev vif1.0 txqueuelen 77", "ip link set dev vif1.0 group 7",
		`ip link set dev vif1.0 alias 'web'\''s first'`, "ethtool -K vif1.0 rx-gro on tx-checksum-ip-generic off",
		"sysctl -w net/ipv4/conf/vif1.0/proxy_arp=00", "sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=5", "sysctl -w net/ipv6/conf/vif1.0/accept_ra=0",
	}
}

func lotBack() []string {
	return []string{
		"ip link set dev vif1.0 mtu 1500", "ip link set dev vif1.0 txqueuelen 1000", "ip link set dev vif1.0 group 0",
		"ip link set dev vif1.0 alias ''", "ethtool -K vif1.0 rx-gro off tx-checksum-ip-generic on",
		"sysctl -w net/ipv4/conf/vif1.0/proxy_arp=1", "sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=80", "sysctl -w net/ipv6/conf/vif1.0/accept_ra=1",
	}
}

func TestLot(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		want := lot(t, w)
		before := now(t, w, want.Ifindex)
		state := apply(t, w, want, State{}, lotSteps()...)
		undoes(t, w, state, lotBack()...)
		if diff := cmp.Diff(before, now(t, w, want.Ifindex)); diff != "" {
			t.Errorf("after Undo (-before +after):\n%s", diff)
		}
	})
}

// TestChangeOfMind: what is wanted no more is given back, what is wanted otherwise is set, and remembered is what was there first.
func TestChangeOfMind(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		want := Link{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", MTU: 9000, Sysctl: map[string]string{"ipv6.accept_ra": "0"}}
		before := now(t, w, want.Ifindex)
		state := apply(t, w, want, State{}, "ip link set dev vif1.0 mtu 9000", "sysctl -w net/ipv6/conf/vif1.0/accept_ra=0")
		want.MTU, want.Sysctl, want.Offload = 8000, nil, map[string]bool{"tx": false}
		state = apply(t, w, want, state, "ip link set dev vif1.0 mtu 8000", "ethtool -K vif1.0 tx-checksum-ip-generic off tx-checksum-sctp off",
			"sysctl -w net/ipv6/conf/vif1.0/accept_ra=1")
		undoes(t, w, state, "ip link set dev vif1.0 mtu 1500", "ethtool -K vif1.0 tx-checksum-ip-generic on tx-checksum-sctp on")
		if diff := cmp.Diff(before, now(t, w, want.Ifindex)); diff != "" {
			t.Errorf("after Undo (-before +after):\n%s", diff)
		}
	})
}

// TestOthersChanges: Apply puts right what somebody has changed; Undo leaves it.
func TestOthersChanges(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		want := lot(t, w)
		state := apply(t, w, want, State{}, lotSteps()...)
		h := w.host()
		change := func() {
			t.Helper()
			must(t, h.Links.Set(want.Ifindex, rtnl.Change{MTU: 1400}))
			must(t, h.Offloads.SetFeatures(want.Ifindex, map[string]bool{"rx-gro": false}))
			_, err := h.Settings.Set(sysctl.Name{"ipv4", "neigh", "vif1.0", "proxy_delay"}, "9", func() error { return nil })
			must(t, err)
		}
		change()
		state = apply(t, w, want, state, "ip link set dev vif1.0 mtu 9000", "ethtool -K vif1.0 rx-gro on", "sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=5")
		change()
		undoes(t, w, state, "ip link set dev vif1.0 txqueuelen 1000", "ip link set dev vif1.0 group 0", "ip link set dev vif1.0 alias ''",
			"ethtool -K vif1.0 tx-checksum-ip-generic on", "sysctl -w net/ipv4/conf/vif1.0/proxy_arp=1", "sysctl -w net/ipv6/conf/vif1.0/accept_ra=1")
	})
}

func TestGoneAndRenamed(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		want := lot(t, w)
		state := apply(t, w, want, State{}, lotSteps()...)
		w.Rename(t, want.Ifindex, "web")
		_, err := Apply(t.Context(), w.host(), want, state)
		actiontest.Error(t, err, ErrRenamed, "it is called web now")
		want.Interface = "web"
		state = apply(t, w, want, state)
		w.Unplug(t, "web")
		_, err = Remember(w.host(), want, state)
		actiontest.Error(t, err, ErrGone, "set up the link web")
		undoes(t, w, state)
	})
}

// TestUndoUnderAnotherName gives everything back to a link that has been renamed.
func TestUndoUnderAnotherName(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		want := Link{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", MTU: 9000, Sysctl: map[string]string{"ipv6.accept_ra": "0"}}
		state := apply(t, w, want, State{}, "ip link set dev vif1.0 mtu 9000", "sysctl -w net/ipv6/conf/vif1.0/accept_ra=0")
		w.Rename(t, want.Ifindex, "web")
		undoes(t, w, state, "ip link set dev web mtu 1500", "sysctl -w net.ipv6.conf.web.accept_ra=1")
	})
}

func TestWhatCannotBe(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		plain := Link{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0"}
		before := now(t, w, plain.Ifindex)
		offload := func(name string, on bool) Link {
			l := plain
			l.Offload = map[string]bool{name: on}
			return l
		}
		setting := func(key, value string) Link {
			l := plain
			l.Sysctl = map[string]string{key: value}
			return l
		}
		tooSmall := plain
		tooSmall.MTU = 60
		depends := offload("tso", true)
		depends.Offload["tx"] = false
		for _, tt := range []struct {
			want  Link
			kind  error
			words string
		}{
			{offload("lro", true), ErrFixed, "offload lro on cannot be changed: the device fixes [rx-lro] off ([fixed])"},
			{offload("tx-checksum-ipv4", true), ErrFixed, "fixes [tx-checksum-ipv4] off"},
			{offload("no-such", false), ErrFixed, "offload no-such off cannot be changed: this kernel has none of that name"},
			{offload("ufo", true), ErrFixed, "offload ufo on cannot be changed"},
			{setting("ipv6.no_such", "1"), sysctl.ErrNotFound, "net/ipv6/conf/vif1.0/no_such"},
			{setting("ipv6.accept_ra", "much"), unix.EINVAL, "accept_ra to much"},
			{tooSmall, unix.EINVAL, "set up the link vif1.0"},
		} {
			state, err := Remember(w.host(), tt.want, State{})
			if err == nil {
				_, err = Apply(t.Context(), w.host(), tt.want, state)
			}
			actiontest.Error(t, err, tt.kind, tt.words)
		}
		for _, key := range []string{"ipv6", "ipv5.x", "ipv4.all.x", "ipv4.conf.", "ipv4.../x", "ipv4.conf.a.b", "net.ipv4.ip_forward", "ipv4.neigh.A"} {
			if _, err := Remember(w.host(), setting(key, "1"), State{}); err == nil {
				t.Errorf("%q is taken for a setting", key)
			}
		}
		if diff := cmp.Diff(before, now(t, w, plain.Ifindex)); diff != "" {
			t.Errorf("something has changed (-before +after):\n%s", diff)
		}
		for _, fine := range []Link{offload("lro", false), offload("ufo", false), offload("rx", true), offload("tx", true)} {
			undoes(t, w, apply(t, w, fine, State{}))
		}

		state, err := Remember(w.host(), depends, State{})
		must(t, err)
		result, err := Apply(t.Context(), w.host(), depends, state)
		actiontest.Error(t, err, ErrUnmet, "segmentation stays off, wanted on: it depends on others")
		_, err = Undo(t.Context(), w.host(), result.State)
		must(t, err)
		if diff := cmp.Diff(before, now(t, w, plain.Ifindex)); diff != "" {
			t.Errorf("after Undo (-before +after):\n%s", diff)
		}
	})
}

// TestResolve: of a short name that stands for several features only what can be changed is asked for, if it comes to what is wanted.
func TestResolve(t *testing.T) {
	t.Parallel()
	fixedOn, fixedOff, on := rtnl.Feature{Active: true, Fixed: true}, rtnl.Feature{Fixed: true}, rtnl.Feature{Active: true, Wanted: true}
	for _, tt := range []struct {
		name     string
		on       bool
		features map[string]rtnl.Feature
		want     []string
		words    string
	}{
		{"tx", false, map[string]rtnl.Feature{"tx-checksum-a": on, "tx-checksum-b": fixedOff, "tx-other": on}, []string{"tx-checksum-a"}, ""},
		{"tx", false, map[string]rtnl.Feature{"tx-checksum-a": on, "tx-checksum-b": fixedOn}, nil, "fixes [tx-checksum-b] on"},
		{"tx", true, map[string]rtnl.Feature{"tx-checksum-a": on, "tx-checksum-b": fixedOff}, []string{"tx-checksum-a"}, ""},
		{"tx", true, map[string]rtnl.Feature{"tx-checksum-a": fixedOn, "tx-checksum-b": fixedOff}, nil, ""},
		{"tx", true, map[string]rtnl.Feature{"tx-checksum-a": fixedOff, "tx-checksum-b": fixedOff}, nil, "fixes [tx-checksum-a tx-checksum-b] off"},
		{"tx-checksum-a", false, map[string]rtnl.Feature{"tx-checksum-a": fixedOn}, nil, "fixes [tx-checksum-a] on"},
		{"tx-checksum-a", true, map[string]rtnl.Feature{"tx-checksum-a": fixedOn}, nil, ""},
		{"tso", true, map[string]rtnl.Feature{"tx-tcp6-segmentation": on, "tx-tcp-segmentation": on}, []string{"tx-tcp-segmentation", "tx-tcp6-segmentation"}, ""},
		{"tso", false, nil, nil, ""},
		{"tso", true, nil, nil, "this kernel has none of that name"},
		{"typo", false, map[string]rtnl.Feature{"tx-other": on}, nil, "this kernel has none of that name"},
	} {
		got, err := resolve(tt.name, tt.on, tt.features)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %v of %v (-want +got):\n%s", tt.name, tt.on, tt.features, diff)
		}
		if tt.words != "" {
			actiontest.Error(t, err, ErrFixed, tt.words)
		} else if err != nil {
			t.Error(err)
		}
	}
}

const writesOfLot = 8

// TestKilledAnywhere ends Apply before each of its writes, of a first Apply and of one that changes its mind. Whatever it leaves, the next
// Apply makes whole and Undo gives back.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	killed := errors.New("killed")
	for n := 1; n <= writesOfLot; n++ {
		for _, next := range []string{"apply", "undo", "gone"} {
			t.Run(fmt.Sprint(n, " ", next), func(t *testing.T) {
				t.Parallel()
				f := newFake()
				want := lot(t, f)
				before := now(t, f, want.Ifindex)
				first := Link{Ifindex: want.Ifindex, Interface: want.Interface, MTU: 1400, TxQueueLen: new(uint32(3)), Alias: new("first"), Sysctl: map[string]string{"ipv6.accept_ra": "2"}}
				state, err := Remember(f.host(), first, State{})
				must(t, err)
				result, err := Apply(t.Context(), f.host(), first, state)
				must(t, err)

				state, err = Remember(f.host(), want, result.State)
				must(t, err)
				f.writes = 0
				f.before = func(write int) error {
					if write >= n {
						return killed
					}
					return nil
				}
				_, err = Apply(t.Context(), f.host(), want, state)
				actiontest.Error(t, err, killed, "set up the link vif1.0")
				f.before = nil
				state = written(t, state) // all that is known after the kill
				switch next {
				case "apply":
					state, err = Remember(f.host(), want, state)
					must(t, err)
					result, err := Apply(t.Context(), f.host(), want, state)
					must(t, err)
					state = result.State
				case "gone":
					f.Unplug(t, "vif1.0")
					undoes(t, f, state)
					return
				}
				_, err = Undo(t.Context(), f.host(), state)
				must(t, err)
				if diff := cmp.Diff(before, now(t, f, want.Ifindex)); diff != "" {
					t.Errorf("after Undo (-before +after):\n%s", diff)
				}
			})
		}
	}
}

// TestGoneAnywhere has the vif disappear before each write, of Apply and of Undo.
func TestGoneAnywhere(t *testing.T) {
	t.Parallel()
	for n := 1; n <= writesOfLot; n++ {
		for _, during := range []string{"apply", "undo"} {
			f := newFake()
			want := lot(t, f)
			state, err := Remember(f.host(), want, State{})
			must(t, err)
			unplug := func(write int) error {
				if write == n {
					f.Unplug(t, "vif1.0")
					return sysctl.ErrNotFound
				}
				return nil
			}
			if during == "apply" {
				f.before = unplug
				_, err = Apply(t.Context(), f.host(), want, state)
				actiontest.Error(t, err, ErrGone, "set up the link vif1.0")
			} else {
				_, err = Apply(t.Context(), f.host(), want, state)
				must(t, err)
				f.writes, f.before = 0, unplug
			}
			_, err = Undo(t.Context(), f.host(), state)
			must(t, err)
		}
	}
}

func TestApplyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for n := range writesOfLot {
		f := newFake()
		want := lot(t, f)
		ctx, cancel := context.WithCancel(t.Context())
		f.before = func(write int) error {
			if write == n {
				cancel()
			}
			return nil
		}
		if n == 0 {
			cancel()
		}
		_, err := Apply(ctx, f.host(), want, State{})
		actiontest.Error(t, err, context.Canceled, "set up the link vif1.0")
		if f.writes != n {
			t.Errorf("cancelled during write %d, made %d", n, f.writes)
		}
		cancel()
	}
}

// TestStepsAreCommands types the steps that Plan prints into a shell: they must do what Apply would.
func TestStepsAreCommands(t *testing.T) {
	t.Parallel()
	k := newKernel(t)
	want := lot(t, k)
	want.Sysctl["ipv4.neigh.proxy_delay"] = "20" // no rounding, which a Plan alone knows nothing of
	state, err := Remember(k.host(), want, State{})
	must(t, err)
	steps, err := Plan(k.host(), want, state)
	must(t, err)
	for _, s := range steps {
		k.Run(t, "sh", "-c", s.String())
	}
	apply(t, k, want, state)
}
