package firewall_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/stmt"
	"vifd/internal/testhost"
)

// statements parses lines of a template.
func statements(t *testing.T, lines ...string) []firewall.Statement {
	t.Helper()
	var list []firewall.Statement
	for _, line := range lines {
		s, err := stmt.Parse(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, firewall.Statement{Stmt: s, Where: "t.yaml:1:1"})
	}
	return list
}

// templates makes templates of one direction from name, statement, statement …
func templates(t *testing.T, list ...[]string) map[string]firewall.Template {
	t.Helper()
	out := make(map[string]firewall.Template)
	for _, l := range list {
		out[l[0]] = firewall.Template{Name: l[0], FromGuest: statements(t, l[1:]...)}
	}
	return out
}

func TestCompileSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	port := map[string]firewall.Param{"port": {Types: []stmt.Type{stmt.TypePort}}}
	needy := firewall.Template{Name: "needy", Params: port, FromGuest: statements(t, "tcp dport $port accept")}
	for name, tt := range map[string]struct {
		templates map[string]firewall.Template
		with      map[string][]string
		want      string
	}{
		"includes itself": {templates(t, []string{"t", "include t"}), nil, "template t includes itself: t → t"},
		"cycle":           {templates(t, []string{"t", "include u"}, []string{"u", "include v"}, []string{"v", "include u"}), nil, "template u includes itself: t → u → v → u"},
		"unknown include": {templates(t, []string{"t", "include nosuch"}), nil, `unknown template "nosuch"`},
		"unbound":         {map[string]firewall.Template{"t": needy}, nil, `parameter "port" has neither a value nor a default`},
		"no values":       {map[string]firewall.Template{"t": needy}, map[string][]string{"port": {}}, `parameter "port" has neither a value nor a default`},
		"bad value":       {map[string]firewall.Template{"t": needy}, map[string][]string{"port": {"22", "x"}}, `parameter "port": "x" is not a port number`},
		"undeclared":      {templates(t, []string{"t", "tcp dport $port accept"}), nil, "t.yaml:1:1: template t: tcp dport $port accept: unknown parameter $port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := firewall.Compile(firewall.Config{Templates: tt.templates, Lists: bridged([]firewall.Ref{{Template: "t", With: tt.with}})})
			if err == nil || p != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Compile() = %v, want it to say %q", err, tt.want)
			}
		})
	}

	// What no list reaches is not compiled, and of what one reaches all errors come at once.
	broken := templates(t, []string{"good", "drop"}, []string{"bad", "tcp dport $a drop", "udp dport $b drop"})
	if _, err := firewall.Compile(firewall.Config{Templates: broken, Lists: bridged([]firewall.Ref{{Template: "good"}})}); err != nil {
		t.Errorf("Compile() of good templates alone = %v", err)
	}
	_, err := firewall.Compile(firewall.Config{Templates: broken, Lists: bridged([]firewall.Ref{{Template: "bad"}}, []firewall.Ref{{Template: "nosuch"}})})
	for _, want := range []string{"$a", "$b", "nosuch"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Compile() = %v, want it to name %s too", err, want)
		}
	}
}

// TestArgumentsMakeChainsOfTheirOwn: one template used with different arguments is one chain each, under a name that nft
// takes and that stays the same from one compilation to the next.
func TestArgumentsMakeChainsOfTheirOwn(t *testing.T) {
	t.Parallel()
	params := map[string]firewall.Param{"port": {Types: []stmt.Type{stmt.TypePort}}, "from": {Types: []stmt.Type{stmt.TypeIP}, Default: []string{"10.0.0.0/8", "192.0.2.1"}}}
	in := firewall.Template{Name: "allow-in", Params: params, ToGuest: statements(t, "ip saddr $from tcp dport $port accept")}
	use := func(port ...string) firewall.Ref {
		return firewall.Ref{Template: "allow-in", With: map[string][]string{"port": port}}
	}
	cfg := firewall.Config{
		Templates: map[string]firewall.Template{"allow-in": in},
		Lists:     bridged([]firewall.Ref{use("22")}, []firewall.Ref{use("80", "8000-8080")}, []firewall.Ref{use("22"), use("80", "8000-8080")}),
	}
	p := compile(t, cfg)
	text := p.String()
	for _, want := range []string{
		"ip saddr { 10.0.0.0/8, 192.0.2.1 } tcp dport 22 accept",
		"ip saddr { 10.0.0.0/8, 192.0.2.1 } tcp dport { 80, 8000-8080 } accept",
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("the program holds %q %d times, want once:\n%s", want, strings.Count(text, want), text)
		}
	}
	if again := compile(t, cfg).String(); again != text {
		t.Errorf("compiled twice:\n%s\n%s", text, again)
	}
	names := regexp.MustCompile(`(?m)^chain to/allow-in/[0-9a-f]{16} \{$`).FindAllString(text, -1)
	if len(names) != 2 || names[0] == names[1] || !strings.Contains(text, "chain to/allow-in/") {
		t.Errorf("the chains of the two uses are %q", names)
	}
	for _, list := range cfg.Lists {
		if _, err := p.Profile(list); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.Profile(firewall.List{Refs: []firewall.Ref{use("23")}}); err == nil {
		t.Error("Profile() of arguments that were not compiled = nil")
	}
	// nft takes the names as they are, and lists what it loaded and what vifd installed alike.
	ours, theirs := testhost.New(t), testhost.New(t)
	install(t, open(t, ours), p)
	loadText(t, theirs, p.String())
	if a, b := sortSets(table(t, ours)), sortSets(table(t, theirs)); a != b {
		t.Errorf("vifd's:\n%s\nnft's:\n%s", a, b)
	}
}

