package firewall

import (
	"crypto/sha256"
	"fmt"
	"sort"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"vifd/internal/nft"
)

// Program is what Compile makes: every shared chain, and for every list of templates where a guest of it is judged. It is
// immutable and safe for concurrent use.
type Program struct {
	base     [2][]rule // of the base chains, by direction
	chains   []chain   // sorted by name
	profiles map[string]Profile
}

// Profile is how one list of templates judges a guest.
type Profile struct {
	verdicts [2]Verdict // by direction
	NeedsMAC bool       // some statement compares with the guest's identity ($mac, or the link-local address in $ip6)
}

// Open is the profile of a guest that no template judges.
func Open() Profile { return Profile{} }

// Blocked is the profile of a guest that neither sends nor receives.
func Blocked() Profile {
	return Profile{verdicts: [2]Verdict{{Kind: VerdictDrop}, {Kind: VerdictDrop}}}
}

// Profile returns that of a list of templates which Compile was given; no templates make an open guest.
func (p *Program) Profile(refs []Ref) (Profile, error) {
	if len(refs) == 0 {
		return Open(), nil
	}
	profile, ok := p.profiles[listName(refs)]
	if !ok {
		return Blocked(), fmt.Errorf("firewall: the list of templates %s was not compiled", listName(refs))
	}
	return profile, nil
}

// chain is a shared chain.
type chain struct {
	name     string
	dir      direction
	rules    []rule
	needsMAC bool
}

// Rules is the number of rules in all shared chains and base chains.
func (p *Program) Rules() int {
	n := len(p.base[fromGuest]) + len(p.base[toGuest])
	for i := range p.chains {
		n += len(p.chains[i].rules)
	}
	return n
}

// String is the program as an administrator would write it for `nft -f`, without the table around it.
func (p *Program) String() string {
	var b strings.Builder
	for _, ch := range p.all() {
		fmt.Fprintf(&b, "chain %s {\n", ch.name)
		switch ch.name {
		case basePrerouting:
			fmt.Fprintf(&b, "\ttype filter hook prerouting priority dstnat; policy accept;\n")
		case basePostrouting:
			fmt.Fprintf(&b, "\ttype filter hook postrouting priority srcnat; policy accept;\n")
		}
		for i := range ch.rules {
			fmt.Fprintf(&b, "\t%s\n", ch.rules[i].text)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// all returns the base chains and then the shared ones.
func (p *Program) all() []chain {
	all := make([]chain, 0, len(p.chains)+len(p.base))
	for d := range p.base {
		all = append(all, chain{name: directions[d].base, dir: direction(d), rules: p.base[d]})
	}
	return append(all, p.chains...)
}

// baseRules dispatches a frame by its guest's interface; one that the rules may claim, but that is in no map yet, is
// somebody nobody has decided about.
func baseRules(d direction, claimed []string) []rule {
	dir := directions[d]
	rules := []rule{{text: dir.ifname + " vmap @" + dir.vmap, dispatch: true, what: "the dispatch of " + dir.base}}
	for _, name := range claimed {
		rules = append(rules, rule{
			text: fmt.Sprintf("%s %q drop", dir.ifname, name), ifname: name, verdict: &expr.Verdict{Kind: expr.VerdictDrop},
			what: "the drop of undecided " + name,
		})
	}
	return rules
}

// digest identifies a rule in the kernel: it is kept as the rule's user data, in an attribute that nft does not print.
func (r *rule) digest() []byte {
	sum := sha256.Sum256([]byte(encoding + r.text))
	return append([]byte{digestAttr, digestLen}, sum[:digestLen]...)
}

const (
	// encoding changes whenever the same text is compiled to other expressions, so that an upgrade replaces them.
	encoding   = "1\x00"
	digestAttr = 0x76 // in the space of enum nftnl_udata_rule_types, of which nft knows the first few and skips the others
	digestLen  = 12
)

// same reports whether the kernel's chain holds ch's rules.
func (ch *chain) same(have nft.Chain) bool {
	if len(have.Rules) != len(ch.rules) {
		return false
	}
	for i := range ch.rules {
		if string(ch.rules[i].digest()) != string(have.Rules[i]) {
			return false
		}
	}
	return true
}

// install adds to b what makes the kernel's chains those of p, and returns those to delete once no guest refers to them.
func (p *Program) install(b *nft.Batch, l *layout, have []nft.Chain) (stale []*nftables.Chain) {
	inKernel := make(map[string]nft.Chain, len(have))
	for _, ch := range have {
		inKernel[ch.Name] = ch
	}
	var changed []chain
	for _, ch := range p.all() {
		if k, ok := inKernel[ch.name]; !ok || !ch.same(k) {
			changed = append(changed, ch)
		}
		delete(inKernel, ch.name)
	}
	if len(changed) > 0 {
		b.AddTable(l.table)
		for d := range l.vmaps {
			b.AddSet(l.vmaps[d])
		}
		for _, s := range guestSets {
			b.AddSet(l.sets[s.param])
		}
	}
	// All chains first: rules jump to each other's.
	for _, ch := range changed {
		b.AddChain(l.chain(ch))
		b.FlushChain(l.chain(ch))
	}
	for _, ch := range changed {
		for i := range ch.rules {
			ch.rules[i].emit(b, l, l.chain(ch))
		}
	}
	for name := range inKernel {
		stale = append(stale, &nftables.Chain{Table: l.table, Name: name})
	}
	sort.Slice(stale, func(i, j int) bool { return stale[i].Name < stale[j].Name })
	return stale
}

func (l *layout) chain(ch chain) *nftables.Chain {
	for d := range l.base {
		if l.base[d].Name == ch.name {
			return l.base[d]
		}
	}
	return &nftables.Chain{Table: l.table, Name: ch.name}
}
