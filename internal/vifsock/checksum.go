package vifsock

import "encoding/binary"

// Sum adds 16-bit words to total, for the internet's checksum (RFC 1071). Of the 64 KiB that a packet may have it does not overflow. An
// odd last byte is taken with a zero behind it, so only the last part of what is added up may have one.
func Sum(total uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		total += uint32(b[0]) << 8
	}
	return total
}

// Fold makes 16 bits of a sum. Of what has its own checksum in it they are all set; the checksum to put in is their complement.
func Fold(total uint32) uint16 {
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}
