package packet_test

import (
	"bytes"
	"testing"

	"vifd/internal/frame"
	"vifd/internal/packet"
)

// FuzzDissect takes any bytes: nothing panics, loads are of the length asked for and say the same of the same bytes, and what
// one accessor says goes with what the others say.
func FuzzDissect(f *testing.F) {
	for i, data := range handmade() {
		if i%5 == 0 {
			f.Add(data, uint8(i), uint8(i/3))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, offset, length uint8) {
		before := bytes.Clone(data)
		for _, family := range []packet.Family{packet.Bridge, packet.Inet, packet.ARP} {
			p := packet.Dissect(data, family)
			consistent(t, &p, family, data)
			for _, base := range []packet.Base{packet.LinkHeader, packet.NetworkHeader, packet.TransportHeader} {
				loadsFit(t, &p, base, int(offset), int(length))
			}
			for kind := range 256 {
				exists, _ := p.HasExthdr(uint8(kind))
				if got, ok := p.Exthdr(uint8(kind), int(offset), int(length)); ok && (!exists || len(got) != int(length)) {
					t.Errorf("extension header %d, which exists: %v, gives %d bytes, not %d", kind, exists, len(got), length)
				}
			}
		}
		if !bytes.Equal(data, before) {
			t.Error("the frame has changed")
		}
	})
}

func consistent(t *testing.T, p *packet.Packet, family packet.Family, data []byte) {
	t.Helper()
	_, known := p.L4Proto()
	_, tagged := p.VLAN()
	_, first := p.Payload(packet.LinkHeader, 0, 14)
	_, kind := p.PktType(vifMAC)
	if p.Unseen() != "" {
		if known || tagged || first || kind || p.Length() != 0 || p.Protocol() != 0 {
			t.Errorf("something is known of a frame that is not seen: %s", p.Unseen())
		}
		return
	}
	ip := p.Protocol() == frame.TypeIPv4 || p.Protocol() == frame.TypeIPv6
	switch {
	case !first || !kind || int(p.Length()) > len(data)-14:
		t.Errorf("family %d sees a frame of %d bytes, of which %d are behind its header", family, len(data), p.Length())
	case known && !ip, family == packet.Inet && !ip, family == packet.ARP && p.Protocol() != frame.TypeARP:
		t.Errorf("family %d knows the layer above protocol %04x: %v", family, p.Protocol(), known)
	case tagged && family != packet.Bridge:
		t.Errorf("family %d sees a tag", family)
	}
}

// loadsFit compares a load with the same bytes loaded one by one.
func loadsFit(t *testing.T, p *packet.Packet, base packet.Base, offset, length int) {
	t.Helper()
	got, ok := p.Payload(base, offset, length)
	if !ok {
		return
	}
	if len(got) != length || length == 0 {
		t.Fatalf("asked for %d bytes, loaded %d", length, len(got))
	}
	for i := range got {
		if one, ok := p.Payload(base, offset+i, 1); !ok || one[0] != got[i] {
			t.Errorf("base %d: byte %d alone is %x, %v, in %d bytes from %d on it is %x", base, offset+i, one, ok, length, offset, got[i])
		}
	}
	if _, ok := p.Payload(base, offset, 1<<20); ok {
		t.Error("a load of a megabyte succeeds")
	}
}
