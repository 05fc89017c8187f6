package nft

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// TestElementMessage has the library encode the same elements and reads both as the kernel does: order does not count.
func TestElementMessage(t *testing.T) {
	t.Parallel()
	key, err := nftables.ConcatSetType(nftables.TypeIFName, nftables.TypeEtherAddr)
	if err != nil {
		t.Fatal(err)
	}
	vmap := &nftables.Set{Table: table, Name: "from-guest", IsMap: true, KeyType: nftables.TypeIFName, DataType: nftables.TypeVerdict}
	macs := &nftables.Set{Table: table, Name: "guest-mac", KeyType: key, Concatenation: true}
	ports := &nftables.Set{
		Table: table, Name: "forward", IsMap: true, Concatenation: true,
		KeyType:  nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeInetService),
		DataType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService),
	}
	name := make([]byte, 16)
	copy(name, "vif1.0")
	for what, tt := range map[string]struct {
		set   *nftables.Set
		elems []nftables.SetElement
	}{
		"goto": {vmap, []nftables.SetElement{{Key: name, VerdictData: &expr.Verdict{Kind: expr.VerdictGoto, Chain: "from/a"}}}},
		"several": {vmap, []nftables.SetElement{
			{Key: name, VerdictData: &expr.Verdict{Kind: expr.VerdictDrop}}, {Key: name[1:], VerdictData: &expr.Verdict{Kind: expr.VerdictAccept}},
		}},
		"values": {ports, []nftables.SetElement{{Key: []byte{6, 0, 0, 0, 0, 80, 0, 0}, Val: []byte{10, 0, 0, 1, 0, 80, 0, 0}}, {Key: []byte{17, 0, 0, 0, 0, 53, 0, 0}, Val: []byte{1}}}},
		"keys":   {macs, []nftables.SetElement{{Key: append(name, 1, 2, 3, 4, 5, 6, 0, 0)}, {Key: name[:7]}}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			got, err := elementMessage(tt.set, tt.elems)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decodeElements(libraryMessage(t, tt.set, tt.elems)), decodeElements(got)); diff != "" {
				t.Errorf("elementMessage() is not the library's (-library +ours):\n%s", diff)
			}
		})
	}
}

func libraryMessage(t *testing.T, s *nftables.Set, elems []nftables.SetElement) []byte {
	t.Helper()
	var sent []netlink.Message
	conn := nftables.Conn{TestDial: func(req []netlink.Message) ([]netlink.Message, error) {
		if req != nil {
			sent = req
		}
		return nil, unix.EPERM
	}}
	if err := conn.SetAddElements(s, elems); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); !errors.Is(err, unix.EPERM) || len(sent) != 3 {
		t.Fatalf("Flush() = %v with %d messages", err, len(sent))
	}
	return sent[1].Data
}

// decoded is a message about elements as the kernel reads it.
type decoded struct {
	Header, Table, Set string
	Elements           []Element
}

func decodeElements(data []byte) decoded {
	attrs := data[sizeofNfgenmsg:]
	d := decoded{
		Header: string(data[:sizeofNfgenmsg]),
		Table:  cString(attribute(attrs, unix.NFTA_SET_ELEM_LIST_TABLE)), Set: cString(attribute(attrs, unix.NFTA_SET_ELEM_LIST_SET)),
	}
	for _, item := range attributes(attribute(attrs, unix.NFTA_SET_ELEM_LIST_ELEMENTS)) {
		d.Elements = append(d.Elements, parseElement(item))
	}
	return d
}

func TestElementMessageRefusesWhatItCannotSay(t *testing.T) {
	t.Parallel()
	for what, e := range map[string]nftables.SetElement{
		"end of an interval": {Key: []byte{1}, IntervalEnd: true},
		"end of a key":       {Key: []byte{1}, KeyEnd: []byte{2}},
		"verdict and value":  {Key: []byte{1}, Val: []byte{2}, VerdictData: &expr.Verdict{}},
		"comment":            {Key: []byte{1}, Comment: "c"},
		"time-out":           {Key: []byte{1}, Timeout: 1},
		"expiry":             {Key: []byte{1}, Expires: 1},
		"counter":            {Key: []byte{1}, Counter: &expr.Counter{}},
	} {
		if _, err := elementMessage(numbers(), []nftables.SetElement{e}); !errors.Is(err, errElement) {
			t.Errorf("%s: elementMessage() = %v, want %v", what, err, errElement)
		}
	}
}
