package firewall

import (
	"crypto/sha256"
	"fmt"

	"vifd/internal/nft"
)

// digest identifies a rule in the kernel: it is kept as the rule's user data, in an attribute that nft does not print.
func (r *rule) digest() []byte {
	text := encoding + r.text
	for _, p := range r.parts {
		if u, ok := p.(*update); ok {
			text += fmt.Sprintf("\x00%s %s", u.set.typeof, u.set.timeout) // a set is replaced with the rules that fill it
		}
	}
	sum := sha256.Sum256([]byte(text))
	return append([]byte{digestAttr, digestLen}, sum[:digestLen]...)
}

const (
	// encoding changes whenever the same text is compiled to other expressions, so that an upgrade replaces them.
	encoding   = "3\x00"
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
