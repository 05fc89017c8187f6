package rate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
)

const writesOfBoth = 7 // shape, create, own, shape, up, ingress, redirect

// scene is a fake with a vif that is to be limited each way.
func scene(t *testing.T) (*fake, Kernel, Rate) {
	t.Helper()
	f := newFake()
	k, err := Probe(f)
	must(t, err)
	want := plug(t, f)
	f.writes = 0
	return f, k, want
}

// clean checks that nothing of ours is left.
func clean(t *testing.T, f *fake, want Rate) {
	t.Helper()
	if _, err := f.find(Name(want.Ifindex)); err == nil || len(f.root)+len(f.ingress)+len(f.filters[want.Ifindex]) > 0 {
		t.Errorf("left behind: ifb %v, root %v, ingress %v, filters %v", err, f.root, f.ingress, f.filters)
	}
}

// TestKilledAnywhere ends Apply before each of its writes. Whatever it leaves, a second Apply makes whole and Undo takes away.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	killed := errors.New("killed")
	for n := 1; n <= writesOfBoth+1; n++ {
		for _, next := range []string{"apply", "undo", "vif gone"} {
			t.Run(fmt.Sprint(n, " ", next), func(t *testing.T) {
				t.Parallel()
				f, k, want := scene(t)
				f.before = func(write int) error {
					if write >= n {
						return killed
					}
					return nil
				}
				if _, err := Apply(t.Context(), f, k, want); (n <= writesOfBoth) != errors.Is(err, killed) {
					t.Fatalf("killed at write %d: %v", n, err)
				}
				f.before = nil
				switch next {
				case "apply":
					_, err := Apply(t.Context(), f, k, want)
					must(t, err)
				case "vif gone":
					f.Unplug(t, want.Interface)
				}
				_, err := Undo(t.Context(), f, want.State())
				must(t, err)
				clean(t, f, want)
			})
		}
	}
}

// TestUndoKilledAnywhere ends Undo before each of its writes; the next one goes on.
func TestUndoKilledAnywhere(t *testing.T) {
	t.Parallel()
	killed := errors.New("killed")
	for n := 1; n <= 3; n++ {
		f, k, want := scene(t)
		result, err := Apply(t.Context(), f, k, want)
		must(t, err)
		f.writes = 0
		f.before = func(write int) error {
			if write >= n {
				return killed
			}
			return nil
		}
		_, err = Undo(t.Context(), f, result.State)
		actiontest.Error(t, err, killed, "lift the rate of vif1.0")
		f.before = nil
		_, err = Undo(t.Context(), f, result.State)
		must(t, err)
		clean(t, f, want)
	}
}

// TestGoneAnywhere has the vif disappear before each write, of Apply and of Undo.
func TestGoneAnywhere(t *testing.T) {
	t.Parallel()
	for n := 1; n <= writesOfBoth; n++ {
		f, k, want := scene(t)
		unplug := func(write int) error {
			if _, err := f.find(want.Interface); err == nil && write == n {
				f.Unplug(t, want.Interface)
			}
			return nil
		}
		f.before = unplug
		_, err := Apply(t.Context(), f, k, want)
		actiontest.Error(t, err, ErrGone, "limit the rate of vif1.0")
		_, err = Undo(t.Context(), f, want.State())
		must(t, err)
		clean(t, f, want)
	}
	for n := 1; n <= 3; n++ {
		f, k, want := scene(t)
		_, err := Apply(t.Context(), f, k, want)
		must(t, err)
		f.writes = 0
		f.before = func(write int) error {
			if write == n {
				f.Unplug(t, want.Interface)
			}
			return nil
		}
		_, err = Undo(t.Context(), f, want.State())
		must(t, err)
		f.before = nil
		_, err = Undo(t.Context(), f, want.State())
		must(t, err)
		clean(t, f, want)
	}
}

// TestRefusedAnywhere has the kernel refuse each write: the error says so, and for whom.
func TestRefusedAnywhere(t *testing.T) {
	t.Parallel()
	for n := 1; n <= writesOfBoth; n++ {
		f, k, want := scene(t)
		f.before = func(write int) error {
			if write == n {
				return refuse(unix.EPERM)
			}
			return nil
		}
		result, err := Apply(t.Context(), f, k, want)
		actiontest.Error(t, err, rtnl.ErrPermission, "limit the rate of vif1.0 (ifindex 3): ")
		if len(result.Steps) != n-1 {
			t.Errorf("refused at write %d, %d steps done", n, len(result.Steps))
		}
	}
}

