package nat_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/actions/nat"
	"vifd/internal/nft"
	"vifd/internal/testhost"
)

// faulty is the real kernel with faults put in: each is used up by one call.
type faulty struct {
	*nft.Conn
	before []error // of the next commits, which are not carried out where it is set
	after  []error // of the next commits, which are
}

func (k *faulty) Commit(b *nft.Batch) error {
	if len(k.before) > 0 {
		err := k.before[0]
		k.before = k.before[1:]
		if err != nil {
			return err
		}
	}
	err := k.Conn.Commit(b)
	if len(k.after) > 0 && err == nil {
		err, k.after = k.after[0], k.after[1:]
	}
	return err
}

// TestFaults: where the outcome is unknown, or the kernel has something else than is known, it is read back and put right.
func TestFaults(t *testing.T) {
	t.Parallel()
	refused := &nft.Error{What: "something", Errno: unix.ENOENT}
	for name, fault := range map[string]struct {
		faulty
		meanwhile string // is done to the kernel
	}{
		"answer lost, in force":     {faulty: faulty{after: []error{nft.ErrUnknown}}},
		"answer lost, not in force": {faulty: faulty{before: []error{nft.ErrUnknown}}},
		"lost twice":                {faulty: faulty{after: []error{nft.ErrUnknown, nft.ErrUnknown}}},
		"refused once":              {faulty: faulty{before: []error{fmt.Errorf("wrapped: %w", refused)}}},
		"flushed":                   {meanwhile: "flush ruleset"},
		"element taken":             {meanwhile: "add element ip vifd forward { tcp . 8080 : 10.9.9.9 . 1 }"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, fresh := testhost.New(t), testhost.New(t)
			k := &fault.faulty
			k.Conn = dial(t, h)
			before, after := k.before, k.after
			k.before, k.after = nil, nil
			table, err := nat.OpenTable(k)
			if err != nil {
				t.Fatal(err)
			}
			p := compile(t, private)
			one, two := guest(t, "vif1.0"), guest(t, "vif2.0", many()...)
			install(t, table, p, one)
			if fault.meanwhile != "" {
				h.Run(t, "nft", fault.meanwhile)
			}
			k.before, k.after = before, after
			set(t, table, two, 7)
			install(t, open(t, fresh), p, one, two)
			if diff := cmp.Diff(listing(t, fresh), listing(t, h)); diff != "" {
				t.Errorf("against a fresh installation (-fresh +got):\n%s", diff)
			}
			if n := table.Stats().Repairs; n == 0 {
				t.Error("no repair is counted")
			}
			if set(t, table, two, 7) {
				t.Error("the second Set() wrote")
			}
		})
	}
}

// TestAFaultIsNoSuccess: the caller is told, and nothing is believed that is not so.
func TestAFaultIsNoSuccess(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	k := &faulty{Conn: dial(t, h)}
	table, err := nat.OpenTable(k)
	if err != nil {
		t.Fatal(err)
	}
	one := guest(t, "vif1.0")
	if _, err := table.Set(&one, 1); err == nil {
		t.Error("Set() without a program is content")
	}
	install(t, table, compile(t, private))
	before := listing(t, h)
	k.before = []error{&nft.Error{What: "something", Errno: unix.ENOMEM}}
	if _, err := table.Set(&one, 1); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("Set() = %v, want ENOMEM", err)
	}
	if after := listing(t, h); after != before || len(table.Interfaces()) != 0 {
		t.Errorf("after a failure there are %v and\n%s", table.Interfaces(), after)
	}
	if !set(t, table, one, 1) {
		t.Error("the next Set() wrote nothing")
	}
}
