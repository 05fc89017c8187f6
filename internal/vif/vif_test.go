package vif

import (
	"slices"
	"strings"
	"testing"
)

func TestParseXenName(t *testing.T) {
	for name, want := range map[string]XenName{
		"vif3.1":      {Domid: 3, Vifid: 1},
		"vif0.0":      {},
		"vif12.0-emu": {Domid: 12, Emulated: true},
		"vif32751.9":  {Domid: 32751, Vifid: 9},
	} {
		if got, ok := ParseXenName(name); !ok || got != want {
			t.Errorf("ParseXenName(%q) = %+v, %v; want %+v", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "vif", "vif3", "vif3.", "vif.1", "vif03.1", "vif3.01", "vif-3.1", "vif3.1.0", "vif32752.0", "tap3.1", "vif3.1-em", "vif+3.1", "vif3.99999999999999999999"} {
		if got, ok := ParseXenName(name); ok {
			t.Errorf("ParseXenName(%q) = %+v, want none", name, got)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"eth0", "vif3.1", "vif12.0-emu", "a", strings.Repeat("x", 15), "-", "ä"} {
		if err := CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", strings.Repeat("x", 16), "a/b", "a b", "a:b", "a\tb", "a\nb"} {
		if err := CheckName(name); err == nil {
			t.Errorf("CheckName(%q) = nil", name)
		}
	}
}

func TestCompareNames(t *testing.T) {
	want := []string{"", "eth0", "vif1.0", "vif1.1", "vif2.0", "vif2.0-emu", "vif10.0", "vif010.1", "vifa"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, CompareNames)
	if !slices.Equal(got, want) {
		t.Errorf("sorted: %q, want %q", got, want)
	}
}

// counting is a source that counts how often it is asked.
type counting struct {
	values map[string][]string
	asked  map[string]int
}

func (c counting) Values(key string) []string {
	c.asked[key]++
	return c.values[key]
}

func TestFactsAskOnceAndInOrder(t *testing.T) {
	first := counting{map[string][]string{"mac": {"a"}}, map[string]int{}}
	second := counting{map[string][]string{"mac": {"b"}, "ip": {"1", "2"}}, map[string]int{}}
	f := NewFacts(first, second)
	for range 2 {
		if v, ok := f.Value("mac"); !ok || v != "a" {
			t.Errorf("mac is %q, %v; want the first source's", v, ok)
		}
		if v := f.Values("ip"); !slices.Equal(v, []string{"1", "2"}) {
			t.Errorf("ip is %q", v)
		}
		if v, ok := f.Value("uuid"); ok {
			t.Errorf("uuid is %q, want unknown", v)
		}
	}
	if second.asked["mac"] != 0 || first.asked["ip"] != 1 || second.asked["ip"] != 1 || second.asked["uuid"] != 1 {
		t.Errorf("asked: first %v, second %v", first.asked, second.asked)
	}
}
