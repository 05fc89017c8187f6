package stmt

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vifd/internal/testhost"
)

func TestParseReadsWhatANftUserWouldWrite(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"mac", "ether saddr 00:16:3e:00:00:01 drop", "ether saddr[48@48] = 00163e000001; drop"},
		{"vendor", "ether saddr & ff:ff:ff:00:00:00 == 00:16:3e:00:00:00 accept", "ether saddr[48@48] & ffffff000000 = 00163e000000; accept"},
		{"multicast bit", "ether daddr & 01:00:00:00:00:00 != 0 drop", "ether daddr[48@0] & 010000000000 != 000000000000; drop"},
		{"mask of ARP's", "arp saddr ether & ff:ff:ff:00:00:00 { 00:16:3e:00:00:00, 52:54:00:00:00:00 } drop", "arp saddr ether[48@64] & ffffff000000 = {00163e000000 525400000000}; drop"},
		{"as nft lists a counter", "tcp dport 22 counter packets 12 bytes 3456 accept", "tcp dport[16@16] = 0016; counter; accept"},
		{"one of a counter's", "update @x { $interface counter bytes 0 }", "update add=false @x $interface 0s { counter }"},
		{"comment of a rule", "drop comment \"no mail # today\"", "drop; comment no mail # today"},
		{"comment without quotes", "reject with tcp reset comment no-mail", "reject with tcp reset; comment no-mail"},
		{"comment without verdict", "counter comment \"x\" # y", "counter; comment x"},
		{"family", "meta nfproto ipv6 meta nfproto != 3 drop", "meta nfproto[8@0] = 0a; meta nfproto[8@0] != 03; drop"},
		{"the guest's interface", "iifname $interface accept", "meta iifname[128@0] = $interface; accept"},
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
		{"raw number", "@th,8,8 $vrid accept", "@th,8,8[8@8] = $vrid; accept"},
		{"raw bits", "@nh,51,13 0 return", "@nh,51,13[13@51] = 0000; return"},
		{"include", "include no-mac-spoofing", "include no-mac-spoofing"},
		{"comment", "drop # and be done", "drop"},
		{"continue", "ip ttl 1 continue", "ip ttl[8@64] = 01; continue"},
		{"service", "tcp dport { ssh, http-https } accept", "tcp dport[16@16] = {0016 0050-01bb}; accept"},
		{"any flag", "tcp flags syn,ack drop", "tcp flags[8@104] any of 12; drop"},
		{"exact flags", "tcp flags == syn|ack drop", "tcp flags[8@104] = 12; drop"},
		{"flags of a mask", "tcp flags & (fin|syn) == syn drop", "tcp flags[8@104] & 03 = 02; drop"},
		{"flags of a mask, nft 1.0", "tcp flags != syn / fin,syn drop", "tcp flags[8@104] & 03 != 02; drop"},
		{"no flag", "tcp flags ! syn drop", "tcp flags[8@104] & 02 = 00; drop"},
		{"sets of flags", "tcp flags { syn, syn|ack } drop", "tcp flags[8@104] = {02 12}; drop"},
		{"states", "ct state established,related accept", "ct state[32@0] any of 00000006; accept"},
		{"state not", "ct state != invalid accept", "ct state[32@0] != 00000001; accept"},
		{"address mask", "ip saddr & 255.0.255.0 == 10.0.1.0 drop", "ip saddr[32@96] & ff00ff00 = 0a000100; drop"},
		{"mark", "mark & 0xff != 5 drop", "meta mark[32@0] & 000000ff != 00000005; drop"},
		{"set a mark", "mark set 7 accept", "meta mark := 00000007; accept"},
		{"set a priority", "meta priority set 1:20", "meta priority := 00010020"},
		{"concatenation", "ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 80-90 } drop", "ip saddr[32@96] . tcp dport[16@16] = {0a000001.0016 0a000002.0050-005a}; drop"},
		{"concatenation of one value", "meta l4proto . th dport udp . 53 accept", "meta l4proto[8@0] . th dport[16@16] = 11.0035; accept"},
		{"pairs", "ip saddr . tcp dport $pairs accept", "ip saddr[32@96] . tcp dport[16@16] = $pairs; accept"},
		{"interface", `iifname "eth0" accept`, "meta iifname[128@0] = " + ifnameHex("eth0") + "; accept"},
		{"interfaces", "meta oifname != eth* drop", "meta oifname[128@0] != " + ifnameHex("eth") + "-657468" + strings.Repeat("f", 26) + "; drop"},
		{"limit", "limit rate 10/second accept", "limit over=false 10/second; accept"},
		{"limit of bytes", "limit rate over 10 mbytes/minute burst 1 kbytes drop", "limit over=true 10 mbytes/minute burst 1 kbytes; drop"},
		{"limit by parameter", "limit rate over $rate drop", "limit over=true $rate; drop"},
		{"per guest", "update @syn { $interface limit rate over 10/second burst 50 packets } drop", "update add=false @syn $interface 0s { limit over=true 10/second burst 50 packets }; drop"},
		{"per guest and source", "update @in { $interface . ip saddr timeout 1m30s counter }", "update add=false @in $interface . ip saddr 1m30s { counter }"},
		{"connections", "add @conns { $interface ct count over $max } reject", "update add=true @conns $interface 0s { ct count over=true 0max }; reject"},
		{"log", `log prefix "a: b" level info`, `log prefix "a: b" level info`},
		{"log to a group", `log group 2 snaplen 64 prefix "x" drop`, `log prefix "x" group 2 snaplen 64; drop`},
		{"log flags", "log flags tcp sequence,options flags ether", "log flags tcp sequence flags tcp options flags ether"},
		{"reject", "reject", "reject"},
		{"reject with", "meta l4proto tcp reject with tcp reset", "meta l4proto[8@0] = 06; reject with tcp reset"},
		{"reject with code", "reject with icmp type host-unreachable", "reject with icmp host-unreachable"},
		{"fib", "fib saddr . iif oif missing drop", "fib saddr . iif oif[32@0] = 00000000; drop"},
		{"fib type", "fib daddr type { local, broadcast } accept", "fib daddr type[32@0] = {00000002 00000003}; accept"},
		{"extension header", "exthdr hbh exists drop", "exthdr hbh[8@0] = 01; drop"},
		{"vlan", "vlan id { 1-9, 11 } vlan pcp 3 drop", "vlan id[12@116] = {0001-0009 000b}; vlan pcp[3@112] = 03; drop"},
		{"include with", "include web with ports = { 80, 443 }, from = $nets, rate = \"5/second\"", `include web ports=["80" "443"] from=[]nets rate=["5/second"]`},
		{"condition", "if not $dhcp udp dport 67 drop", "if {Not:true Param:dhcp Value: Col:8 Len:5}; udp dport[16@16] = 0043; drop"},
		{"condition on a word", "if $mode == strict drop", "if {Not:false Param:mode Value:strict Col:4 Len:5}; drop"},
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
	if s.When != nil {
		parts = append(parts, fmt.Sprintf("if %+v", *s.When))
	}
	if s.Include != nil {
		in := "include " + s.Include.Template
		for _, a := range s.Include.With {
			in += fmt.Sprintf(" %s=%q%s", a.Name, a.Values, a.Param)
		}
		parts = append(parts, in)
	}
	for _, it := range s.Items {
		parts = append(parts, dumpItem(it))
	}
	switch {
	case s.Verdict == Rejected:
		parts = append(parts, s.Reject.String())
	case s.Verdict != None:
		parts = append(parts, s.Verdict.String())
	}
	if s.Comment != "" {
		parts = append(parts, "comment "+s.Comment)
	}
	return strings.Join(parts, "; ")
}

