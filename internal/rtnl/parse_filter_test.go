package rtnl

import (
	"encoding/binary"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// TestParseMatchall: the kernel lists the classifier, which does nothing, and then the filter, as Linux 6.1 does.
func TestParseMatchall(t *testing.T) {
	t.Parallel()
	message := func(handle byte, attrs ...byte) []byte {
		head := make([]byte, nl.SizeofTcMsg)
		binary.NativeEndian.PutUint32(head[8:], uint32(handle))
		binary.NativeEndian.PutUint32(head[16:], 5<<16|uint32(bigEndian(unix.ETH_P_ALL)))
		return append(append(head, "\x0d\x00\x01\x00matchall\x00\x00\x00\x00"...), attrs...)
	}
	for _, tt := range []struct {
		message []byte
		want    Filter
	}{
		{message(0), Filter{Pref: 5, Kind: MatchAll}},
		{message(1, 12, 0, 2, 0, 8, 0, 3, 0, 0, 0, 0, 0), Filter{Pref: 5, Kind: MatchAll, Everything: true}}, // TCA_MATCHALL_FLAGS
	} {
		if got, err := parseFilter(tt.message); got != tt.want || err != nil {
			t.Errorf("parseFilter(% x) = %+v, %v, want %+v", tt.message, got, err, tt.want)
		}
	}
}
