package xen

import (
	"reflect"
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{ // as xl stores 10Mb/s, 1MB/s@20ms and 1GB/s
		"62500,50000":    {62500, 50 * time.Millisecond},
		"20000,20000":    {20000, 20 * time.Millisecond},
		"50000000,50000": {50000000, 50 * time.Millisecond},
	} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %v, %v", text, got, err)
		}
	}
	if r := (Rate{62500, 50 * time.Millisecond}); r.BitsPerSecond() != 10_000_000 {
		t.Errorf("%v is %d bit/s", r, r.BitsPerSecond())
	}
	for _, text := range []string{"", "62500", ",", "0,50000", "1,0", "-1,5", "1, 5", "99999999999999999999,1", "1,99999999999"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("ParseRate(%q) = %v", text, got)
		}
	}
}

func TestParseVLAN(t *testing.T) {
	for text, want := range map[string]VLAN{
		"10":             {Untagged: 10},
		"10p":            {Untagged: 10},
		"20u":            {Untagged: 20},
		"10p/20/100-110": {Untagged: 10, Tagged: [][2]uint16{{20, 20}, {100, 110}}},
		"5/100+10x4":     {Tagged: [][2]uint16{{5, 5}, {100, 100}, {110, 110}, {120, 120}, {130, 130}, {140, 140}}},
		"4094p/1-4093":   {Untagged: 4094, Tagged: [][2]uint16{{1, 4093}}},
		"10p/10u/11":     {Untagged: 10, Tagged: [][2]uint16{{11, 11}}},
	} {
		if got, err := ParseVLAN(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseVLAN(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "0", "4095", "10p/20p", "10/", "/10", "a", "10pp", "10pu", "100-90", "100-110p", "100+10", "100+10x0", "4000+10x40", "1+1x99999", "+5", "-5", "10 p", "1.5", "10p/20u",
	} {
		if got, err := ParseVLAN(text); err == nil {
			t.Errorf("ParseVLAN(%q) = %+v", text, got)
		}
	}
}
