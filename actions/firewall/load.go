package firewall

import (
	"bytes"

	"github.com/google/nftables/expr"

	"vifd/internal/stmt"
)

var metaKeys = map[stmt.MetaKey]expr.MetaKey{
	stmt.MetaProtocol: expr.MetaKeyPROTOCOL, stmt.MetaNFProto: expr.MetaKeyNFPROTO, stmt.MetaL4Proto: expr.MetaKeyL4PROTO, stmt.MetaPktType: expr.MetaKeyPKTTYPE,
	stmt.MetaMark: expr.MetaKeyMARK, stmt.MetaPriority: expr.MetaKeyPRIORITY, stmt.MetaLength: expr.MetaKeyLEN,
	stmt.MetaIifname: expr.MetaKeyIIFNAME, stmt.MetaOifname: expr.MetaKeyOIFNAME, stmt.MetaIifgroup: expr.MetaKeyIIFGROUP,
	stmt.MetaOifgroup: expr.MetaKeyOIFGROUP, stmt.MetaIbrname: expr.MetaKeyBRIIIFNAME, stmt.MetaObrname: expr.MetaKeyBRIOIFNAME,
}

var ctKeys = map[stmt.CtKey]expr.CtKey{
	stmt.CtKeyState: expr.CtKeySTATE, stmt.CtKeyStatus: expr.CtKeySTATUS, stmt.CtKeyMark: expr.CtKeyMARK, stmt.CtKeyZone: expr.CtKeyZONE,
	stmt.CtKeyDirection: expr.CtKeyDIRECTION,
}

var bases = map[stmt.Base]expr.PayloadBase{
	stmt.LinkHeader: expr.PayloadBaseLLHeader, stmt.NetworkHeader: expr.PayloadBaseNetworkHeader, stmt.TransportHeader: expr.PayloadBaseTransportHeader,
}

// load puts a field into a register.
func (w *writer) load(reg uint32, f *stmt.Field) {
	switch f.Base {
	case stmt.Meta:
		w.add(&expr.Meta{Key: metaKeys[f.Meta], Register: reg})
	case stmt.Ct:
		w.add(&expr.Ct{Key: ctKeys[f.Ct], Register: reg})
	case stmt.Fib:
		w.add(fibExpr(reg, f.Fib))
	case stmt.Exthdr:
		w.add(&expr.Exthdr{DestRegister: reg, Type: f.Header, Offset: uint32(f.Offset / 8), Len: span(f), Op: expr.ExthdrOpIpv6})
	case stmt.ExthdrPresent:
		const present = 1 // NFT_EXTHDR_F_PRESENT
		w.add(&expr.Exthdr{DestRegister: reg, Type: f.Header, Len: 1, Op: expr.ExthdrOpIpv6, Flags: present})
	case stmt.LinkHeader, stmt.NetworkHeader, stmt.TransportHeader:
		w.add(&expr.Payload{DestRegister: reg, Base: bases[f.Base], Offset: uint32(f.Offset / 8), Len: span(f)})
	}
}

func fibExpr(reg uint32, l stmt.Lookup) *expr.Fib {
	return &expr.Fib{
		Register: reg, FlagSADDR: l.Source, FlagDADDR: !l.Source, FlagMARK: l.Mark, FlagIIF: l.Iif, FlagOIF: l.Oif,
		ResultOIF: l.Result == stmt.FibPresent, FlagPRESENT: l.Result == stmt.FibPresent,
		ResultOIFNAME: l.Result == stmt.FibOifname, ResultADDRTYPE: l.Result == stmt.FibAddrType,
	}
}

// span is the number of whole bytes that hold f.
func span(f *stmt.Field) uint32 { return uint32((f.Offset%8 + f.Bits + 7) / 8) }

// and masks a register.
func (w *writer) and(reg uint32, m []byte) {
	w.add(&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: uint32(len(m)), Mask: m, Xor: make([]byte, len(m))})
}

// ordered turns a number of the host's, of so many bytes, into network order, in which ranges are compared.
func (w *writer) ordered(reg uint32, size int) {
	w.add(&expr.Byteorder{SourceRegister: reg, DestRegister: reg, Op: expr.ByteorderHton, Len: uint32(size), Size: uint32(size)})
}

// bitMask is what a field that does not fill its bytes has of those that were loaded; nil: all.
func bitMask(f *stmt.Field) []byte {
	payload := f.Base == stmt.LinkHeader || f.Base == stmt.NetworkHeader || f.Base == stmt.TransportHeader || f.Base == stmt.Exthdr
	if !payload || f.Bits%8 == 0 && f.Offset%8 == 0 {
		return nil
	}
	ones := bytes.Repeat([]byte{0xff}, f.Size())
	if spare := f.Size()*8 - f.Bits; spare > 0 {
		ones[0] >>= spare
	}
	return shift(f, ones)
}

// shift moves a value to where the field stands in the bytes that were loaded.
func shift(f *stmt.Field, v []byte) []byte {
	if f.Base != stmt.LinkHeader && f.Base != stmt.NetworkHeader && f.Base != stmt.TransportHeader && f.Base != stmt.Exthdr {
		return v
	}
	right := (8 - (f.Offset+f.Bits)%8) % 8
	out := make([]byte, span(f))
	copy(out[len(out)-len(v):], v)
	for range right {
		carry := byte(0)
		for i := len(out) - 1; i >= 0; i-- {
			out[i], carry = out[i]<<1|carry, out[i]>>7
		}
	}
	return out
}
