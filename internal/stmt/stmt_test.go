package stmt

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseReadsWhatANftUserWouldWrite(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"mac", "ether saddr 00:16:3e:00:00:01 drop", "ether saddr[48@48] = 00163e000001; drop"},
		{"not", "ether saddr != $mac drop", "ether saddr[48@48] != $mac; drop"},
		{"explicit equals", "ip saddr == 10.0.0.1 accept", "ip saddr[32@96] = 0a000001; accept"},
		{"set of symbols", "arp operation { request, reply } accept", "arp operation[16@48] = {0001 0002}; accept"},
		{"trailing comma", "udp dport { 67, } drop", "udp dport[16@16] = {0043}; drop"},
		{"set of ranges", "udp dport { 67, 100-200 } drop", "udp dport[16@16] = {0043 0064-00c8}; drop"},
		{"tight set", "udp dport {67,68} drop", "udp dport[16@16] = {0043 0044}; drop"},
		{"prefix", "ip saddr 10.0.0.0/8 drop", "ip saddr[32@96] = 0a000000-0affffff; drop"},
		{"v6 prefix", "ip6 daddr ff02::/16 return", "ip6 daddr[128@192] = ff02" + strings.Repeat("0", 28) + "-ff02" + strings.Repeat("f", 28) + "; return"},
		{"range of addresses", "ip saddr 10.0.0.1-10.0.0.9 drop", "ip saddr[32@96] = 0a000001-0a000009; drop"},
		{"name with dashes", "icmpv6 type nd-router-advert drop", "icmpv6 type[8@0] = 86; drop"},
		{"range of names with dashes", "icmpv6 type nd-router-solicit-nd-redirect drop", "icmpv6 type[8@0] = 85-89; drop"},
		{"number in hex", "ether type 0x8035 accept", "ether type[16@96] = 8035; accept"},
		{"counter", "ip saddr $ip counter accept", "ip saddr[32@96] = $ip; counter; accept"},
		{"counter alone", "counter", "counter"},
		{"two matches", "udp sport 68 udp dport 67 return", "udp sport[16@0] = 0044; udp dport[16@16] = 0043; return"},
		{"bit field", "frag frag-off != 0 return", "frag frag-off[13@16] != 0000; return"},
		{"nd", "nd target $ip6 return", "nd target[128@64] = $ip6; return"},
		{"raw", "@th,64,128 $ip6 return", "@th,64,128[128@64] = $ip6; return"},
		{"raw bits", "@nh,51,13 0 return", "@nh,51,13[13@51] = 0000; return"},
		{"include", "include no-mac-spoofing", "include no-mac-spoofing"},
		{"comment", "drop # and be done", "drop"},
		{"continue", "ip ttl 1 continue", "ip ttl[8@64] = 01; continue"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Parse(tt.in)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.in, err)
			}
			if got := dump(&s); got != tt.want {
				t.Errorf("Parse(%q)\n got %s\nwant %s", tt.in, got, tt.want)
			}
		})
	}
}

func dump(s *Stmt) string {
	var parts []string
	if s.Include != nil {
		parts = append(parts, "include "+s.Include.Template)
	}
	for _, it := range s.Items {
		m, ok := it.(Match)
		if !ok {
			parts = append(parts, "counter")
			continue
		}
		op := "="
		if m.Negate {
			op = "!="
		}
		parts = append(parts, fmt.Sprintf("%s[%d@%d] %s %s", m.Field.Name, m.Field.Bits, m.Field.Offset, op, dumpValue(m.Value)))
	}
	if s.Verdict != None {
		parts = append(parts, s.Verdict.String())
	}
	return strings.Join(parts, "; ")
}

func dumpValue(v Value) string {
	if v.Param != "" {
		return "$" + v.Param
	}
	elems := make([]string, len(v.Elems))
	for i, e := range v.Elems {
		elems[i] = fmt.Sprintf("%x", e.Lo)
		if !e.Single() {
			elems[i] += fmt.Sprintf("-%x", e.Hi)
		}
	}
	if v.Set {
		return "{" + strings.Join(elems, " ") + "}"
	}
	return elems[0]
}

