package rtnl

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// encode makes a netlink message, padded.
func encode(typ, flags uint16, seq uint32, payload []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, payload...)
	return append(b, make([]byte, align(len(b))-len(b))...)
}

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
		"empty":                 {nil, Link{}, errMalformed},
		"cut in the header":     {wholeLink()[:15], Link{}, errMalformed},
		"cut in an attribute":   {wholeLink()[:len(wholeLink())-8], Link{}, errMalformed},
		"short number":          {linkMessage(unix.AF_UNSPEC, 7, nl.NewRtAttr(unix.IFLA_MTU, []byte{1, 2})), Link{}, errMalformed},
		"flag without value":    {linkMessage(unix.AF_BRIDGE, 7, nested(unix.IFLA_PROTINFO, nl.NewRtAttr(nl.IFLA_BRPORT_ISOLATED, nil))), Link{}, errMalformed},
		"attribute of length 0": {append(linkMessage(unix.AF_UNSPEC, 7), 0, 0, 0, 0), Link{}, errMalformed},
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

// TestParseAck checks the kernel's words behind an error, with the request echoed and without.
func TestParseAck(t *testing.T) {
	t.Parallel()
	words := nl.NewRtAttr(nl.NLMSGERR_ATTR_MSG, nl.ZeroTerminated("mtu greater than device maximum")).Serialize()
	code := binary.NativeEndian.AppendUint32(nil, uint32(0xffffffff-uint32(unix.EINVAL)+1))
	request := encode(unix.RTM_SETLINK, 0, 1, make([]byte, 20))
	const plain, worded = "op: invalid argument", "op: invalid argument: mtu greater than device maximum"
	tests := map[string]struct {
		m    message
		want string
	}{
		"success":            {message{typ: unix.NLMSG_ERROR, payload: make([]byte, 20)}, ""},
		"end of a dump":      {message{typ: unix.NLMSG_DONE, payload: make([]byte, 4)}, ""},
		"end of an old dump": {message{typ: unix.NLMSG_DONE}, ""},
		"no words":           {message{typ: unix.NLMSG_ERROR, payload: slices.Concat(code, request)}, plain},
		"words after echo":   {message{typ: unix.NLMSG_ERROR, flags: unix.NLM_F_ACK_TLVS, payload: slices.Concat(code, request, words)}, worded},
		"words": {message{
			typ: unix.NLMSG_ERROR, flags: unix.NLM_F_ACK_TLVS | unix.NLM_F_CAPPED, payload: slices.Concat(code, request[:unix.SizeofNlMsghdr], words),
		}, worded},
		"words after a dump": {message{typ: unix.NLMSG_DONE, flags: unix.NLM_F_ACK_TLVS, payload: slices.Concat(code, words)}, worded},
		"echo too long": {message{
			typ: unix.NLMSG_ERROR, flags: unix.NLM_F_ACK_TLVS, payload: slices.Concat(code, []byte{0xff, 0xff, 0xff, 0xff}, request[4:], words),
		}, plain},
		"empty": {message{typ: unix.NLMSG_ERROR}, "op: " + errMalformed.Error()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := describe(parseAck(tt.m), func() string { return "op" }); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzParse gives every parser any bytes: none may panic, loop for ever, or keep hold of the buffer.
func FuzzParse(f *testing.F) {
	f.Add(wholeLink())
	f.Add(partialLink())
	f.Add(encode(unix.RTM_NEWLINK, 0, 1, wholeLink()))
	f.Add(slices.Concat(encode(unix.RTM_NEWLINK, 0, 1, partialLink()), encode(unix.NLMSG_DONE, 0, 1, make([]byte, 4))))
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; len(rest) > 0; {
			m, next, err := nextMessage(rest)
			if err != nil {
				break
			}
			if len(next) >= len(rest) {
				t.Fatalf("%d bytes left of %d", len(next), len(rest))
			}
			_ = parseAck(m)
			rest = next
		}
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