func dumpItem(it Item) string {
	switch it := it.(type) {
	case Match:
		names := make([]string, len(it.Fields))
		for i, f := range it.Fields {
			names[i] = fmt.Sprintf("%s[%d@%d]", f.Name, f.Bits, f.Offset)
		}
		text := strings.Join(names, " . ")
		if it.Mask != nil {
			text += fmt.Sprintf(" & %x", it.Mask)
		}
		return text + " " + map[Op]string{Eq: "=", Neq: "!=", Some: "any of"}[it.Op] + " " + dumpValue(it.Value)
	case Counter:
		return "counter"
	case Limit:
		if it.Param != "" {
			return fmt.Sprintf("limit over=%v $%s", it.Over, it.Param)
		}
		return fmt.Sprintf("limit over=%v %s", it.Over, it.Rate)
	case CtCount:
		return fmt.Sprintf("ct count over=%v %d%s", it.Over, it.Count, it.Param)
	case Log:
		return it.String()
	case Assign:
		return it.Field.Name + " := " + dumpValue(it.Value)
	case Update:
		return fmt.Sprintf("update add=%v @%s %s %s { %s }", it.Add, it.Set, fieldNames(it.Key), it.Timeout, dumpItem(it.Each))
	}
	return fmt.Sprintf("%T", it)
}

