package nat

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"vifd/internal/nft"
)

// rule is one rule of a chain: its text in nft's syntax and its expressions.
type rule struct {
	text  string
	exprs []expr.Any
}

// builder puts a rule together, part by part.
type builder struct {
	fam   family
	words []string
	exprs []expr.Any
}

func (b *builder) add(word string, exprs ...expr.Any) {
	b.words = append(b.words, word)
	b.exprs = append(b.exprs, exprs...)
}

func (b *builder) rule() rule { return rule{strings.Join(b.words, " "), b.exprs} }

// register is where the value at so many bytes of a key is kept: nf_tables has four registers of 16 bytes, which it also
// numbers, from 8, as sixteen of four.
func register(offset int) uint32 {
	if offset%16 == 0 {
		return uint32(1 + offset/16)
	}
	return uint32(8 + offset/4)
}

func mask(bits, size int) []byte {
	m := make([]byte, size)
	for i := range bits {
		m[i/8] |= 0x80 >> (i % 8)
	}
	return m
}

func (b *builder) load(reg, offset uint32) expr.Any {
	return &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(familyFacts[b.fam].size)}
}

func (b *builder) and(reg uint32, plen int) expr.Any {
	size := familyFacts[b.fam].size
	return &expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: uint32(size), Mask: mask(plen, size), Xor: make([]byte, size)}
}

// source loads the sender's prefix into the first register.
func (b *builder) source(plen int) (string, []expr.Any) {
	exprs := []expr.Any{b.load(1, familyFacts[b.fam].saddr)}
	word := b.fam.String() + " saddr"
	if plen < b.fam.bits() {
		m, _ := netip.AddrFromSlice(mask(plen, b.fam.bits()/8)) // 4 or 16 bytes
		return word + " & " + m.String(), append(exprs, b.and(1, plen))
	}
	return word, exprs
}

// notTo lets packets to a prefix be.
func (b *builder) notTo(p netip.Prefix) {
	exprs := []expr.Any{b.load(1, familyFacts[b.fam].daddr)}
	word := p.String()
	if p.IsSingleIP() {
		word = p.Addr().String()
	} else {
		exprs = append(exprs, b.and(1, p.Bits()))
	}
	b.add(b.fam.String()+" daddr != "+word, append(exprs, &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: p.Addr().AsSlice()})...)
}

// masquerade gives packets of guests that leave through an interface of s the address of that.
func masquerade(fam family, s shape) rule {
	b := builder{fam: fam}
	word, exprs := b.source(s.plen)
	b.add(word+" . oifname @"+s.name(fam), append(exprs,
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: register(fam.bits() / 8)},
		&expr.Lookup{SourceRegister: 1, SetName: s.name(fam)})...)
	b.add("masquerade", &expr.Masq{})
	return b.rule()
}

// Some local addresses are every host's, or every link's: what is sent there is not for somebody behind the host. An answer to 127.0.0.1
// could not come back from a guest (ip_route_input_slow, net/ipv4/route.c, calls it a martian), so the host's own services stay to be
// had there; and the host at fe80::1 is the guest's router. From outside nothing comes to a loopback address.
var (
	loopback  = [families]netip.Prefix{ip4: netip.MustParsePrefix("127.0.0.0/8"), ip6: netip.PrefixFrom(netip.IPv6Loopback(), 128)}
	linkLocal = netip.MustParsePrefix("fe80::/10")
)

// forward leads packets to the ports of s to guests; own are those that the host itself sends.
func forward(fam family, s shape, own bool) rule {
	b := builder{fam: fam}
	if !s.at {
		if own {
			b.notTo(loopback[fam])
		}
		if fam == ip6 {
			b.notTo(linkLocal)
		}
		b.add("fib daddr type local", &expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)})
	}
	size := familyFacts[fam].size
	var key []string
	var exprs []expr.Any
	offset := 0
	if s.plen > 0 {
		word, loads := b.source(s.plen)
		key, exprs = append(key, word), append(exprs, loads...)
		offset += size
	}
	if s.at {
		key, exprs = append(key, fam.String()+" daddr"), append(exprs, b.load(register(offset), familyFacts[fam].daddr))
		offset += size
	}
	key = append(key, "meta l4proto", "th dport")
	b.add("dnat "+fam.String()+" to "+strings.Join(key, " . ")+" map @"+s.name(fam), append(exprs,
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register(offset)},
		&expr.Payload{DestRegister: register(offset + 4), Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Lookup{SourceRegister: 1, DestRegister: 1, IsDestRegSet: true, SetName: s.name(fam)},
		&expr.NAT{
			Type: expr.NATTypeDestNAT, Family: familyFacts[fam].proto, RegAddrMin: 1, RegAddrMax: 1,
			RegProtoMin: register(size), RegProtoMax: register(size), Specified: true,
		})...)
	return b.rule()
}

const (
	// encoding changes whenever the same text is compiled to other expressions, so that an upgrade replaces them.
	encoding   = "nat 1\x00"
	digestAttr = 0x76 // in the space of enum nftnl_udata_rule_types, of which nft knows the first few and skips the others
	digestLen  = 12
)

// digest identifies a rule in the kernel: it is kept as the rule's user data, in an attribute that nft does not print.
func (r *rule) digest() []byte {
	sum := sha256.Sum256([]byte(encoding + r.text))
	return append([]byte{digestAttr, digestLen}, sum[:digestLen]...)
}

func (r *rule) emit(b *nft.Batch, ch *nftables.Chain) {
	b.AddRule(&nftables.Rule{Table: ch.Table, Chain: ch, Exprs: r.exprs, UserData: r.digest()}, "rule "+r.text, r.text)
}
