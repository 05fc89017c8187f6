package nat_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/actions/nat"
	"vifd/internal/nft"
	"vifd/internal/nft/nfttest"
	"vifd/internal/testhost"
)

// TestFaults: where the outcome is unknown, or the kernel has something else than is known, it is read back and put right.
func TestFaults(t *testing.T) {
	t.Parallel()
	refused := &nft.Error{What: "something", Errno: unix.ENOENT}
	for name, fault := range map[string]struct {
		nfttest.Faulty
		meanwhile string // is done to the kernel
	}{
		"answer lost, in force":     {Faulty: nfttest.Faulty{After: []error{nft.ErrUnknown}}},
		"answer lost, not in force": {Faulty: nfttest.Faulty{Before: []error{nft.ErrUnknown}}},
		"lost twice":                {Faulty: nfttest.Faulty{After: []error{nft.ErrUnknown, nft.ErrUnknown}}},
		"refused once":              {Faulty: nfttest.Faulty{Before: []error{fmt.Errorf("wrapped: %w", refused)}}},
		"flushed":                   {meanwhile: "flush ruleset"},
		"element taken":             {meanwhile: "add element ip vifd forward { tcp . 8080 : 10.9.9.9 . 1 }"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, fresh := testhost.New(t), testhost.New(t)
			k := &nfttest.Faulty{Conn: testhost.Dial(t, h, nft.Dial)}
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
			k.Before, k.After = fault.Before, fault.After
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
	k := &nfttest.Faulty{Conn: testhost.Dial(t, h, nft.Dial)}
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
	k.Before = []error{&nft.Error{What: "something", Errno: unix.ENOMEM}}
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
