package packet_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/google/nftables/expr"

	"vifd/internal/packet"
)

// load is something that a rule can read of a packet, and what the package says that it reads.
type load struct {
	name string // of its set
	size int    // of the value in bytes
	expr expr.Any
	want func(p *packet.Packet) ([]byte, bool)
	// vague tells of a packet for which the kernel reads what is not in the frame.
	vague func(p *packet.Packet) bool
}

func payload(base packet.Base, offset, length int) load {
	bases := map[packet.Base]expr.PayloadBase{
		packet.LinkHeader: expr.PayloadBaseLLHeader, packet.NetworkHeader: expr.PayloadBaseNetworkHeader,
		packet.TransportHeader: expr.PayloadBaseTransportHeader,
	}
	return load{
		name: fmt.Sprintf("%s-%d-%d", [...]string{"ll", "nh", "th"}[base], offset, length), size: length,
		expr: &expr.Payload{DestRegister: valueReg, Base: bases[base], Offset: uint32(offset), Len: uint32(length)},
		want: func(p *packet.Packet) ([]byte, bool) { return p.Payload(base, offset, length) },
	}
}

func exthdr(kind uint8, offset, length int) load {
	return load{
		name: fmt.Sprintf("exthdr%d-%d-%d", kind, offset, length), size: length,
		expr: &expr.Exthdr{DestRegister: valueReg, Type: kind, Offset: uint32(offset), Len: uint32(length), Op: expr.ExthdrOpIpv6},
		want: func(p *packet.Packet) ([]byte, bool) { return p.Exthdr(kind, offset, length) },
	}
}

func hasExthdr(kind uint8) load {
	const present = 1 // NFT_EXTHDR_F_PRESENT
	return load{
		name: fmt.Sprintf("exthdr%d-exists", kind), size: 1,
		expr: &expr.Exthdr{DestRegister: valueReg, Type: kind, Len: 1, Flags: present, Op: expr.ExthdrOpIpv6},
		want: func(p *packet.Packet) ([]byte, bool) {
			exists, ok := p.HasExthdr(kind)
			return map[bool][]byte{false: {0}, true: {1}}[exists], ok
		},
		vague: func(p *packet.Packet) bool { return p.Length() < 7 },
	}
}

func meta(name string, key expr.MetaKey, size int, want func(p *packet.Packet) ([]byte, bool)) load {
	return load{name: "meta-" + name, size: size, expr: &expr.Meta{Key: key, Register: valueReg}, want: want}
}

// metas are what nf_tables finds out by itself.
func metas(f packet.Family) []load {
	return []load{
		meta("protocol", expr.MetaKeyPROTOCOL, 2, func(p *packet.Packet) ([]byte, bool) {
			return binary.BigEndian.AppendUint16(nil, p.Protocol()), true
		}),
		meta("l4proto", expr.MetaKeyL4PROTO, 1, func(p *packet.Packet) ([]byte, bool) {
			proto, ok := p.L4Proto()
			return []byte{proto}, ok
		}),
		meta("length", expr.MetaKeyLEN, 4, func(p *packet.Packet) ([]byte, bool) {
			return binary.NativeEndian.AppendUint32(nil, p.Length()), true
		}),
		meta("pkttype", expr.MetaKeyPKTTYPE, 1, func(p *packet.Packet) ([]byte, bool) {
			kind, ok := p.PktType(own(f)...)
			return []byte{byte(kind)}, ok
		}),
	}
}

// fixedLoads are those of the fields that statements have, and those around the limits of the kernel's two ways to load.
func fixedLoads() []load {
	var list []load
	for base, ranges := range map[packet.Base]string{
		packet.LinkHeader:      "0,6 6,6 4,8 11,2 10,4 12,2 12,4 13,1 14,2 15,8 16,2 17,1 18,2 20,4 0,32 3,56 30,8 255,1",
		packet.NetworkHeader:   "0,1 0,4 1,2 2,2 4,2 6,1 6,2 7,1 8,6 8,8 8,16 9,1 12,4 14,4 16,4 18,6 24,4 24,16 40,4 48,2 61,3 0,56 252,4",
		packet.TransportHeader: "0,1 0,2 0,3 0,4 0,8 1,1 1,2 2,2 2,4 3,1 4,4 6,2 8,4 8,8 8,16 12,3 13,1 24,2 26,6 40,4 0,56 252,4",
	} {
		for _, r := range strings.Fields(ranges) {
			first, second, _ := strings.Cut(r, ",")
			offset, _ := strconv.Atoi(first)
			length, _ := strconv.Atoi(second)
			list = append(list, payload(base, offset, length))
		}
	}
	for _, kind := range []uint8{0, 43, 44, 51, 60, 135} { // all that nft has names for
		list = append(list, hasExthdr(kind), exthdr(kind, 0, 1), exthdr(kind, 1, 1), exthdr(kind, 2, 2), exthdr(kind, 4, 4))
	}
	return append(list, exthdr(43, 8, 16), hasExthdr(17), hasExthdr(50), hasExthdr(59), exthdr(17, 0, 2))
}

// randomLoads are n of any kind, none of them among others.
func randomLoads(rng *rand.Rand, n int, others []load) []load {
	names := make(map[string]bool)
	for _, l := range others {
		names[l.name] = true
	}
	var list []load
	for len(list) < n {
		offset, length := rng.IntN(80), 1+rng.IntN(16)
		l := payload(packet.Base(rng.IntN(3)), offset, length)
		if rng.IntN(4) == 0 {
			l = exthdr(uint8(rng.IntN(70)), offset, length)
		}
		if !names[l.name] {
			names[l.name] = true
			list = append(list, l)
		}
	}
	return list
}
