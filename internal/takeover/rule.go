package takeover

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// detached are FIB_RULE_IIF_DETACHED and FIB_RULE_OIF_DETACHED (linux/fib_rules.h): a named link does not exist just now.
const detached = 0x8 | 0x10

// rule is RTM_NEWRULE: a policy rule, which names its links.
type rule struct{ object }

func (r rule) family() byte { return r.header[0] }

// names reports whether the rule is about a link.
func (r rule) names(link string) bool {
	return r.text(unix.FRA_IIFNAME) == link || r.text(unix.FRA_OIFNAME) == link
}

// on is the rule about another link.
func (r rule) on(from, to string) rule {
	o := r.object
	for _, kind := range []uint16{unix.FRA_IIFNAME, unix.FRA_OIFNAME} {
		if o.text(kind) == from {
			o = o.with(kind, zeroTerminated(to))
		}
	}
	return rule{o}
}

// key is the same for rules that are asked in the order in which they came.
func (r rule) key() string { return fmt.Sprintf("%d %d", r.family(), r.uint32(unix.FRA_PRIORITY, 0)) }

func (r rule) ident() string { return r.clean().object.ident() }

// clean is the rule without what the kernel says of its state.
func (r rule) clean() rule {
	return rule{r.withHeader(func(h []byte) {
		binary.NativeEndian.PutUint32(h[8:], binary.NativeEndian.Uint32(h[8:])&^detached)
	})}
}

// String is what completes `ip rule add`, as far as it goes.
func (r rule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pref %d", r.uint32(unix.FRA_PRIORITY, 0))
	if name := r.text(unix.FRA_IIFNAME); name != "" {
		b.WriteString(" iif " + name)
	}
	if name := r.text(unix.FRA_OIFNAME); name != "" {
		b.WriteString(" oif " + name)
	}
	fmt.Fprintf(&b, " lookup %s", tableName(r.uint32(unix.FRA_TABLE, uint32(r.header[4]))))
	return b.String()
}
