package sysctl_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/sysctl"
	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

func open(t *testing.T, h *testhost.Host) *sysctl.Dir {
	t.Helper()
	var d *sysctl.Dir
	h.Do(t, func() (err error) {
		d, err = sysctl.Open()
		return err
	})
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestNamespace: a Dir is of the host it was opened in, whoever uses it, and what it sets is what sysctl(8) sees there, by the name that
// is printed.
func TestNamespace(t *testing.T) {
	t.Parallel()
	a, b := testhost.New(t), testhost.New(t)
	a.Veths(t, b, "vif1.0")
	b.Veths(t, a, "vif1.0")
	da, db := open(t, a), open(t, b)
	for _, name := range []sysctl.Name{
		sysctl.IPv4("vif1.0", "proxy_arp"), sysctl.IPv6("vif1.0", "proxy_ndp"), {"ipv4", "ip_forward"}, sysctl.IPv6("all", "forwarding"),
	} {
		for _, value := range []string{"1", "0"} {
			was, err := da.Get(name)
			if err != nil {
				t.Fatal(err)
			}
			old, err := da.Set(name, value, nil)
			if err != nil || old != was {
				t.Fatalf("%v was %q and Set says %q, %v", name, was, old, err)
			}
			if got := strings.TrimSpace(a.Run(t, "sysctl", "-n", name.String())); got != value {
				t.Errorf("sysctl shows %v %q, want %q", name, got, value)
			}
			if got, err := da.Get(name); err != nil || got != value {
				t.Errorf("%v is %q, %v; want %q", name, got, err, value)
			}
		}
		if _, err := da.Set(name, "1", nil); err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSpace(b.Run(t, "sysctl", "-n", name.String()))
		if got, err := db.Get(name); err != nil || got != want || got == "1" {
			t.Errorf("in the other host %v is %q, %v; sysctl shows %q there", name, got, err, want)
		}
	}
	names, err := da.List("ipv4", "conf")
	if err != nil || !slices.Equal(names, []string{"all", "default", "lo", "pvif1.0", "vif1.0"}) {
		t.Errorf("interfaces %v, %v", names, err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for want, name := range map[string]sysctl.Name{
		"net.ipv4.ip_forward":            {"ipv4", "ip_forward"},
		"net.ipv6.conf.eth0.accept_ra":   sysctl.IPv6("eth0", "accept_ra"),
		"net/ipv4/conf/vif1.0/proxy_arp": sysctl.IPv4("vif1.0", "proxy_arp"),
	} {
		if got := name.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	d := open(t, h)
	for _, tt := range []struct {
		name sysctl.Name
		want error
	}{
		{sysctl.IPv4("vif1.0", "proxy_arp"), sysctl.ErrNotFound},
		{sysctl.IPv4("lo", "no_such"), sysctl.ErrNotFound},
		{sysctl.Name{"decnet", "conf"}, sysctl.ErrNotFound},
		{sysctl.Name{"ipv4", "ip_forward", "deeper"}, sysctl.ErrNotFound},
		{sysctl.Name{"ipv4", "..", "..", "kernel", "hostname"}, unix.EINVAL},
		{sysctl.Name{"ipv4", "../core/somaxconn"}, unix.EINVAL},
		{sysctl.Name{"ipv4"}, unix.EINVAL},
		{nil, unix.EINVAL},
	} {
		if _, err := d.Get(tt.name); !errors.Is(err, tt.want) {
			t.Errorf("reading %v: got %v, want %v", tt.name, err, tt.want)
		}
		if _, err := d.Set(tt.name, "1", nil); !errors.Is(err, tt.want) {
			t.Errorf("setting %v: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := d.Set(sysctl.IPv4("lo", "forwarding"), "nonsense", nil); !errors.Is(err, unix.EINVAL) {
		t.Errorf("got %v, want %v", err, unix.EINVAL)
	}
}

// TestRenamed renames an interface and gives its name to another between opening and writing: the other is not touched.
func TestRenamed(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0", "vif2.0")
	d := open(t, h)
	name := sysctl.IPv4("vif1.0", "proxy_arp")
	_, err := d.Set(name, "1", func() error {
		h.Run(t, "ip", "link", "set", "dev", "vif1.0", "name", "web")
		h.Run(t, "ip", "link", "set", "dev", "vif2.0", "name", "vif1.0")
		return nil
	})
	if !errors.Is(err, sysctl.ErrNotFound) {
		t.Errorf("got %v, want %v", err, sysctl.ErrNotFound)
	}
	for _, name := range []string{"vif1.0", "web"} {
		if got, err := d.Get(sysctl.IPv4(name, "proxy_arp")); err != nil || got != "0" {
			t.Errorf("%s has proxy_arp %q, %v", name, got, err)
		}
	}

	refusal := errors.New("another's by now")
	if _, err := d.Set(name, "1", func() error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("got %v, want %v", err, refusal)
	}
	if got, err := d.Get(name); err != nil || got != "0" {
		t.Errorf("after a refusal: %q, %v", got, err)
	}
}
