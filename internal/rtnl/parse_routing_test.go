package rtnl

import (
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzParseRouting gives the parsers of addresses, routes and neighbours any bytes: none may panic or give out what is not valid.
func FuzzParseRouting(f *testing.F) {
	f.Add([]byte{unix.AF_INET, 32, 0, 0, 1, 0, 0, 0, 8, 0, unix.IFA_LOCAL, 0, 192, 0, 2, 1})
	f.Add(append(make([]byte, 12), 8, 0, unix.RTA_DST, 0, 192, 0, 2, 1))
	f.Add(append(make([]byte, 12), 8, 0, unix.NDA_DST, 0, 192, 0, 2, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := parseWholeAddress(b); err == nil && !a.Prefix.IsValid() {
			t.Errorf("address %+v", a)
		}
		if r, _, err := parseRoute(b); err == nil && !r.Dst.IsValid() {
			t.Errorf("route %+v", r)
		}
		if n, err := parseNeighbour(b); err == nil && !n.Addr.IsValid() {
			t.Errorf("neighbour %+v", n)
		}
	})
}
