package sample

import (
	"encoding/binary"

	"vifd/internal/frame"
)

// checksums puts right what the words may have changed. Those that the text gives, or that lie in a later fragment, stay.
func (b *builder) checksums(w *writer, p places) {
	const atChecksum, least = 10, 20
	switch b.network {
	case frame.TypeIPv4:
		length := 4 * int(w.frame[p.network]&0xf)
		if length < least || p.network+length > len(w.frame) {
			length = least
		}
		w.sum(p.network+atChecksum, p.network, p.network+length, nil)
	case frame.TypeIPv6:
	default:
		return
	}
	if b.sample.shape.later != nil {
		return
	}
	at, known := map[uint8]int{
		frame.ProtoUDP: 6, frame.ProtoTCP: 16, frame.ProtoICMP: 2, frame.ProtoICMPv6: 2, frame.ProtoIGMP: 2, mobility: 4,
	}[b.transport]
	if !known {
		return
	}
	w.sum(p.transport+at, p.transport, p.end, b.pseudo(w, p))
	if b.transport == frame.ProtoUDP && w.written[p.transport+at]|w.written[p.transport+at+1] == 0 && w.frame[p.transport+at]|w.frame[p.transport+at+1] == 0 {
		w.frame[p.transport+at], w.frame[p.transport+at+1] = 0xff, 0xff // for 0 means that there is none
	}
}

// pseudo is the header that a transport's checksum covers besides it (RFC 9293, 3.1; RFC 8200, 8.1).
func (b *builder) pseudo(w *writer, p places) []byte {
	length := p.end - p.transport
	if b.network == frame.TypeIPv4 {
		if b.transport == frame.ProtoICMP || b.transport == frame.ProtoIGMP {
			return nil
		}
		out := append([]byte{}, w.frame[p.network+12:p.network+20]...)
		return binary.BigEndian.AppendUint16(append(out, 0, b.transport), uint16(length))
	}
	out := append([]byte{}, w.frame[p.network+8:p.network+40]...)
	return append(binary.BigEndian.AppendUint32(out, uint32(length)), 0, 0, 0, b.transport)
}

// sum puts a checksum (RFC 1071) in its place unless the text has said something there.
func (w *writer) sum(at, from, to int, pseudo []byte) {
	if at+2 > to || w.written[at]|w.written[at+1] != 0 {
		return
	}
	w.frame[at], w.frame[at+1] = 0, 0
	sum := uint32(0)
	for _, part := range [][]byte{pseudo, w.frame[from:to]} {
		for ; len(part) >= 2; part = part[2:] {
			sum += uint32(binary.BigEndian.Uint16(part))
		}
		if len(part) == 1 {
			sum += uint32(part[0]) << 8
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(w.frame[at:], ^uint16(sum))
}
