package firewall

import (
	"fmt"
	"hash/fnv"
	"sort"
	"strings"

	"vifd/internal/stmt"
)

// Template is a firewall template: statements for both directions.
type Template struct {
	Name      string
	Params    map[string]Param
	FromGuest []Statement
	ToGuest   []Statement
}

// Statement is one statement and where its author wrote it (file:line:col), for messages.
type Statement struct {
	stmt.Stmt
	Where string
}

// Param is a parameter that a template declares. A nil Default makes it required.
type Param struct {
	Type    stmt.Type
	Default []string
}

// Ref names a template together with its arguments.
type Ref struct {
	Template string
	With     map[string][]string
}

// String is how a rule would write r; it tells refs with different arguments apart.
func (r Ref) String() string {
	if len(r.With) == 0 {
		return r.Template
	}
	names := make([]string, 0, len(r.With))
	for name := range r.With {
		names = append(names, name)
	}
	sort.Strings(names)
	args := make([]string, len(names))
	for i, name := range names {
		args[i] = name + "=" + strings.Join(r.With[name], ",")
	}
	return r.Template + "(" + strings.Join(args, " ") + ")"
}

// chainName is r's part of a chain's name. nft takes no other marks in a name than / \ _ - and the full stop; arguments
// become a number, the same on every host.
func (r Ref) chainName() string {
	if len(r.With) == 0 {
		return r.Template
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(r.String()))
	return fmt.Sprintf("%s/%016x", r.Template, h.Sum64())
}

// listName is the name of a list of templates.
func listName(refs []Ref) string {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.chainName()
	}
	return strings.Join(names, ".")
}

func (t *Template) statements(d direction) []Statement {
	if d == fromGuest {
		return t.FromGuest
	}
	return t.ToGuest
}
