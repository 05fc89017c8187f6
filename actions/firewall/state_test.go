package firewall_test

import (
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/testhost"
)

// TestAChangedLimitHoldsAtOnce: what a set has kept of a guest's packets goes when the statement that fills it changes. An element
// keeps the limit that it was made with, and each packet keeps the element.
func TestAChangedLimitHoldsAtOnce(t *testing.T) {
	t.Parallel()
	c := newBridgeCourt(t, false)
	put := func(line string) string {
		t.Helper()
		p := forgedProgram(t, []source{{name: "a", lines: []string{line}}}, []string{"a"}, false)
		profile, err := p.Profile(firewall.List{Refs: []firewall.Ref{{Template: "a"}}})
		if err != nil {
			t.Fatal(err)
		}
		c.install(t, p, &firewall.Guest{Interface: guestPort, Profile: profile, MACs: []firewall.MAC{c.cast.mac}})
		c.pass(t, [][]byte{frame.Build(frame.Ethernet{Src: c.cast.mac[:], Dst: c.cast.far}, frame.IPv4{Src: c.cast.v4[0], Dst: c.cast.v4[1]}, frame.UDP{})})
		return c.host.Run(t, "nft", "list", "ruleset")
	}
	put("update @k { ip saddr limit rate over 5/second burst 3 packets } drop")
	list := put("update @k { ip saddr limit rate over 9/second burst 4 packets } drop")
	if strings.Contains(list, "5/second") || strings.Count(list, "192.0.2.1 limit rate over 9/second burst 4 packets") != 1 {
		t.Errorf("the old limit is in force still:\n%s", list)
	}
}

// TestASetOfAnotherShapeTakesItsPlace, also where the chains that filled the one before are no more.
func TestASetOfAnotherShapeTakesItsPlace(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	table := open(t, h)
	for _, lines := range []map[string]string{
		{"a": "update @k { ip saddr counter }"},
		{"a": "iifname x update @k { ip6 saddr counter }"}, // which is never so of what goes to a guest
		{"a": "update @k { ether saddr . ip saddr limit rate 5/second } drop"},
		{"b": "update @k { ip saddr counter }"},
	} {
		for name, line := range lines {
			install(t, table, forgedProgram(t, []source{{name: name, lines: []string{line}}}, []string{name}, false))
		}
	}
}
