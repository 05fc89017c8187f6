package rtnl_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

// TestTBF compares with tc(8) what is set and what is read, at rates and bursts from one end to the other.
func TestTBF(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0")
	c := dial(t, h)
	vif := link(t, c, "vif1.0").Index
	none, err := c.RootQdisc(vif)
	must(t, err)
	if none != (rtnl.Qdisc{}) {
		t.Errorf("before it has been up: %+v", none)
	}
	h.Run(t, "ip", "link", "set", "dev", "vif1.0", "up")
	own, err := c.RootQdisc(vif)
	must(t, err)
	if own.Kind == "" || own.Handle != 0 {
		t.Errorf("the kernel's own is %+v", own)
	}
	mustBe(t, c.ChangeTBF(vif, 0x7666<<16, rtnl.TBF{Rate: 1000, Burst: 2000, Limit: 3000}), unix.ENOENT)

	for i, want := range []rtnl.TBF{
		{Rate: 1_250_000, Burst: 62500, Limit: 125000},
		{Rate: 125, Burst: 1600, Limit: 20000},
		{Rate: 125_000_000, Burst: 1_250_000, Limit: 10_000_000},
		{Rate: 12_500_000_000, Burst: 125_000_000, Limit: 1 << 31},
		{Rate: 333_333, Burst: 73_331, Limit: 1},
	} {
		if i == 0 {
			must(t, c.AddTBF(vif, 0x7666<<16, want))
			mustBe(t, c.AddTBF(vif, 0x7667<<16, want), rtnl.ErrExists)
		} else {
			must(t, c.ChangeTBF(vif, 0x7666<<16, want))
		}
		got, err := c.RootQdisc(vif)
		must(t, err)
		if got.Kind != rtnl.KindTBF || got.Handle != 0x7666<<16 || !want.Same(got.TBF) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		ours := h.Run(t, "tc", "qdisc", "show", "dev", "vif1.0", "root")
		h.Run(t, "sh", "-c", "tc qdisc replace dev vif1.0 root handle 7666: "+want.String())
		if theirs := h.Run(t, "tc", "qdisc", "show", "dev", "vif1.0", "root"); ours != theirs {
			t.Errorf("%v\ntc shows   %safter tc's %s", want, ours, theirs)
		}
		other := want
		other.Burst += want.Burst / 50
		if other.Same(got.TBF) {
			t.Errorf("%v is taken for %v", got.TBF, other)
		}
	}

	other := rtnl.TBF{Rate: 1000, Burst: 2000, Limit: 3000}
	must(t, c.ReplaceTBF(vif, 0x7668<<16, other))
	if got, err := c.RootQdisc(vif); err != nil || got.Handle != 0x7668<<16 || !other.Same(got.TBF) {
		t.Errorf("replaced: %+v, %v", got, err)
	}
	must(t, c.ReplaceTBF(vif, 0x7666<<16, other))

	mustBe(t, c.DeleteRootQdisc(vif, rtnl.KindTBF, 0x7667<<16), unix.EINVAL)
	mustBe(t, c.DeleteRootQdisc(vif, "pfifo", 0x7666<<16), unix.EINVAL)
	must(t, c.DeleteRootQdisc(vif, rtnl.KindTBF, 0x7666<<16))
	mustBe(t, c.DeleteRootQdisc(vif, rtnl.KindTBF, 0x7666<<16), unix.EINVAL)
	h.Unplug(t, "vif1.0")
	_, err = c.RootQdisc(vif)
	mustBe(t, err, unix.ENODEV)
	_, err = c.IngressQdisc(vif)
	mustBe(t, err, unix.ENODEV)
	mustBe(t, c.AddTBF(vif, 0x7666<<16, rtnl.TBF{Rate: 1000, Burst: 2000, Limit: 3000}), unix.ENODEV)
}

func TestHasTBF(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	c := dial(t, h)
	before := h.Run(t, "tc", "qdisc", "show")
	has, err := c.HasTBF()
	must(t, err)
	h.Run(t, "ip", "link", "add", "probe", "type", "ifb")
	if _, err := h.RunErr("tc", "qdisc", "add", "dev", "probe", "root", "tbf", "rate", "1mbit", "burst", "10kb", "limit", "10kb"); has != (err == nil) {
		t.Errorf("the kernel has tbf: %v; tc: %v", has, err)
	}
	h.Unplug(t, "probe")
	if after := h.Run(t, "tc", "qdisc", "show"); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
}

