package firewall

import (
	"github.com/google/nftables"

	"vifd/internal/stmt"
)

// keyType is the type of a key made of fields.
func keyType(fields []*stmt.Field) (nftables.SetDatatype, error) {
	types := make([]nftables.SetDatatype, len(fields))
	for i, f := range fields {
		if f == nil {
			types[i] = nftables.TypeIFName
			continue
		}
		t, ok := keyTypes[f.Type]
		if !ok {
			t = nftables.TypeInteger
		}
		t.Bytes = uint32(len(encode(f, make([]byte, f.Size())))) // of a field that shares its bytes more than its own
		types[i] = t
	}
	if len(types) == 1 {
		return types[0], nil
	}
	return nftables.ConcatSetType(types...)
}

// keyTypes are nft's names for what a set holds, so that `nft list` shows symbols and addresses.
var keyTypes = map[*stmt.Datatype]nftables.SetDatatype{
	stmt.EtherAddr: nftables.TypeEtherAddr, stmt.IPv4Addr: nftables.TypeIPAddr, stmt.IPv6Addr: nftables.TypeIP6Addr,
	stmt.InetService: nftables.TypeInetService, stmt.InetProto: nftables.TypeInetProto, stmt.EtherType: nftables.TypeEtherType,
	stmt.NFProto: nftables.TypeNFProto, stmt.ARPOp: nftables.TypeARPOp, stmt.ICMPType: nftables.TypeICMPType, stmt.ICMPv6Type: nftables.TypeICMP6Type,
	stmt.ICMPCode: nftables.TypeICMPCode, stmt.ICMPv6Code: nftables.TypeICMPV6Code, stmt.PktType: nftables.TypePktType,
	stmt.TCPFlag: nftables.TypeTCPFlag, stmt.DSCP: nftables.TypeDSCP, stmt.ECN: nftables.TypeECN, stmt.MHType: nftables.TypeMHType,
	stmt.CtState: nftables.TypeCTState, stmt.CtStatus: nftables.TypeCTStatus, stmt.CtDirection: nftables.TypeCTDir, stmt.Mark: nftables.TypeMark,
	stmt.ClassID: nftables.TypeClassID, stmt.DevGroup: nftables.TypeDevGroup, stmt.Ifname: nftables.TypeIFName, stmt.FibType: nftables.TypeFIBAddr,
}
