package rtnl_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

// TestSet makes each change alone, and looks with ip(8) at what has become of it and what has not.
func TestSet(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
	h.Veths(t, h, "vif1.0")
	c := dial(t, h)
	bridge := link(t, c, "xenbr0").Index
	want := ip(t, h, "dev", "vif1.0")[0]
	for _, tt := range []struct {
		change rtnl.Change
		text   string
		then   func()
	}{
		{rtnl.Change{MAC: mac(t, "fe:ff:ff:ff:ff:ff")}, "address fe:ff:ff:ff:ff:ff", func() { want.Address = "fe:ff:ff:ff:ff:ff" }},
		{rtnl.Change{MTU: 9000}, "mtu 9000", func() { want.MTU = 9000 }},
		{rtnl.Change{Group: new(uint32(5))}, "group 5", func() { want.Group = "5" }},
		{rtnl.Change{Group: new(uint32(0))}, "group 0", func() { want.Group = "default" }},
		{rtnl.Change{Alias: "made by a test"}, `alias "made by a test"`, func() { want.Ifalias = "made by a test" }},
		{rtnl.Change{Master: &bridge}, "master 2", func() { want.Master, want.Linkinfo.SlaveKind = "xenbr0", "bridge" }},
		{rtnl.Change{Up: new(true)}, "up", func() { want.Flags = []string{"NO-CARRIER", "BROADCAST", "MULTICAST", "UP", "M-DOWN"} }},
		{rtnl.Change{Up: new(false)}, "down", func() { want.Flags = []string{"BROADCAST", "MULTICAST", "M-DOWN"} }},
		{rtnl.Change{Master: new(0)}, "master 0", func() { want.Master, want.Linkinfo.SlaveKind = "", "" }},
		{
			rtnl.Change{MAC: mac(t, "00:16:3e:00:00:01"), MTU: 1400, Master: &bridge},
			"address 00:16:3e:00:00:01, mtu 1400, master 2",
			func() {
				want.Address, want.MTU, want.Master, want.Linkinfo.SlaveKind = "00:16:3e:00:00:01", 1400, "xenbr0", "bridge"
			},
		},
	} {
		if got := tt.change.String(); got != tt.text {
			t.Errorf("change prints as %q, want %q", got, tt.text)
		}
		if err := c.Set(link(t, c, "vif1.0").Index, tt.change); err != nil {
			t.Fatal(err)
		}
		tt.then()
		if diff := cmp.Diff(want, ip(t, h, "dev", "vif1.0")[0]); diff != "" {
			t.Fatalf("after %v (-want +ip):\n%s", tt.change, diff)
		}
	}
}

// TestRefusals checks what callers tell refusals apart by, and that the kernel's own words are passed on.
func TestRefusals(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0")
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
	c := dial(t, h)
	vif, lo, bridge := link(t, c, "vif1.0").Index, link(t, c, "lo").Index, link(t, c, "xenbr0").Index

	must(t, c.Set(bridge, rtnl.Change{Up: new(true)}))
	for _, tt := range []struct {
		name string
		err  error
		is   error
		text string
	}{
		{"MTU too large", c.Set(vif, rtnl.Change{MTU: 70000}), unix.EINVAL, "invalid argument: mtu greater than device maximum"},
		{"no such master", c.Set(vif, rtnl.Change{Master: new(4711)}), unix.EINVAL, ""},
		{"a master that takes nobody", c.Set(vif, rtnl.Change{Master: &lo}), rtnl.ErrUnsupported, ""},
		{"a bridge into a bridge", c.Set(bridge, rtnl.Change{Master: &bridge}), unix.ELOOP, "Can not enslave a bridge to a bridge"},
		{"a name that is taken", c.CreateBridge("vif1.0", 1), rtnl.ErrExists, `create bridge "vif1.0": file exists`},
		{"flags of what is no port", c.SetPort(vif, rtnl.PortFlags{Isolated: new(true)}), rtnl.ErrUnsupported, "isolated on of ifindex"},
		{"unpinning what is not pinned", c.UnpinFDB(vif, mac(t, "00:16:3e:00:00:01")), unix.EOPNOTSUPP, ""},
		{"lo cannot be deleted", c.DeleteLink(lo), rtnl.ErrUnsupported, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mustBe(t, tt.err, tt.is)
			if !strings.Contains(tt.err.Error(), tt.text) {
				t.Errorf("got %q, want it to say %q", tt.err, tt.text)
			}
		})
	}
}

func TestPermission(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	var refusal error
	h.Do(t, func() error {
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&hdr, &none[0]); err != nil { // of this thread, which ends with the function
			return err
		}
		c, err := rtnl.Dial()
		if err != nil {
			return err
		}
		refusal = c.Set(1, rtnl.Change{MTU: 1500})
		return c.Close()
	})
	mustBe(t, refusal, rtnl.ErrPermission)
}

// TestCreateBridge checks what ip(8) sees of a new bridge.
func TestCreateBridge(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	c := dial(t, h)
	must(t, c.CreateBridge("xenbr0", 4321))
	got := ip(t, h, "dev", "xenbr0")[0]
	want := ipLink{
		Ifindex: got.Ifindex, Ifname: "xenbr0", Flags: []string{"BROADCAST", "MULTICAST"}, MTU: 1500, Group: "4321", TxQLen: 1000, Address: got.Address,
	}
	want.Linkinfo.Kind = "bridge"
	want.Linkinfo.Data.McastSnooping = 1
	want.Linkinfo.Data.NoLinkLocalLrn = 1
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("new bridge (-want +ip):\n%s", diff)
	}
	must(t, c.DeleteLink(got.Ifindex))
	if out, err := h.RunErr("ip", "link", "show", "dev", "xenbr0"); err == nil {
		t.Errorf("the bridge is still there: %s", out)
	}
}
