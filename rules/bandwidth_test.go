package rules

import (
	"math"
	"testing"
	"time"
)

// What tc and xl make of the same texts. tc's were held against what `tc class add … htb rate` has the kernel list.
func TestParseBandwidth(t *testing.T) {
	const none = -1
	for _, tc := range []struct {
		text     string
		bits     int64
		interval time.Duration
	}{
		{"1000000", 1e6, 0},
		{"100bit", 100, 0},
		{"100kbit", 1e5, 0},
		{"100mbit", 1e8, 0},
		{"100Mbit", 1e8, 0},
		{"1.5gbit", 15e8, 0},
		{"0.5tbit", 5e11, 0},
		{"100kibit", 102400, 0},
		{"1mibit", 1 << 20, 0},
		{"1gibit", 1 << 30, 0},
		{"1tibit", 1 << 40, 0},
		{"100bps", 800, 0},
		{"100kbps", 8e5, 0},
		{"12.5mbps", 1e8, 0},
		{"1GBps", 8e9, 0},
		{"1tbps", 8e12, 0},
		{"1kibps", 8 << 10, 0},
		{"1MiBps", 8 << 20, 0},
		{"1gibps", 8 << 30, 0},
		{"1tibps", 8 << 40, 0},
		{"999999999999999999tbit", -2, 0},
		{"10Mb/s", 1e7, 50 * time.Millisecond},
		{"250KB/s", 2e6, 50 * time.Millisecond},
		{"1MB/s@20ms", 8e6, 20 * time.Millisecond},
		{"10Mb/s@50ms", 1e7, 50 * time.Millisecond},
		{"2GB/s@500us", 16e9, 500 * time.Microsecond},
		{"100b/s@1s", 100, time.Second},
		{"100B/s@1", 800, time.Second},
		{"1Kb/s@30m", 1000, 30 * time.Millisecond},
		{"1Kb/s@30u", 1000, 30 * time.Microsecond},
		{"", none, 0},
		{"mbit", none, 0},
		{".5mbit", none, 0},
		{"5.mbit", none, 0},
		{"1.2.3mbit", none, 0},
		{"0.0000000001tbit", none, 0},
		{"+1mbit", none, 0},
		{"01mbit", none, 0},
		{"1 mbit", none, 0},
		{"10mb/s", none, 0},
		{"10Tb/s", none, 0},
		{"1.5Mb/s", none, 0},
		{"10Mb", none, 0},
		{"10Mb/s ", none, 0},
		{"10mbit@50ms", none, 0},
		{"10Mb/s@", none, 0},
		{"10Mb/s@0", none, 0},
		{"10Mb/s@s", none, 0},
		{"10Mb/s@5ns", none, 0},
		{"10Mb/s@-5ms", none, 0},
		{"10Mb/s@10001ms", none, 0},
		{"10Mb/s@1@1", none, 0},
	} {
		got, verr := parseBandwidth(tc.text)
		want := Bandwidth{uint64(tc.bits), tc.interval}
		if tc.bits == -2 {
			want.BitsPerSecond = math.MaxUint64
		}
		switch {
		case tc.bits == none && verr == nil:
			t.Errorf("%q: %+v, want an error", tc.text, got)
		case tc.bits == none && (verr.off+verr.len > len(tc.text) || verr.msg == "" || verr.hint == ""):
			t.Errorf("%q: %+v", tc.text, verr)
		case tc.bits != none && (verr != nil || got != want):
			t.Errorf("%q: %+v, %v; want %+v", tc.text, got, verr, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]uint64{
		"1600": 1600, "1600b": 1600, "32k": 32 << 10, "32kb": 32 << 10, "1.5Mb": 3 << 19, "2m": 2 << 20, "1g": 1 << 30, "1GB": 1 << 30,
		"256kbit": 32 << 10, "8mbit": 1 << 20, "1gbit": 1 << 27,
	} {
		if got, verr := parseSize(text); verr != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, verr, want)
		}
	}
	for _, text := range []string{"", "kb", "1kib", "1tb", "-1", "1e3", "32kb/s"} {
		if got, verr := parseSize(text); verr == nil {
			t.Errorf("%q: %d, want an error", text, got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "1d2h3m4s": 26*time.Hour + 3*time.Minute + 4*time.Second, "0s": 0,
	} {
		if got, ok := parseDuration(text); !ok || got != want {
			t.Errorf("%q: %s, %t; want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "1", "s", "1h1h", "1s1h", "1.5h", "-1h", "1w", "1h ", "01h", "99999999999d", "999999999999999999999s"} {
		if got, ok := parseDuration(text); ok {
			t.Errorf("%q: %s, want none", text, got)
		}
	}
	for _, d := range []time.Duration{time.Second, time.Minute, 90 * time.Minute, 365 * 24 * time.Hour} {
		if got, ok := parseDuration(durationText(d)); !ok || got != d {
			t.Errorf("%s is written %s, and read as %s", d, durationText(d), got)
		}
	}
}
