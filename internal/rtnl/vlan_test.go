package rtnl

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
	"vifd/internal/testhost"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bridgePort is struct ifinfomsg of family AF_BRIDGE for ifindex 5, with IFLA_IFNAME vif1.0 and IFLA_MASTER 4.
const bridgePort = `07000100 05000000 03100000 00000000
	0b000300 76696631 2e300000  08000a00 04000000`

// TestParseVLANs reads messages as br_fill_ifvlaninfo_compressed (net/bridge/br_netlink.c) writes them; numbers are little-endian here.
func TestParseVLANs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spec string
		want []VLANs
		err  error
	}{
		"of a kernel without":   {"", nil, nil},
		"none":                  {"04001a00", nil, nil},
		"the default":           {"0c001a00 08000200 06000100", []VLANs{{First: 1, Last: 1, PVID: true, Untagged: true}}, nil},
		"nested flag":           {"0c001a80 08000200 06000100", []VLANs{{First: 1, Last: 1, PVID: true, Untagged: true}}, nil},
		"one, one and a range":  {"24001a00 08000200 06000a00 08000200 00001400 08000200 08001e00 08000200 10002800", []VLANs{{First: 10, Last: 10, PVID: true, Untagged: true}, {First: 20, Last: 20}, {First: 30, Last: 40}}, nil},
		"untagged range":        {"14001a00 08000200 0c000200 08000200 1400fe0f", []VLANs{{First: 2, Last: 4094, Untagged: true}}, nil},
		"end without beginning": {"0c001a00 08000200 10002800", nil, nlconn.ErrMalformed},
		"beginning without end": {"0c001a00 08000200 08002800", nil, nlconn.ErrMalformed},
		"backwards":             {"14001a00 08000200 08002800 08000200 10001e00", nil, nlconn.ErrMalformed},
		"cut off":               {"0a001a00 06000200 0600 0000", nil, nlconn.ErrMalformed},
		"something else":        {"14001a00 08000100 01000000 08000200 06000100", []VLANs{{First: 1, Last: 1, PVID: true, Untagged: true}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := unhex(t, bridgePort+tt.spec)
			got, err := parseVLANs(b, 5)
			if !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("VLANs (-want +got):\n%s", diff)
			}
			if other, err := parseVLANs(b, 6); other != nil || err != nil {
				t.Errorf("of another port: %v, %v", other, err)
			}
		})
	}
	if _, err := parseVLANs(make([]byte, 15), 5); !errors.Is(err, nlconn.ErrMalformed) {
		t.Errorf("too short: %v", err)
	}
}

// TestVLANRequest: what is asked for is what br_afspec (net/bridge/br_netlink.c) reads, and reads back as it was.
func TestVLANRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		vlans VLANs
		spec  string
		text  string
	}{
		{VLANs{First: 10, Last: 10, PVID: true, Untagged: true}, "0c001a80 08000200 06000a00", "vid 10 pvid untagged"},
		{VLANs{First: 20, Last: 20}, "0c001a80 08000200 00001400", "vid 20"},
		{VLANs{First: 30, Last: 40}, "14001a80 08000200 08001e00 08000200 10002800", "vid 30-40"},
		{VLANs{First: 2, Last: 4094, Untagged: true}, "14001a80 08000200 0c000200 08000200 1400fe0f", "vid 2-4094 untagged"},
	} {
		b := vlanRequest(unix.RTM_SETLINK, 5, tt.vlans).Serialize()[unix.SizeofNlMsghdr:]
		want := unhex(t, "07000000 05000000 00000000 00000000"+tt.spec)
		if diff := cmp.Diff(hex.EncodeToString(want), hex.EncodeToString(b)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.vlans, diff)
		}
		if got, err := parseVLANs(b, 5); err != nil || !cmp.Equal(got, []VLANs{tt.vlans}) {
			t.Errorf("read back: %v, %v, want %v", got, err, tt.vlans)
		}
		if got := tt.vlans.String(); got != tt.text {
			t.Errorf("got %q, want %q", got, tt.text)
		}
	}
}

// TestFiltering asks the kernel, and has bridge(8) and ip(8) try. With VLAN filtering ports get VLANs; without, all say that it is not supported.
func TestFiltering(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0")
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
	h.Run(t, "ip", "link", "set", "vif1.0", "master", "xenbr0")
	var c *Conn
	h.Do(t, func() (err error) {
		c, err = Dial()
		return err
	})
	t.Cleanup(func() { _ = c.Close() })
	bridge, err := c.LinkByName("xenbr0")
	if err != nil {
		t.Fatal(err)
	}
	port, err := c.LinkByName("vif1.0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Filtering(bridge.Index)
	if err != nil {
		t.Fatal(err)
	}
	out, theirs := h.RunErr("ip", "link", "set", "dev", "xenbr0", "type", "bridge", "vlan_filtering", "1")
	if f.On || f.Supported != (theirs == nil) {
		t.Fatalf("filtering is %+v; ip says %v: %s", f, theirs, out)
	}
	if !f.Supported {
		for _, err := range []error{
			c.SetFiltering(bridge.Index), c.AddVLANs(port.Index, VLANs{First: 10, Last: 10}), // of a deletion the kernel says nothing
		} {
			if !errors.Is(err, ErrUnsupported) {
				t.Errorf("got %v, want %v", err, ErrUnsupported)
			}
		}
		if list, err := c.PortVLANs(t.Context(), port.Index); err != nil || list != nil {
			t.Errorf("VLANs %v, %v", list, err)
		}
		return
	}
	for _, err := range []error{
		c.SetFiltering(bridge.Index), c.AddVLANs(port.Index, VLANs{First: 10, Last: 10, PVID: true, Untagged: true}),
		c.AddVLANs(port.Index, VLANs{First: 30, Last: 40}), c.DeleteVLANs(port.Index, VLANs{First: 1, Last: 1}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := []VLANs{{First: 10, Last: 10, PVID: true, Untagged: true}, {First: 30, Last: 40}}
	if list, err := c.PortVLANs(t.Context(), port.Index); err != nil || !cmp.Equal(list, want) {
		t.Errorf("VLANs %v, %v, want %v", list, err, want)
	}
	if f, err := c.Filtering(bridge.Index); err != nil || f != (Filtering{Supported: true, On: true, DefaultPVID: 1}) {
		t.Errorf("filtering is %+v, %v", f, err)
	}
}