func dumpValue(v Value) string {
	if v.Param != "" {
		return "$" + v.Param
	}
	tuples := make([]string, len(v.Tuples))
	for i, t := range v.Tuples {
		elems := make([]string, len(t))
		for j, e := range t {
			elems[j] = fmt.Sprintf("%x", e.Lo)
			if !e.Single() {
				elems[j] += fmt.Sprintf("-%x", e.Hi)
			}
		}
		tuples[i] = strings.Join(elems, ".")
	}
	if v.Set {
		return "{" + strings.Join(tuples, " ") + "}"
	}
	return tuples[0]
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
		{"ip saddr . tcp dport $ip drop", "                     ^~~", "a concatenation"},
		{"ip saddr . tcp dport { 10.0.0.1 } drop", "                                ^", "expected . and a value of tcp dport"},
		{"ip saddr . ct state { 10.0.0.1 . new } drop", "           ^~", "cannot stand in a concatenation"},
		{"ct state . ip saddr { new . 10.0.0.1 } drop", "         ^", "cannot stand in a concatenation"},
		{"ct sate new accept", "   ^~~~", `did you mean "ct state"?`},
		{"ct state estblished accept", "         ^~~~~~~~~~", `did you mean "established"?`},
		{"tcp flags & (syn|ack == syn drop", "                     ^~", "expected )"},
		{"tcp flags & syn == ack drop", "                   ^~~", "never holds"},
		{"ether saddr & ff:ff:ff:00:00:00 == 00:16:3e:00:00:01 drop", "                                   ^~~~~~~~~~~~~~~~~", "never holds"},
		{"ether saddr & ff:ff:ff:00:00:00 == $mac drop", "                                   ^~~~", "a mask before $mac"},
		{"ip saddr & 255.255.0.0 $ip drop", "                       ^~~", "a mask before $ip"},
		{"iifname & eth0 == eth0 drop", "        ^", "takes no mask"},
		{"tcp dport 22 counter packets many drop", "                             ^~~~", "packets needs a number"},
		{"counter packets 1 packets 2 drop", "                  ^~~~~~~", "unknown word"},
		{"tcp dport 22 accept comment", "                           ^", "comment needs a text"},
		{"accept comment drop", "               ^~~~", "in quotes"},
		{"accept comment 12", "               ^~", "in quotes"},
		{"tcp dport 22 comment \"x\" accept", "                         ^~~~~~", "a comment ends the statement"},
		{"drop comment \"x\" comment \"y\"", "                 ^~~~~~~", "a comment ends the statement"},
		{"ip ttl 1 comment \"x\"", "                    ^", "does nothing"},
		{"drop comment \"" + strings.Repeat("x", 129) + "\"", "             ^" + strings.Repeat("~", 130), "at most 128"},
		{"meta nfproto ipv4 ip6 saddr ::1 drop", "                  ^~~~~~~~~", "asks for ip already"},
		{"meta nfproto ipv4-ipv6 drop", "             ^~~~~~~~~", "is not ipv4 or ipv6"},
		{"meta length > 100 drop", "            ^", "write a range"},
		{"limit 10/second drop", "      ^~~~~~~~~", "needs the word rate"},
		{"limit rate 10/fortnight drop", "           ^~~~~~~~~~~~", "not per"},
		{"limit rate 0/second drop", "           ^~~~~~~~", "is not a rate"},
		{"limit rate 5/second burst 3 mbytes drop", "                            ^~~~~~", "in packets"},
		{"limit rate 5/second", "                   ^", "does nothing"},
		{"update @syn { limit rate 5/second } drop", "              ^~~~~", "unknown word"},
		{"update syn { $interface counter } drop", "       ^~~", "name of a set"},
		{"update @syn { $interface drop } drop", "                         ^~~~", "unknown word"},
		{"update @c { $interface ct count 5 } drop", "^~~~~~", "counted by add"},
		{"log level loud drop", "          ^~~~", "unknown log level"},
		{"log group 2 level info", "^~~", "neither level nor flags"},
		{"log prefix \"x", "           ^~", "quotes are not closed"},
		{"reject with icmp port-unreachabel", "                 ^~~~~~~~~~~~~~~~", `did you mean "port-unreachable"?`},
		{"fib saddr . iif oif 3 drop", "                    ^", "is not exists or missing"},
		{"fib saddr . oif oif missing drop", "                ^~~", "interface it leads to"},
		{"fib sadr oif missing drop", "    ^~~~", "saddr or daddr"},
		{"ip saddr set 10.0.0.1", "         ^~~", "cannot be set"},
		{"iifname { eth*, lo } drop", "          ^~~~", "a pattern in a set"},
		{"iifname averyverylongname drop", "        ^~~~~~~~~~~~~~~~~", "at most 15 bytes"},
		{"iifname { $interface } drop", "          ^~~~~~~~~~", "inside a set"},
		{"fib saddr oifname $interface drop", "                  ^~~~~~~~~~", "behind iifname of what comes from the guest"},
		{"ibrname $interface drop", "^~~~~~~", "unknown word"},
		{"meta ibrname $interface drop", "             ^~~~~~~~~~", "is not compared with the guest's interface"},
		{"if dhcp drop", "   ^~~~", "if asks for a parameter"},
		{"if $dhcp", "        ^", "a statement must follow"},
		{"include web with ports 80", "                       ^~", "expected = and a value"},
		{"icmpv6 type nd-router-advret drop", "            ^~~~~~~~~~~~~~~~", `did you mean "nd-router-advert"?`},
		{"ip saddr $mac drop", "         ^~~~", "$mac has the type mac"},
		{"ip ttl $ip drop", "       ^~~", "compared with the type number"},
		{"drop drop", "     ^~~~", "after the verdict"},
		{"ip ttl 1", "        ^", "does nothing"},
		{"include", "       ^", "needs a template's name"},
		{"include a b", "          ^", "an include stands alone"},
		{"ip saddr 10.0.0.1; drop", "                 ^", "unexpected ';'"},
		{"ip saddr “10.0.0.1” drop", "         ^~~", "unexpected '“'"},
		{"@xx,0,8 1 drop", "^~~~~~~", "no base of a raw payload"},
		{"@th,2048,8 1 drop", "^~~~~~~~~~", "below 2048"},
		{"@th,4,128 1 drop", "^~~~~~~~~", "at most 16 bytes"},
		{"@th,4,32 $ip drop", "         ^~~", "takes no parameter"},
		{"ip saddr . @th,0,8 $pairs drop", "           ^~~~~~~", "@th,0,8 cannot stand in a concatenation"},
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
		"drop": true, "counter drop": true, "log drop": true, "reject": true, "limit rate 5/second drop": false, "if $x drop": false, "return": true, "continue": false, "counter": false,
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
		"tcp flags & (syn|ack) == syn drop", "update @x { $interface . ip saddr timeout 5s limit rate over 1 mbytes/second burst 5 kbytes } log prefix \"x\" drop",
		"ct state established,related accept", "fib saddr . iif oif missing reject with icmpx no-route", "include x with a = { 1, \"2\" }, b = $c", "if $x == y drop",
		"ip saddr . tcp dport { 10.0.0.0/8 . 1-2, } meta mark set 0x7 accept", "log group 1 queue-threshold 5", "iifname \"eth*\" drop",
		"@th,64,128 $ip6 return", "frag frag-off != 0 return # why", "ether saddr & 1:0:0:0:0:0 != 0 counter packets 5 bytes 9 accept comment \"a, b\"", "meta nfproto ipv4 iifname $interface drop comment x", "nd sll $mac", "{ } , == !=", "ip saddr 1-2-3", "if$x drop",
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
		if s.When != nil && again.When != nil { // the text has spaces that were not there
			again.When.Col, again.When.Len = s.When.Col, s.When.Len
		}
		if dump(&again) != dump(&s) {
			t.Fatalf("Parse(%q)\n is %s\nread back %s", in, dump(&s), dump(&again))
		}
	})
}

