package firewall

import (
	"crypto/sha256"
	"fmt"

	"vifd/internal/nft"
)

// userData is what the kernel keeps with a rule: the comment, if there is one, as nft has it, and the digest, in an attribute that nft
// does not print.
func (r *rule) userData() []byte {
	if r.comment == "" {
		return r.digest()
	}
	text := append([]byte(r.comment), 0)
	return append(append([]byte{commentAttr, byte(len(text))}, text...), r.digest()...)
}

// digest identifies a rule in the kernel.
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
	encoding    = "3\x00"
	commentAttr = 0    // NFTNL_UDATA_RULE_COMMENT of libnftnl
	digestAttr  = 0x76 // in the space of enum nftnl_udata_rule_types, of which nft knows the first few and skips the others
	digestLen   = 12
)

// same reports whether the kernel's chain holds ch's rules.
func (ch *chain) same(have nft.Chain) bool {
	if len(have.Rules) != len(ch.rules) {
		return false
	}
	for i := range ch.rules {
		if string(ch.rules[i].userData()) != string(have.Rules[i]) {
			return false
		}
	}
	return true
}
