package rtnl_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

// TestLinksAgainstIP compares every field with what ip(8) shows of the same links.
func TestLinksAgainstIP(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
	h.Veths(t, h, "vif1.0", "vif2.0")
	h.Run(t, "ip", "tuntap", "add", "mode", "tap", "name", "vif3.0-emu")
	h.Run(t, "ip", "link", "set", "vif1.0", "mtu", "1400", "group", "77", "txqueuelen", "55", "alias", "guest ünder test", "master", "xenbr0", "up")
	h.Run(t, "ip", "link", "set", "pvif1.0", "up")
	testhost.Wait(t, "both ends to run, which the kernel sees to when it finds the time", func() bool {
		return strings.Count(h.Run(t, "ip", "link", "show"), " state UP ") == 2
	})

	c := dial(t, h)
	links, err := c.Links(t.Context())
	must(t, err)
	names := map[int]string{}
	for _, l := range links {
		names[l.Index] = l.Name
	}
	var got []ipLink
	for _, l := range links {
		byIndex, err := c.LinkByIndex(l.Index)
		must(t, err)
		if diff := cmp.Diff(l, byIndex); diff != "" {
			t.Errorf("%s from a dump and alone (-dump +alone):\n%s", l.Name, diff)
		}
		if diff := cmp.Diff(l, link(t, c, l.Name)); diff != "" {
			t.Errorf("%s from a dump and by name (-dump +name):\n%s", l.Name, diff)
		}
		got = append(got, asIP(&l, names))
	}
	want := ip(t, h)
	for i := range want {
		want[i].Flags = slices.DeleteFunc(want[i].Flags, func(f string) bool { return f != "UP" && f != "LOWER_UP" })
		want[i].Linkinfo.Data = got[0].Linkinfo.Data // of bridges, which Link does not tell
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("links (-ip +rtnl):\n%s", diff)
	}
}

// asIP says what l says in the words of ip(8).
func asIP(l *rtnl.Link, names map[int]string) ipLink {
	out := ipLink{
		Ifindex: l.Index, Ifname: l.Name, MTU: l.MTU, Master: names[l.Master], TxQLen: l.TxQLen,
		Address: l.MAC.String(), Ifalias: l.Alias, Group: "default", Flags: []string{},
	}
	if l.Group != 0 {
		out.Group = fmt.Sprint(l.Group)
	}
	if l.Up() {
		out.Flags = append(out.Flags, "UP")
	}
	if l.Carrier() {
		out.Flags = append(out.Flags, "LOWER_UP")
	}
	out.Linkinfo.Kind = l.Kind
	if l.Port != nil {
		out.Linkinfo.SlaveKind = "bridge"
	}
	return out
}

func TestBridgesAndPorts(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
	h.Run(t, "ip", "link", "add", "xenbr1", "type", "bridge")
	h.Veths(t, h, "vif1.0", "vif2.0", "vif3.0")
	h.Run(t, "ip", "link", "set", "vif1.0", "master", "xenbr0")
	h.Run(t, "ip", "link", "set", "vif3.0", "master", "xenbr0")
	h.Run(t, "ip", "link", "set", "vif2.0", "master", "xenbr1")

	c := dial(t, h)
	names := func(links []rtnl.Link, err error) string {
		t.Helper()
		must(t, err)
		var s []string
		for _, l := range links {
			s = append(s, l.Name)
		}
		slices.Sort(s)
		return strings.Join(s, " ")
	}
	if got := names(c.Bridges(t.Context())); got != "xenbr0 xenbr1" {
		t.Errorf("bridges: %s", got)
	}
	if got := names(c.Ports(t.Context(), link(t, c, "xenbr0").Index)); got != "vif1.0 vif3.0" {
		t.Errorf("ports of xenbr0: %s", got)
	}
	if got := names(c.Ports(t.Context(), link(t, c, "vif1.0").Index)); got != "" {
		t.Errorf("ports of a veth: %s", got)
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	c := dial(t, testhost.New(t))
	_, byIndex := c.LinkByIndex(4711)
	_, byName := c.LinkByName("vif1.0")
	for what, err := range map[string]error{
		"read link with ifindex 4711: no such device":  byIndex,
		`read link "vif1.0": no such device`:           byName,
		"set mtu 9000 of ifindex 4711: no such device": c.Set(4711, rtnl.Change{MTU: 9000}),
		"delete ifindex 4711: no such device":          c.DeleteLink(4711),
	} {
		mustBe(t, err, rtnl.ErrNotFound)
		mustBe(t, err, unix.ENODEV)
		if err.Error() != what {
			t.Errorf("got %q, want %q", err, what)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
	h.Veths(t, h, "vif1.0")
	h.Run(t, "ip", "link", "set", "vif1.0", "master", "xenbr0", "up")
	h.Run(t, "ip", "link", "set", "pvif1.0", "up")
	h.Run(t, "ip", "link", "set", "xenbr0", "up")
	h.Run(t, "ip", "addr", "add", "198.51.100.9/24", "dev", "pvif1.0")
	c := dial(t, h)
	index := link(t, c, "xenbr0").Index
	testhost.Wait(t, "the bridge's link-local address", func() bool {
		return strings.Contains(h.Run(t, "ip", "-6", "addr", "show", "dev", "xenbr0"), "fe80::")
	})
	got, err := c.Addresses(t.Context(), index)
	must(t, err)
	if len(got) != 0 {
		t.Errorf("a link-local address alone gives %v, want none", got)
	}

	h.Run(t, "ip", "addr", "add", "192.0.2.1/24", "dev", "xenbr0")
	h.Run(t, "ip", "addr", "add", "192.0.2.5", "peer", "203.0.113.1/32", "dev", "xenbr0")
	h.Run(t, "ip", "addr", "add", "2001:db8::1/64", "nodad", "dev", "xenbr0")
	got, err = c.Addresses(t.Context(), index)
	must(t, err)
	var text []string
	for _, p := range got {
		text = append(text, p.String())
	}
	want := []string{
		netip.MustParsePrefix("192.0.2.1/24").String(), "192.0.2.5/32", "2001:db8::1/64",
	}
	slices.Sort(text)
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

// TestConcurrentUse has one Conn used from many sides while it is closed: each gets its own answer, or os.ErrClosed.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0", "vif2.0")
	var c *rtnl.Conn
	h.Do(t, func() (err error) {
		c, err = rtnl.Dial()
		return err
	})
	var users sync.WaitGroup
	var half sync.WaitGroup
	for _, name := range []string{"lo", "vif1.0", "vif2.0", "pvif1.0"} {
		half.Add(1)
		users.Go(func() {
			for i := range 1000 {
				if i == 100 {
					half.Done()
				}
				l, err := c.LinkByName(name)
				if err != nil {
					if i < 100 {
						t.Errorf("call %d: %v", i, err)
					}
					mustBeClosed(t, err)
					continue
				}
				if l.Name != name {
					t.Errorf("asked for %s, got %s", name, l.Name)
				}
			}
		})
	}
	half.Wait()
	must(t, c.Close())
	users.Wait()
	must(t, c.Close())
	_, err := c.Links(t.Context())
	mustBe(t, err, os.ErrClosed)
}

func mustBeClosed(t *testing.T, err error) {
	t.Helper()
	if !strings.HasSuffix(err.Error(), os.ErrClosed.Error()) {
		t.Errorf("got %v, want %v", err, os.ErrClosed)
	}
}

func TestDumpEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := dial(t, testhost.New(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Links(ctx)
	mustBe(t, err, context.Canceled)
	if _, err := c.Links(t.Context()); err != nil {
		t.Errorf("the next dump: %v", err)
	}
}