// TestArgumentsAreToldApart: values of one parameter cannot pass for those of two, nor one value for several.
func TestArgumentsAreToldApart(t *testing.T) {
	t.Parallel()
	rate := firewall.Param{Types: []stmt.Type{stmt.TypeRate}, Default: []string{"1/second"}}
	word := firewall.Param{Types: []stmt.Type{stmt.TypeEnum}, Default: []string{"no"}}
	all := map[string]firewall.Template{"t": {
		Name: "t", Params: map[string]firewall.Param{"a": rate, "b": rate, "c": word},
		FromGuest: statements(t, "limit rate over $a drop", "limit rate over $b drop", "if $c == x counter", "if $c == y counter"),
	}}
	var lists []firewall.List
	for _, with := range []map[string][]string{
		{"a": {"10/second # b=20/second"}},
		{"a": {"10/second #"}, "b": {"20/second"}},
		{"c": {"x", "y"}},
		{"c": {"x,y"}},
		{"c": {`x" "y`}},
	} {
		lists = append(lists, bridged([]firewall.Ref{{Template: "t", With: with}})...)
	}
	text := compile(t, firewall.Config{Templates: all, Lists: lists}).String()
	if n := strings.Count(text, "chain from/t/"); n != len(lists) {
		t.Errorf("%d uses with different arguments have %d chains:\n%s", len(lists), n, text)
	}
}

// loadText gives nft the program as its text.
func loadText(t *testing.T, h *testhost.Host, program string) {
	t.Helper()
	for _, text := range scripts(program, 100) {
		script := h.Command("nft", "-f", "-")
		script.Stdin = strings.NewReader(text)
		if out, err := script.CombinedOutput(); err != nil {
			t.Fatalf("nft does not take\n%s: %v\n%s", text, err, out)
		}
	}
}

// scripts cuts a program's text into scripts of some n sets or chains each, since an ordinary user's socket takes no more at once. Each
// table's first scripts declare all of its sets and chains, which rules lead to.
func scripts(program string, n int) []string {
	var all []string
	for _, table := range strings.SplitAfter(program, "\n}\n}\n") {
		head, body, ok := strings.Cut(table, "\n")
		if !ok {
			continue
		}
		var declared, chains []string
		for _, block := range strings.SplitAfter(strings.TrimSuffix(body, "}\n"), "\n}\n") {
			name, rest, _ := strings.Cut(block, "\n")
			if !strings.HasPrefix(name, "chain ") {
				declared = append(declared, block)
				continue
			}
			hook := ""
			if line, _, _ := strings.Cut(rest, "\n"); strings.HasPrefix(line, "\ttype ") {
				hook = line + "\n"
			}
			declared = append(declared, name+"\n"+hook+"}\n")
			rules := slices.Collect(strings.Lines(strings.TrimSuffix(strings.TrimPrefix(rest, hook), "}\n")))
			for part := range slices.Chunk(rules, n) { // a base chain has one for each template
				chains = append(chains, name+"\n"+hook+strings.Join(part, "")+"}\n")
			}
		}
		all = append(append(all, together(head, declared, n)...), together(head, chains, n)...)
	}
	return all
}

// together makes scripts of a table's blocks. A script is complete when it has more than 3n lines; a chain of one rule has three.
func together(head string, blocks []string, n int) []string {
	var all []string
	var part strings.Builder
	for i, block := range blocks {
		part.WriteString(block)
		if strings.Count(part.String(), "\n") > 3*n || i == len(blocks)-1 {
			all = append(all, head+"\n"+part.String()+"}\n")
			part.Reset()
		}
	}
	return all
}

func table(t *testing.T, h *testhost.Host) string {
	t.Helper()
	return uncounted(h.Run(t, "nft", "list", "table", "bridge", "vifd"))
}