func ifnameHex(name string) string {
	return fmt.Sprintf("%x%s", name, strings.Repeat("00", 16-len(name)))
}

// TestBindNamesWhatOverlaps: values of the other family are passed over, and not taken for those that are meant.
func TestBindNamesWhatOverlaps(t *testing.T) {
	m := Match{Fields: []*Field{fields()["ip saddr"]}}
	_, err := m.Bind([]Type{TypePrefix}, []string{"2001:db8::/32", "10.0.0.0/8", "fd00::/8", "10.1.2.3"})
	if err == nil || err.Error() != "10.0.0.0/8 and 10.1.2.3 overlap" {
		t.Errorf("Bind() = %v", err)
	}
}

// TestLongSets: a set as long as a rules file can hold is checked for overlaps without comparing each element with all others.
func TestLongSets(t *testing.T) {
	const elements, times = 100_000, 8
	set := func(n int) string {
		var b strings.Builder
		b.WriteString("ip saddr { ")
		for i := range n {
			fmt.Fprintf(&b, "10.%d.%d.%d, ", i>>16, i>>8&255, i&255)
		}
		return b.String()
	}
	small, large := set(elements/times), set(elements)
	testhost.Growth(t, times, 3, func(larger bool) {
		text := small
		if larger {
			text = large
		}
		if _, err := Parse(text + "} drop"); err != nil {
			t.Fatal(err)
		}
		_, err := Parse(text + "10.0.0.0/8 } drop")
		if err == nil || !strings.Contains(err.Error(), "10.0.0.0/8 is in the set already, in 10.0.0.0") {
			t.Errorf("Parse() = %v", err)
		}
	})
}
