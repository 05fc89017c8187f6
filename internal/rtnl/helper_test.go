package rtnl_test

import (
	"encoding/json"
	"errors"
	"net"
	"testing"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

// dial opens a Conn in the host.
func dial(t testing.TB, h *testhost.Host) *rtnl.Conn {
	t.Helper()
	var c *rtnl.Conn
	h.Do(t, func() (err error) {
		c, err = rtnl.Dial()
		return err
	})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// ipLink is one link as `ip -d -j link` tells of it.
type ipLink struct {
	Ifindex  int      `json:"ifindex"`
	Ifname   string   `json:"ifname"`
	Flags    []string `json:"flags"`
	MTU      int      `json:"mtu"`
	Master   string   `json:"master"`
	Group    string   `json:"group"`
	TxQLen   int      `json:"txqlen"`
	Address  string   `json:"address"`
	Ifalias  string   `json:"ifalias"`
	Linkinfo struct {
		Kind string `json:"info_kind"`
		Data struct {
			STP            int `json:"stp_state"`
			ForwardDelay   int `json:"forward_delay"`
			McastSnooping  int `json:"mcast_snooping"`
			NoLinkLocalLrn int `json:"no_linklocal_learn"`
		} `json:"info_data"`
		SlaveKind string `json:"info_slave_kind"`
	} `json:"linkinfo"`
}

// ip asks ip(8) what it sees; args complete `ip -d -j link show`.
func ip(t testing.TB, h *testhost.Host, args ...string) []ipLink {
	t.Helper()
	var links []ipLink
	decode(t, h.Run(t, "ip", append([]string{"-d", "-j", "link", "show"}, args...)...), &links)
	return links
}

func decode(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("reading %q: %v", text, err)
	}
}

func mac(t testing.TB, s string) net.HardwareAddr {
	t.Helper()
	m, err := net.ParseMAC(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func link(t testing.TB, c *rtnl.Conn, name string) rtnl.Link {
	t.Helper()
	l, err := c.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustBe(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want one that is %v", err, want)
	}
}