// TestKernelsThatLack: what is missing is named, by Probe and, where it goes missing later, by Apply; a limit that does without it is kept.
func TestKernelsThatLack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lacking, words string
		to             bool // without it there is no limit to the guest either
	}{
		{"sch_tbf", "module sch_tbf is missing (CONFIG_NET_SCH_TBF)", true},
		{"ifb", "module ifb is missing (CONFIG_IFB)", false},
		{"sch_ingress", "module sch_ingress is missing (CONFIG_NET_SCH_INGRESS)", false},
		{"act_mirred", "module act_mirred is missing (CONFIG_NET_ACT_MIRRED)", false},
		{"cls_matchall cls_u32", "CONFIG_NET_CLS_MATCHALL or CONFIG_NET_CLS_U32", false},
	} {
		t.Run(tt.lacking, func(t *testing.T) {
			t.Parallel()
			f, before, want := scene(t)
			for module := range strings.FieldsSeq(tt.lacking) {
				f.lacking[module] = true
			}
			k, err := Probe(f)
			must(t, err)
			actiontest.Error(t, k.Supports(want), ErrUnsupported, tt.words)
			_, err = Apply(t.Context(), f, k, want)
			actiontest.Error(t, err, ErrUnsupported, tt.words)
			clean(t, f, want)
			to := want
			to.FromGuest = 0
			if _, err := Apply(t.Context(), f, k, to); tt.to != errors.Is(err, ErrUnsupported) {
				t.Errorf("to the guest alone: %v", err)
			}
			must(t, k.Supports(Rate{}))
			if tt.lacking != "cls_matchall cls_u32" { // of which the kernel does not say whether it or the action is missing
				_, err = Apply(t.Context(), f, before, want)
				actiontest.Error(t, err, ErrUnsupported, tt.words)
			}
		})
	}
	f := newFake()
	f.lacking["cls_matchall"] = true
	k, err := Probe(f)
	must(t, err)
	if k.classifier != rtnl.U32 {
		t.Errorf("without matchall it is %q", k.classifier)
	}
}

func TestProbeThatCannotFindOut(t *testing.T) {
	t.Parallel()
	for n := range 6 {
		f := newFake()
		f.before = func(write int) error {
			if write == n {
				return refuse(unix.EPERM)
			}
			return nil
		}
		_, err := Probe(f)
		actiontest.Error(t, err, rtnl.ErrPermission, "find out whether the kernel can limit rates")
	}
}

func TestApplyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for n := range writesOfBoth {
		f, k, want := scene(t)
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
		_, err := Apply(ctx, f, k, want)
		actiontest.Error(t, err, context.Canceled, "limit the rate of vif1.0")
		if f.writes != n {
			t.Errorf("cancelled during write %d, made %d", n, f.writes)
		}
		cancel()
	}
}

// TestShape holds the formula against the numbers it is documented to give, and against what the kernel cannot keep.
func TestShape(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		bits, burst uint64
		mtu         int
		want        rtnl.TBF
	}{
		{1000, 0, 1500, rtnl.TBF{Rate: 125, Burst: 1518, Limit: 75246}},
		{1_000_000, 0, 1500, rtnl.TBF{Rate: 125_000, Burst: 6250, Limit: 79978}},
		{1_000_000, 0, 9000, rtnl.TBF{Rate: 125_000, Burst: 9018, Limit: 82746}},
		{tenMbit, 0, 1500, rtnl.TBF{Rate: 1_250_000, Burst: 62500, Limit: 136228}},
		{20_000_000, 0, 1500, rtnl.TBF{Rate: 2_500_000, Burst: 73728, Limit: 198728}},
		{1_000_000_000, 0, 1500, rtnl.TBF{Rate: 125_000_000, Burst: 1_250_000, Limit: 7_500_000}},
		{100_000_000_000, 0, 1500, rtnl.TBF{Rate: 12_500_000_000, Burst: 125_000_000, Limit: 750_000_000}},
		{tenMbit, 1518, 1500, rtnl.TBF{Rate: 1_250_000, Burst: 1518, Limit: 75246}},
		{tenMbit, math.MaxUint32 / 100, 1500, rtnl.TBF{Rate: 1_250_000, Burst: 42949672, Limit: 43023400}},
	} {
		got, err := shape(tt.bits, tt.burst, tt.mtu)
		must(t, err)
		if got != tt.want {
			t.Errorf("%d bit/s, burst %d, mtu %d: %+v, want %+v", tt.bits, tt.burst, tt.mtu, got, tt.want)
		}
	}
	for _, tt := range []struct {
		bits, burst uint64
		words       string
	}{
		{999, 0, "the least is 1000"},
		{tenMbit, 1517, "a burst of 1517 bytes lets no frame of 1518 bytes (mtu 1500) pass, ever: raise the burst"},
		{1000, 100_000, "more than the kernel can keep at 1000 bit/s: lower the burst"},
		{tenMbit, math.MaxUint64, "lower the burst"},
		{1 << 45, 0, "lower the burst"},
	} {
		if _, err := shape(tt.bits, tt.burst, 1500); err == nil || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%d bit/s, burst %d: got %v, want %q", tt.bits, tt.burst, err, tt.words)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	if name := Name(math.MaxInt32); len(name) >= unix.IFNAMSIZ {
		t.Errorf("%s has %d bytes", name, len(name))
	}
}
