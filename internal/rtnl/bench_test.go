package rtnl_test

import (
	"testing"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

// BenchmarkSetMTU and BenchmarkLinkByIndex change and read one link.
func BenchmarkSetMTU(b *testing.B) {
	h := testhost.New(b)
	h.Veths(b, h, "vif1.0")
	c := dial(b, h)
	index := link(b, c, "vif1.0").Index
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := c.Set(index, rtnl.Change{MTU: 1400 + i%2}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLinkByIndex(b *testing.B) {
	h := testhost.New(b)
	h.Veths(b, h, "vif1.0")
	c := dial(b, h)
	index := link(b, c, "vif1.0").Index
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.LinkByIndex(index); err != nil {
			b.Fatal(err)
		}
	}
}

// The same by the library's own calls, for comparison.
func BenchmarkLibraryLinkByIndex(b *testing.B) {
	h := testhost.New(b)
	h.Veths(b, h, "vif1.0")
	index := link(b, dial(b, h), "vif1.0").Index
	links := h.Links()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := links.LinkByIndex(index); err != nil {
			b.Fatal(err)
		}
	}
}