// TestRedirect compares with tc(8): each reads what the other has made.
func TestRedirect(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0")
	c := dial(t, h)
	vif := link(t, c, "vif1.0").Index
	must(t, c.CreateIFB("ifb-7", 7, 1000))
	mustBe(t, c.CreateIFB("ifb-7", 7, 1000), rtnl.ErrExists)
	made := ip(t, h, "dev", "ifb-7")[0]
	if made.Linkinfo.Kind != "ifb" || made.TxQLen != 1000 || made.Group != "7" {
		t.Errorf("ip shows %+v", made)
	}
	ifb := link(t, c, "ifb-7").Index

	q, err := c.IngressQdisc(vif)
	must(t, err)
	if q != (rtnl.Qdisc{}) {
		t.Errorf("an ingress qdisc unasked: %+v", q)
	}
	mustBe(t, c.Redirect(vif, 5, rtnl.U32, ifb), unix.EINVAL)
	must(t, c.AddIngress(vif))
	mustBe(t, c.AddIngress(vif), rtnl.ErrExists)
	q, err = c.IngressQdisc(vif)
	must(t, err)
	if q.Kind != rtnl.KindIngress {
		t.Errorf("the ingress qdisc is %+v", q)
	}

	for _, by := range []rtnl.Classifier{rtnl.MatchAll, rtnl.U32} {
		match := string(by)
		if by == rtnl.U32 {
			match += " match u32 0 0 at -12"
		}
		command := "tc filter add dev vif1.0 parent ffff: protocol all pref 5 " + match + " action mirred egress redirect dev ifb-7"
		if err := c.Redirect(vif, 5, by, ifb); by == rtnl.MatchAll && err != nil {
			mustBe(t, err, unix.ENOENT) // this kernel has none
			if out, err := h.RunErr("sh", "-c", command); err == nil || !strings.Contains(out, "classifier not found") {
				t.Errorf("and yet tc says %v: %s", err, out)
			}
			continue
		} else {
			must(t, err)
		}
		want := rtnl.Filter{Pref: 5, Kind: by, Everything: true, Redirect: ifb}
		ours := filterText(t, h)
		wantFilter(t, c, vif, want)
		must(t, c.Unredirect(vif, 5))
		if err := c.Unredirect(vif, 5); err == nil {
			t.Error("deleted twice")
		}
		h.Run(t, "sh", "-c", command)
		if theirs := filterText(t, h); ours != theirs {
			t.Errorf("ours\n%stc's\n%s", ours, theirs)
		}
		wantFilter(t, c, vif, want)
		must(t, c.Unredirect(vif, 5))
	}

	for _, other := range []struct {
		command string
		want    rtnl.Filter
	}{
		{"protocol ip pref 6 u32 match u32 0 0 at -12 action mirred egress redirect dev ifb-7", rtnl.Filter{Pref: 6, Kind: rtnl.U32, Redirect: ifb}},
		{"protocol all pref 7 u32 match u32 0 1 at -12 action mirred egress redirect dev ifb-7", rtnl.Filter{Pref: 7, Kind: rtnl.U32, Redirect: ifb}},
		{"protocol all pref 8 u32 match u32 0 0 at -12 action mirred egress mirror dev ifb-7", rtnl.Filter{Pref: 8, Kind: rtnl.U32, Everything: true}},
		{"protocol all pref 9 u32 match u32 0 0 at -12 flowid 1:1", rtnl.Filter{Pref: 9, Kind: rtnl.U32, Everything: true}},
	} {
		h.Run(t, "sh", "-c", "tc filter add dev vif1.0 parent ffff: "+other.command)
		wantFilter(t, c, vif, other.want)
		h.Run(t, "tc", "filter", "del", "dev", "vif1.0", "parent", "ffff:")
	}

	must(t, c.Redirect(vif, 5, rtnl.U32, ifb))
	h.Unplug(t, "ifb-7")
	wantFilter(t, c, vif, rtnl.Filter{Pref: 5, Kind: rtnl.U32, Everything: true})
	must(t, c.DeleteIngress(vif))
	mustBe(t, c.DeleteIngress(vif), unix.EINVAL)
	filters, err := c.IngressFilters(t.Context(), vif)
	must(t, err)
	if len(filters) != 0 {
		t.Errorf("left: %+v", filters)
	}
}

// filterText is what tc(8) shows, but for the number of the action, which is one more each time.
func filterText(t *testing.T, h *testhost.Host) string {
	t.Helper()
	return regexp.MustCompile(`index \d+`).ReplaceAllString(h.Run(t, "tc", "filter", "show", "dev", "vif1.0", "parent", "ffff:"), "index")
}

// wantFilter looks for one message that says what the filter does.
func wantFilter(t *testing.T, c *rtnl.Conn, index int, want rtnl.Filter) {
	t.Helper()
	filters, err := c.IngressFilters(t.Context(), index)
	must(t, err)
	var says []rtnl.Filter
	for _, f := range filters {
		if f.Everything || f.Redirect != 0 {
			says = append(says, f)
		}
		if f.Pref != want.Pref || f.Kind != want.Kind {
			t.Errorf("a filter %+v", f)
		}
	}
	if diff := cmp.Diff([]rtnl.Filter{want}, says); diff != "" {
		t.Errorf("filters (-want +got):\n%s", diff)
	}
}
