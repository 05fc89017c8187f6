package dhcp4

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"vifd/internal/vifsock"
)

// FuzzRespond shows that no packet does harm, and that every answer is the guest's own and whole.
func FuzzRespond(f *testing.F) {
	for _, kind := range []dhcpv4.MessageType{dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeInform, dhcpv4.MessageTypeDecline} {
		m := message(f, kind, dhcpv4.OptRequestedIPAddress([]byte{10, 77, 3, 1}), dhcpv4.OptMaxMessageSize(1500))
		f.Add(request(m, "255.255.255.255"), false)
		f.Add(m.ToBytes(), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, wrap bool) {
		c := example(t)
		packet := data
		if wrap && len(data) < 60000 { // so that the fuzzer need not find checksums
			packet = toServer(c.Router, data)
		}
		r, what := c.respond(packet)
		if r == nil {
			return
		}
		if what != offered && what != acknowledged && what != refused {
			t.Fatalf("an answer although the outcome is %d", what)
		}
		if !c.owns(r.reply.ClientHWAddr) || !r.to.Is4() || r.to.IsUnspecified() || r.to.IsMulticast() {
			t.Fatalf("answer to %v at %v", r.to, r.reply.ClientHWAddr)
		}
		out := r.reply.ToBytes()
		if len(out) > maxSize-headers {
			t.Fatalf("answer of %d bytes", len(out))
		}
		if _, err := dhcpv4.FromBytes(out); err != nil {
			t.Fatalf("answer that cannot be read: %v", err)
		}
	})
}

// TestChecksums has what a guest may leave undone accepted, and nothing else.
func TestChecksums(t *testing.T) {
	m := message(t, dhcpv4.MessageTypeDiscover)
	whole := request(m, "255.255.255.255")
	const at = ipLen + 6
	change := func(f func(packet []byte)) []byte {
		packet := bytes.Clone(whole)
		f(packet)
		return packet
	}
	partial := vifsock.Fold(pseudoSum(whole[12:16], whole[16:20], len(whole)-ipLen))
	for _, tc := range []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"whole", whole, true},
		{"none", change(func(p []byte) { p[at], p[at+1] = 0, 0 }), true},
		{"partial", change(func(p []byte) { binary.BigEndian.PutUint16(p[at:], partial) }), true},
		{"wrong", change(func(p []byte) { p[at] ^= 1 }), false},
		{"wrong in IPv4", change(func(p []byte) { p[10] ^= 1 }), false},
		{"cut short", whole[:len(whole)-1], false},
		{"with padding", append(bytes.Clone(whole), 0, 0, 0), true},
		{"an odd number of bytes", toServer(netip.MustParseAddr("255.255.255.255"), append(m.ToBytes(), 7)), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, got := datagram(tc.packet); got != tc.want {
				t.Errorf("accepted: %v, want %v", got, tc.want)
			}
		})
	}
}
