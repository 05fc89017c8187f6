package packet_test

import (
	"bytes"

	"vifd/internal/frame"
)

// edges are frames at the limits of what the kernel accepts, on either side.
func edges() [][]byte {
	var list [][]byte
	add := func(data []byte, at int, changed ...byte) {
		copy(data[at:], changed)
		sumIPv4(data[14:])
		list = append(list, data)
	}
	to := frame.Ethernet{Dst: vifMAC}
	ip4 := func() []byte {
		return frame.Build(to, frame.IPv4{Src: v4a, Dst: v4b}, frame.UDP{Src: 1, Dst: 2}, frame.Raw("data"))
	}
	ip6 := func(l ...frame.Layer) []byte {
		return frame.Build(append([]frame.Layer{to, frame.IPv6{Src: v6a, Dst: v6b}}, l...)...)
	}
	for _, kind := range []byte{0xfe, 0xff} { // the last length, which is no type
		add(ip4(), 12, 5, kind)
	}
	add(ip4(), 12, 6, 0)                                               // the first type
	for _, first := range []byte{0x44, 0x40, 0x4d, 0x55, 0x65, 0x35} { // version and header length
		add(ip4(), 14, first)
	}
	for _, total := range []byte{19, 20, 32, 33} { // of 32
		add(ip4(), 16, 0, total)
	}
	for _, flags := range []byte{0x20, 0x40, 0x80, 0x10} {
		add(ip4(), 20, flags, 0)
	}
	for _, length := range []byte{0, 7, 8, 9} { // of 8
		add(ip6(frame.UDP{}), 18, 0, length)
		add(ip6(frame.HopByHop{NextHeader: 59}), 18, 0, length)
	}
	add(ip6(frame.HopByHop{NextHeader: 59}), 14+41, 1) // says that it is longer than the packet
	add(ip6(frame.UDP{}), 14, 0x50)
	for _, next := range []byte{43, 44, 51, 60} { // cut short in the few bytes that are looked at
		for n := range 9 {
			add(frame.Build(to, frame.IPv6{Src: v6a, Dst: v6b, NextHeader: next}, frame.Raw(make([]byte, n))), 0)
		}
	}
	for _, offset := range []uint16{1, 2} {
		add(ip6(frame.Fragment{Offset: offset, NextHeader: 17}, frame.Raw("12345678")), 14+41, 9) // a reserved byte
	}
	for _, options := range hopByHop() {
		add(ip6(frame.HopByHop{Options: options}, frame.UDP{Src: 1, Dst: 2}), 14+40, 17)
	}
	return list
}

// hopByHop are options of 6, 14 or 22 bytes, so that nothing is padded. 0x1e stands for one that nobody knows, and may skip.
func hopByHop() [][]byte {
	repeat := func(n int, option ...byte) []byte { return bytes.Repeat(option, n) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	return [][]byte{
		{1, 4, 0, 0, 0, 0},
		{1, 4, 0, 9, 0, 0},
		{1, 5, 0, 0, 0, 0},
		{0x1e, 3, 0, 0, 0, 0},
		{0x1e, 2, 0, 0, 0, 1},
		repeat(6, 0),
		join([]byte{0x1e, 1, 9}, repeat(7, 0), []byte{0x1e, 2, 9, 9}), join([]byte{0x1e, 0}, repeat(8, 0), []byte{0x1e, 2, 9, 9}),
		join(repeat(5, 0), []byte{0x1e, 2, 9, 9}, repeat(5, 0)), join(repeat(3, 0), []byte{1, 3, 0, 0, 0}, []byte{0x1e, 4, 9, 9, 9, 9}),
		{1, 5, 0, 0, 0, 0, 0, 0x1e, 5, 9, 9, 9, 9, 9},
		{1, 6, 0, 0, 0, 0, 0, 0, 0x1e, 4, 9, 9, 9, 9},
		{0x5e, 4, 0, 0, 0, 0},
		{0x9e, 4, 0, 0, 0, 0},
		{0xde, 4, 0, 0, 0, 0},
		{0x3e, 4, 0, 0, 0, 0},
		{0xc2, 4, 0, 1, 0, 0},
		{5, 2, 0, 0, 1, 0},
		{5, 4, 0, 0, 0, 0},
		{5, 1, 0, 1, 1, 0},
		{0, 0, 0x31, 2, 0, 0},
		{0x31, 4, 0, 0, 0, 0},
		{7, 4, 0, 0, 0, 0},
		{7, 8, 0, 0, 0, 1, 1, 0, 0, 0, 1, 2, 0, 0}, // one is accepted by some kernels only: it is not here
		join(repeat(8, 0x1e, 0), []byte{1, 4, 0, 0, 0, 0}), join(repeat(9, 0x1e, 0), []byte{1, 2, 0, 0}),
	}
}