// TestWhoNeedsAMAC: a template does that compares with the guest's MAC, or with the address made of it, wherever it stands.
func TestWhoNeedsAMAC(t *testing.T) {
	t.Parallel()
	all := templates(t,
		[]string{"by-mac", "ether saddr != $mac drop"}, []string{"by-ip6", "ip6 saddr $ip6 accept"}, []string{"by-ip", "ip saddr $ip accept"},
		[]string{"plain", "drop"}, []string{"nested", "include by-mac", "drop"}, []string{"nothing", "counter"})
	all["other-way"] = firewall.Template{Name: "other-way", ToGuest: statements(t, "ether daddr != $mac drop")}
	for list, want := range map[string]bool{
		"by-mac": true, "by-ip6": true, "by-ip": false, "plain": false, "nested": true, "other-way": true, "plain by-mac": true, "plain by-ip": false,
	} {
		var refs []firewall.Ref
		for name := range strings.FieldsSeq(list) {
			refs = append(refs, firewall.Ref{Template: name})
		}
		profile, err := compile(t, firewall.Config{Templates: all, Lists: bridged(refs)}).Profile(firewall.List{Refs: refs})
		if err != nil || profile.NeedsMAC != want {
			t.Errorf("%s: NeedsMAC is %v, %v; want %v", list, profile.NeedsMAC, err, want)
		}
	}
}

// TestSharedChains checks that what includes share is one chain, that a direction without statements makes none, and
// that an open guest is no profile's business.
func TestSharedChains(t *testing.T) {
	t.Parallel()
	all := templates(t, []string{"a", "include c", "drop"}, []string{"b", "include c", "accept"}, []string{"c", "counter"}, []string{"empty"}, []string{"hollow", "include empty"})
	one, two := []firewall.Ref{{Template: "a"}}, []firewall.Ref{{Template: "a"}, {Template: "b"}}
	hollow := []firewall.Ref{{Template: "hollow"}}
	p := compile(t, firewall.Config{Templates: all, Lists: bridged(one, two, hollow)})
	want := `chain prerouting {
	type filter hook prerouting priority filter + 10; policy accept;
	iifname @from/a goto from/a
	iifname @from/a.b goto from/a.b
	iifname vmap @from-guest
}
chain input {
	type filter hook input priority filter; policy accept;
	ether daddr 01:80:c2:00:00:00-01:80:c2:00:00:0f iifname @from/a goto from/a
	ether daddr 01:80:c2:00:00:00-01:80:c2:00:00:0f iifname @from/a.b goto from/a.b
	ether daddr 01:80:c2:00:00:00-01:80:c2:00:00:0f iifname vmap @from-guest
}
chain postrouting {
	type filter hook postrouting priority srcnat; policy accept;
	oifname vmap @to-guest
}
chain from/a {
	jump from/c
	drop
}
chain from/a.b {
	jump from/a
	jump from/b
}
chain from/b {
	jump from/c
	accept
}
chain from/c {
	counter
}
`
	_, chains, _ := strings.Cut(p.String(), "set from/a.b {\n\ttype ifname\n\tcounter\n}\n")
	if chains != want+"}\n" || p.Rules() != 14 {
		t.Errorf("the program has %d rules:\n%swant 14:\n%s", p.Rules(), p, want)
	}
	for name, tt := range map[string]struct {
		refs []firewall.Ref
		from string // the verdict about frames from the guest
		by   string // the chain that judges them
	}{
		"none": {nil, "accept", ""}, "hollow": {hollow, "accept", ""}, "one": {one, "drop", "from/a"}, "two": {two, "drop", "from/a.b"},
	} {
		profile, err := p.Profile(firewall.List{Refs: tt.refs})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{`add element bridge vifd from-guest { "x" : ` + tt.from + ` }`}
		if tt.by != "" {
			want = append(want, `add element bridge vifd `+tt.by+` { "x" }`)
		}
		want = append(want, `add element bridge vifd to-guest { "x" : accept }`)
		if got := (&firewall.Guest{Interface: "x", Profile: profile}).Plan(); !slices.Equal(got, want) {
			t.Errorf("%s: Plan() = %q, want %q", name, got, want)
		}
	}
}

// TestSetsAreKeptAsWritten: nft joins what adjoins in a set, and takes a set of one value for the value. Vifd does neither,
// and nft lists it as it is.
func TestSetsAreKeptAsWritten(t *testing.T) {
	t.Parallel()
	lines := []string{
		"ip saddr { 0.0.0.0/0 } accept", "ip6 saddr { ::/0 } accept", "ip saddr { 0.0.0.0/1, 128.0.0.0/1 } accept", "meta l4proto { tcp } drop",
		"udp sport { 1-5, 6-9 } drop", "udp sport { 1-5, 6, 7-9 } drop", "udp sport { 0-65535 } drop", "ip saddr { 192.0.2.1 } accept",
	}
	all := templates(t, append([]string{"as-written"}, lines...))
	h := testhost.New(t)
	install(t, open(t, h), compile(t, firewall.Config{Templates: all, Lists: bridged([]firewall.Ref{{Template: "as-written"}})}))
	list := sortSets(table(t, h))
	for _, line := range lines {
		if !strings.Contains(list, "\t"+line+"\n") {
			t.Errorf("nft does not list %q:\n%s", line, list)
		}
	}
}
