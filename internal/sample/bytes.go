package sample

import (
	"vifd/internal/frame"
	"vifd/internal/stmt"
)

// maxPacket is the longest packet of IPv4, with its header.
const maxPacket = 65535

// places are where a frame's headers begin, in bytes.
type places struct {
	network, transport int
	extension          map[uint8]int
	data               int // behind all headers
	end                int // of the packet
}

// place finds the headers by building the frame without what comes behind them.
func (b *builder) place(layers []frame.Layer) places {
	p := places{extension: make(map[uint8]int), network: len(frame.Build(layers[:1]...)), data: len(frame.Build(layers[:len(layers)-1]...))}
	p.transport = p.network
	if len(layers) > 1 {
		p.transport = len(frame.Build(layers[:2]...))
	}
	for i, number := range b.chain {
		p.extension[number] = p.transport
		p.transport = len(frame.Build(layers[:3+i]...))
	}
	return p
}

// fieldAt is the place of a field in the frame, in bits; false where it is no part of it.
func (p *places) fieldAt(f *stmt.Field) (int, bool) {
	switch f.Base {
	case stmt.LinkHeader:
		return f.Offset, true
	case stmt.NetworkHeader:
		return 8*p.network + f.Offset, true
	case stmt.TransportHeader:
		return 8*p.transport + f.Offset, true
	case stmt.Exthdr:
		if f.Header == mobility {
			return 8*p.transport + f.Offset, true
		}
		return 8*p.extension[f.Header] + f.Offset, true
	case stmt.ExthdrPresent, stmt.Meta, stmt.Ct, stmt.Fib:
	}
	return 0, false
}

// fit builds the frame, as long as the text says or what it says needs, and writes the words into it.
func (b *builder) fit() ([]byte, *stmt.Error) {
	p := b.place(b.layers(0))
	size, tail, wrong := b.sizes(p)
	if wrong != nil {
		return nil, wrong
	}
	out := frame.Build(append(b.layers(size), frame.Raw{})...)
	w := writer{frame: append(out, make([]byte, tail)...)}
	w.written = make([]byte, len(w.frame))
	if b.network == frame.TypeIPv4 {
		w.frame[p.network+9] = b.transport // also where it is 0, by which frame means something else
	}
	for i := range b.sample.words {
		word := &b.sample.words[i]
		at, is := p.fieldAt(word.field)
		if !is {
			continue
		}
		if wrong := w.write(word, at); wrong != nil {
			return nil, wrong
		}
	}
	p.end = p.data + size
	b.checksums(&w, p)
	return w.frame, nil
}

// sizes are how long the data is, and what is behind the packet.
func (b *builder) sizes(p places) (data, tail int, wrong *stmt.Error) {
	data = b.usual(p)
	said := false
	longest := maxPacket
	if b.network == frame.TypeIPv6 {
		longest += 40 // its own header does not count
	}
	for _, l := range []struct {
		field string
		from  int // of the frame, where what is counted begins
		is    bool
	}{
		{"ip length", p.network, b.network == frame.TypeIPv4},
		{"ip6 length", p.network + 40, b.network == frame.TypeIPv6},
		{"udp length", p.transport, b.transport == frame.ProtoUDP},
	} {
		w := b.sample.said(l.field)
		if w == nil || !l.is || said {
			continue
		}
		if n := int(w.number()); l.from+n >= p.data && l.from+n-p.network <= longest {
			data, said = l.from+n-p.data, true
		}
	}
	for i := range b.sample.words {
		w := &b.sample.words[i]
		at, is := p.fieldAt(w.field)
		if !is {
			continue
		}
		missing := (at+w.field.Bits+7)/8 - p.data - data - tail
		switch {
		case missing <= 0:
		case said:
			tail += missing
		default:
			data += missing
		}
	}
	if w := b.sample.said("meta length"); w != nil {
		n := p.network + int(min(w.number(), 1<<20))
		switch {
		case n < p.data || said && n < p.data+data || n > p.network+maxPacket:
			return 0, 0, w.errorf("", "no such packet is %d bytes long from its network header on; it has %d to %d", w.number(), p.data-p.network, maxPacket)
		case said:
			tail = n - p.data - data
		default:
			data = n - p.data
		}
	}
	return data, tail, nil
}

// usual is how much data a packet has of which nothing is said.
func (b *builder) usual(p places) int {
	const some = 8
	switch {
	case b.network == frame.TypeARP, b.transport == frame.ProtoTCP && b.sample.shape.later == nil, b.transport == frame.ProtoICMPv6 && b.kind != frame.ICMPv6EchoRequest && b.sample.shape.later == nil,
		b.transport == mobility, b.transport == frame.ProtoIGMP && b.network == frame.TypeIPv4:
		return b.whole(p, 0)
	case b.network != frame.TypeIPv4 && b.network != frame.TypeIPv6:
		return 46 // the least that Ethernet carries
	}
	return b.whole(p, some)
}

// whole is n, or as much more as makes a fragment that others follow a multiple of eight bytes.
func (b *builder) whole(p places, n int) int {
	from := -1
	if w := b.sample.said("ip frag-off"); w != nil && w.number()&0x2000 != 0 {
		from = p.transport
	}
	if w := b.sample.said("frag more-fragments"); w != nil && w.number() == 1 {
		from = p.extension[frame.ProtoFragment] + 8
	}
	if from < 0 {
		return n
	}
	return n + (8-(p.data+n-from)%8)%8
}

// writer writes words into a frame, and remembers which bits are theirs.
type writer struct {
	frame, written []byte
}

// write puts a word's bits in their place; those that another word has written must be the same.
func (w *writer) write(word *word, at int) *stmt.Error {
	bits := word.field.Bits
	for i := range bits {
		// The value is right-aligned in its bytes.
		from := 8*len(word.value) - bits + i
		bit := word.value[from/8] >> (7 - from%8) & 1
		to, mask := (at+i)/8, byte(0x80)>>((at+i)%8)
		if w.written[to]&mask != 0 && w.frame[to]&mask != 0 != (bit != 0) {
			return word.errorf("", "%s has bytes that another word before it gives another value", word.field.Name)
		}
		w.written[to] |= mask
		w.frame[to] &^= mask
		if bit != 0 {
			w.frame[to] |= mask
		}
	}
	return nil
}