// TestErrorsPointAtTheWord marks the wrong word with ^ under the statement, as `vifd check` does.
func TestErrorsPointAtTheWord(t *testing.T) {
	for _, tt := range []struct {
		in, mark, want string
	}{
		{"", "^", "empty statement"},
		{"ehter saddr $mac drop", "^~~~~", `did you mean "ether"?`},
		{"ether sadr $mac drop", "      ^~~~", `did you mean "ether saddr"?`},
		{"ether saddr drop", "            ^~~~", "ether saddr needs a value before \"drop\""},
		{"ether saddr", "           ^", "ether saddr needs a value"},
		{"arp saddr $ip drop", "    ^~~~~", `has no field "saddr"`},
		{"ether saddr 00:16:3e drop", "            ^~~~~~~~", "is not a MAC address"},
		{"ip saddr 2001:db8::1 drop", "         ^~~~~~~~~~~", "for IPv6 write ip6 saddr"},
		{"ip6 saddr 10.0.0.1 drop", "          ^~~~~~~~", "for IPv4 write ip saddr"},
		{"ip saddr 10.0.0.1/8 drop", "         ^~~~~~~~~~", "the network is 10.0.0.0/8"},
		{"udp dport 65536 drop", "          ^~~~~", "at most 65535"},
		{"udp dport 0100 drop", "          ^~~~", "is not a port number"},
		{"udp dport 200-100 drop", "          ^~~~~~~", "runs backwards"},
		{"udp dport { drop", "            ^~~~", "needs a value"},
		{"udp dport { 1", "             ^", "expected , or }"},
		{"udp dport {", "          ^", "the set is not closed"},
		{"udp dport { } drop", "            ^", "the set is empty"},
		{"udp dport { 1-9, 5 } drop", "                 ^", "5 is in the set already, in 1-9"},
		{"udp dport { 5, $p } drop", "               ^~", "inside a set"},
		{"icmpv6 type nd-router-advret drop", "            ^~~~~~~~~~~~~~~~", `did you mean "nd-router-advert"?`},
		{"ip saddr $mac drop", "         ^~~~", "$mac has the type mac"},
		{"ip ttl $ip drop", "       ^~~", "takes no parameter"},
		{"drop drop", "     ^~~~", "after the verdict"},
		{"ip ttl 1", "        ^", "does nothing"},
		{"include", "       ^", "needs a template's name"},
		{"include a b", "          ^", "an include stands alone"},
		{"ct state established accept", "^~", "not supported yet"},
		{"reject", "^~~~~~", "not supported yet"},
		{"ip saddr 10.0.0.1; drop", "                 ^", "unexpected ';'"},
		{"ip saddr “10.0.0.1” drop", "         ^~~", "unexpected '“'"},
		{"@xx,0,8 1 drop", "^~~~~~~", "no base of a raw payload"},
		{"@th,2048,8 1 drop", "^~~~~~~~~~", "below 2048"},
		{"@th,4,128 1 drop", "^~~~~~~~~", "at most 16 bytes"},
		{"@th,4,32 $ip drop", "         ^~~", "takes no parameter"},
		{"@th,0,256 1 drop", "^~~~~~~~~", "at most 16 bytes"},
	} {
		t.Run(tt.in, func(t *testing.T) {
			_, err := Parse(tt.in)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("Parse(%q) = %v, want an *Error", tt.in, err)
			}
			if mark := strings.Repeat(" ", e.Col-1) + "^" + strings.Repeat("~", max(0, e.Len-1)); mark != tt.mark {
				t.Errorf("mark of %q (%v)\n got %q\nwant %q", tt.in, e, mark, tt.mark)
			}
			if !strings.Contains(e.Error(), tt.want) {
				t.Errorf("Parse(%q) says %q, want it to say %q", tt.in, e, tt.want)
			}
		})
	}
}

func TestTerminal(t *testing.T) {
	for in, want := range map[string]bool{
		"drop": true, "counter drop": true, "return": true, "continue": false, "counter": false,
		"ip ttl 1 drop": false, "include x": false,
	} {
		s, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Terminal(); got != want {
			t.Errorf("Terminal(%q) = %v, want %v", in, got, want)
		}
	}
}

// FuzzParse holds Parse to its word: no panic, an error that points into the line, and a text that reads back as itself.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"ether saddr != $mac drop", "udp dport { 67, 100-200 } counter drop", "ip6 daddr ff02::/16 return", "include x",
		"@th,64,128 $ip6 return", "frag frag-off != 0 return # why", "nd sll $mac", "{ } , == !=", "ip saddr 1-2-3",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := Parse(in)
		var e *Error
		if errors.As(err, &e) {
			if e.Col < 1 || e.Col > len(in)+1 || e.Len < 0 || e.Msg == "" {
				t.Fatalf("Parse(%q): error %+v points outside the line", in, e)
			}
			return
		}
		if err != nil {
			t.Fatalf("Parse(%q): %T is not an *Error", in, err)
		}
		again, err := Parse(s.Text)
		if err != nil {
			t.Fatalf("Parse(%q) is %q, which does not read back: %v", in, s.Text, err)
		}
		if dump(&again) != dump(&s) {
			t.Fatalf("Parse(%q)\n is %s\nread back %s", in, dump(&s), dump(&again))
		}
	})
}
