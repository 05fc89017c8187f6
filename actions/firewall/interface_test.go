package firewall_test

import (
	"errors"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/stmt"
	"vifd/internal/testhost"
)

// TestTheGuestsInterfaceNeedsNoComparison: of $interface nothing is left, since the statement stands in the guest's own chain, and
// what is said of it is what the statement does without.
func TestTheGuestsInterfaceNeedsNoComparison(t *testing.T) {
	t.Parallel()
	all := map[string]firewall.Template{"own": {
		Name:      "own",
		FromGuest: statements(t, "iifname $interface tcp dport 22 accept", `meta iifname == $interface drop comment "the rest"`),
		ToGuest:   statements(t, "oifname $interface counter packets 7 bytes 420 accept"),
	}}
	refs := []firewall.Ref{{Template: "own"}}
	for _, routed := range []bool{false, true} {
		p := compile(t, firewall.Config{Templates: all, Lists: []firewall.List{{Refs: refs, Routed: routed}}})
		h := testhost.New(t)
		install(t, open(t, h), p)
		family, family2 := "bridge", "bridge"
		if routed {
			family, family2 = "inet", "arp"
		}
		got := h.Run(t, "nft", "list", "chain", family, "vifd", "from/own")
		if !strings.Contains(got, "\t\ttcp dport 22 accept\n\t\tdrop comment \"the rest\"\n\t}") {
			t.Errorf("routed %v: nft lists\n%s", routed, got)
		}
		if got := h.Run(t, "nft", "list", "chain", family2, "vifd", "to/own"); !strings.Contains(got, "\t\tcounter packets 0 bytes 0 accept\n\t}") {
			t.Errorf("routed %v: nft lists\n%s", routed, got)
		}
		profile, err := p.Profile(firewall.List{Refs: refs, Routed: routed})
		if err != nil {
			t.Fatal(err)
		}
		g := &firewall.Guest{Interface: guestPort, Profile: profile}
		for port, want := range map[uint16]stmt.Verdict{22: stmt.Accept, 23: stmt.Drop} {
			data := frame.Build(frame.Ethernet{Src: newCast().macs[0], Dst: newCast().macs[1]}, frame.IPv4{Src: addrs("192.0.2.1")[0], Dst: addrs("192.0.2.2")[0]}, frame.TCP{Dst: port})
			if j := p.Judge(g, firewall.Traffic{Frame: data}); j.Verdict != want {
				t.Errorf("routed %v, port %d: %v, want %v", routed, port, j.Verdict, want)
			}
		}
	}
}

func TestTheOtherEndIsNotTheGuestsInterface(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line    string
		toGuest bool
		want    string
	}{
		{"oifname $interface drop", false, "oifname is not $interface: what a guest sends comes in by its interface; write iifname, or leave it out"},
		{"iifname $interface drop", true, "iifname is not $interface: what is sent to a guest goes out by its interface; write oifname, or leave it out"},
		{"iifname != $interface return", false, "iifname != $interface never holds: what a guest sends comes in by its interface"},
	} {
		own := firewall.Template{Name: "own", FromGuest: statements(t, tt.line)}
		if tt.toGuest {
			own.FromGuest, own.ToGuest = nil, own.FromGuest
		}
		_, err := firewall.Compile(firewall.Config{
			Templates: map[string]firewall.Template{"own": own}, Lists: bridged([]firewall.Ref{{Template: "own"}}),
		})
		var statement *firewall.StatementError
		if !errors.As(err, &statement) || statement.Err.Error() != tt.want {
			t.Errorf("%s: %v, want %q", tt.line, err, tt.want)
		}
	}
}

// TestCommentsAreKept: another comment is another rule, and what was put there is known again.
func TestCommentsAreKept(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	with := func(line string) *firewall.Program {
		return compile(t, firewall.Config{Templates: templates(t, []string{"said", line}), Lists: bridged([]firewall.Ref{{Template: "said"}})})
	}
	const line = `ip saddr 192.0.2.1 log prefix "x" drop comment `
	long := strings.Repeat("x", 128)
	for _, comment := range []string{"a, “b” # c", long, ""} {
		p := with(line + `"` + comment + `"`)
		if !install(t, open(t, h), p) {
			t.Errorf("%q is not written", comment)
		}
		if install(t, open(t, h), p) {
			t.Errorf("%q is written twice", comment)
		}
		// Two rules are made of it: the log has a limit of its own.
		if got := strings.Count(table(t, h), ` comment "`+comment+`"`); got != 2 && comment != "" || got != 0 && comment == "" {
			t.Errorf("nft lists the comment %q %d times:\n%s", comment, got, table(t, h))
		}
	}
}
