package rtnl

import (
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// linkMessage is the payload of an RTM_NEWLINK.
func linkMessage(family uint8, index int32, attributes ...*nl.RtAttr) []byte {
	msg := nl.NewIfInfomsg(int(family))
	msg.Index, msg.Flags = index, unix.IFF_UP|unix.IFF_LOWER_UP
	b := slices.Clone(msg.Serialize())
	for _, a := range attributes {
		b = append(b, a.Serialize()...)
	}
	return b
}

func nested(typ int, inner ...*nl.RtAttr) *nl.RtAttr {
	a := nl.NewRtAttr(typ, nil)
	for _, i := range inner {
		a.AddChild(i)
	}
	return a
}

func portAttributes() []*nl.RtAttr {
	return []*nl.RtAttr{
		nl.NewRtAttr(nl.IFLA_BRPORT_STATE, nl.Uint8Attr(3)),
		nl.NewRtAttr(nl.IFLA_BRPORT_ISOLATED, nl.Uint8Attr(1)),
		nl.NewRtAttr(nl.IFLA_BRPORT_LEARNING, nl.Uint8Attr(0)),
		nl.NewRtAttr(nl.IFLA_BRPORT_UNICAST_FLOOD, nl.Uint8Attr(1)),
	}
}

// wholeLink is a link with everything that is read.
func wholeLink() []byte {
	return linkMessage(unix.AF_UNSPEC, 7,
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("vif1.0")),
		nl.NewRtAttr(unix.IFLA_ADDRESS, net.HardwareAddr{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}),
		nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(9000)),
		nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(3)),
		nl.NewRtAttr(unix.IFLA_IFALIAS, []byte("web")),
		nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(5)),
		nl.NewRtAttr(unix.IFLA_TXQLEN, nl.Uint32Attr(1000)),
		nl.NewRtAttr(999, []byte("of a future kernel")),
		nested(unix.IFLA_LINKINFO|int(nl.NLA_F_NESTED),
			nl.NewRtAttr(nl.IFLA_INFO_KIND, nl.ZeroTerminated("veth")),
			nl.NewRtAttr(nl.IFLA_INFO_SLAVE_KIND, nl.ZeroTerminated("bridge")),
			nested(nl.IFLA_INFO_SLAVE_DATA, portAttributes()...)))
}

// partialLink is a port as its bridge tells of it.
func partialLink() []byte {
	return linkMessage(unix.AF_BRIDGE, 7,
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("vif1.0")),
		nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(3)),
		nested(unix.IFLA_PROTINFO|int(nl.NLA_F_NESTED), portAttributes()...))
}

func TestParseLink(t *testing.T) {
	t.Parallel()
	port := &Port{Isolated: true, Flood: true}
	tests := map[string]struct {
		message []byte
		want    Link
		err     error
	}{
		"whole": {wholeLink(), Link{
			Index: 7, Name: "vif1.0", Kind: "veth", MAC: net.HardwareAddr{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}, MTU: 9000,
			Flags: unix.IFF_UP | unix.IFF_LOWER_UP, Master: 3, Alias: "web", Group: 5, TxQLen: 1000, Port: port,
		}, nil},
		"of a bridge": {partialLink(), Link{
			Index: 7, Name: "vif1.0", Flags: unix.IFF_UP | unix.IFF_LOWER_UP, Master: 3, Port: port, Partial: true,
		}, nil},
		"port of a bond": {
			linkMessage(unix.AF_UNSPEC, 7, nested(unix.IFLA_LINKINFO,
				nl.NewRtAttr(nl.IFLA_INFO_SLAVE_KIND, nl.ZeroTerminated("bond")), nested(nl.IFLA_INFO_SLAVE_DATA, portAttributes()...))),
			Link{Index: 7, Flags: unix.IFF_UP | unix.IFF_LOWER_UP},
			nil,
		},
		"PROTINFO of another protocol": {
			linkMessage(unix.AF_INET6, 7, nested(unix.IFLA_PROTINFO, portAttributes()...)),
			Link{Index: 7, Flags: unix.IFF_UP | unix.IFF_LOWER_UP},
			nil,
		},
		"empty":                 {nil, Link{}, nlconn.ErrMalformed},
		"cut in the header":     {wholeLink()[:15], Link{}, nlconn.ErrMalformed},
		"cut in an attribute":   {wholeLink()[:len(wholeLink())-8], Link{}, nlconn.ErrMalformed},
		"short number":          {linkMessage(unix.AF_UNSPEC, 7, nl.NewRtAttr(unix.IFLA_MTU, []byte{1, 2})), Link{}, nlconn.ErrMalformed},
		"flag without value":    {linkMessage(unix.AF_BRIDGE, 7, nested(unix.IFLA_PROTINFO, nl.NewRtAttr(nl.IFLA_BRPORT_ISOLATED, nil))), Link{}, nlconn.ErrMalformed},
		"attribute of length 0": {append(linkMessage(unix.AF_UNSPEC, 7), 0, 0, 0, 0), Link{}, nlconn.ErrMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseLink(tt.message)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("link (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzParse gives every parser any bytes: none may panic, loop for ever, or keep hold of the buffer.
func FuzzParse(f *testing.F) {
	f.Add(wholeLink())
	f.Add(partialLink())
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = parsePinned(b, 7)
		_, _, _ = parseAddress(b, 7)

		buf := slices.Clone(b)
		got, err := parseLink(buf)
		for i := range buf {
			buf[i] ^= 0xff
		}
		want, wantErr := parseLink(b)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("errors %v and %v for the same bytes", err, wantErr)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("link after its buffer was overwritten (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkParseLink(b *testing.B) {
	m := wholeLink()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseLink(m); err != nil {
			b.Fatal(err)
		}
	}
}
