package nft

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

// fill leaves answers in the receive queue, and no room for another.
func fill(t *testing.T, c *Conn) {
	t.Helper()
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
		t.Fatal(err)
	}
	req := make([]byte, unix.SizeofNlMsghdr+sizeofNfgenmsg)
	native.PutUint32(req, uint32(len(req)))
	native.PutUint16(req[4:], unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN)
	native.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	for range 50 {
		if err := unix.Sendto(c.fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLostAnswerIsUnknown: a batch whose only answer did not fit is neither a success nor a failure, and the next one on the
// same socket is told its own outcome.
func TestLostAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		batch *Batch
		want  string // what is in force afterwards
	}{
		{"good", build(1, -1), "drop"},
		{"bad", build(1, 0), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := testhost.New(t)
			c := testhost.Dial(t, h, Dial)
			fill(t, c)
			if err := c.Commit(tt.batch); !errors.Is(err, ErrUnknown) {
				t.Errorf("Commit() = %v, want ErrUnknown", err)
			}
			if list := h.Run(t, "nft", "list", "ruleset"); (list == "") != (tt.want == "") || !strings.Contains(list, tt.want) {
				t.Errorf("in force is\n%s", list)
			}
			var refusal *Error
			if err := c.Commit(build(3, 1)); !errors.As(err, &refusal) || refusal.What != "rule 1" {
				t.Errorf("the next bad batch: Commit() = %v, want rule 1 refused", err)
			}
			if err := c.Commit(build(1, -1)); err != nil {
				t.Errorf("the next good batch: Commit() = %v", err)
			}
		})
	}
}

// TestLostPartOfADump: a dump that overflowed is read again, never returned with a hole.
func TestLostPartOfADump(t *testing.T) {
	t.Parallel()
	c := testhost.Dial(t, testhost.New(t), Dial)
	b := NewBatch()
	b.AddTable(table)
	b.AddSet(numbers())
	b.AddElements(numbers(), elements(5_000), "numbers")
	if err := c.Commit(b); err != nil {
		t.Fatal(err)
	}
	fill(t, c)
	elems, err := c.Elements(numbers())
	if err == nil && len(elems) != 5_000 || err != nil && !errors.Is(err, errInterrupted) {
		t.Errorf("Elements() = %d elements, %v; want all 5000, or to be told that it was interrupted", len(elems), err)
	}
	if chains, err := c.Chains(&nftables.Table{Name: "nosuch", Family: nftables.TableFamilyBridge}); err != nil || len(chains) != 0 {
		t.Errorf("after the overflow Chains() of no table = %v, %v", chains, err)
	}
}

func TestTooLargeForTheSocket(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	c := testhost.Dial(t, h, Dial)
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
		t.Fatal(err)
	}
	err := c.Commit(build(1_000, -1))
	var refusal *Error
	if !errors.As(err, &refusal) || !errors.Is(err, unix.EMSGSIZE) || !strings.Contains(err.Error(), "larger than the socket's send buffer") {
		t.Errorf("Commit() = %v, want EMSGSIZE and what it means", err)
	}
	if list := h.Run(t, "nft", "list", "ruleset"); list != "" {
		t.Errorf("in force is\n%s", list)
	}
}
