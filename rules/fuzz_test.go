package rules

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"vifd/internal/stmt"
)

// FuzzLoad feeds texts to Load: it must not panic, not return a Set together with errors, place every problem inside the text, and
// be able to print what it found in every form.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml", "testdata/contract.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 64<<10 {
			return
		}
		set, rep := Load(Options{Paths: []string{Stdin}, Stdin: bytes.NewReader(text), Library: library()})
		if (set == nil) != (rep.Errors() > 0) {
			t.Fatalf("set: %t, errors: %d", set != nil, rep.Errors())
		}
		src := newSource("x", string(text))
		for i := range rep.Problems {
			checkProblem(t, src, &rep.Problems[i])
		}
		for _, write := range []func(io.Writer) error{
			func(w io.Writer) error { return rep.WriteText(w, true) }, rep.WriteJSON, rep.WriteSARIF, rep.WriteGitHub,
		} {
			if err := write(io.Discard); err != nil {
				t.Fatal(err)
			}
		}
		if set != nil {
			checkSet(t, set)
		}
	})
}

func checkProblem(t *testing.T, src *source, p *Problem) {
	t.Helper()
	if p.Code == "" || p.Msg == "" {
		t.Errorf("incomplete: %+v", p)
	}
	if p.Pos.Line < 1 || p.Pos.Line > len(src.starts) {
		t.Errorf("%s: no such line", p)
		return
	}
	if line := src.line(p.Pos.Line); p.Pos.Col < 1 || p.Pos.Col+p.Pos.Len > len(line)+2 {
		t.Errorf("%s: column %d+%d of %d", p, p.Pos.Col, p.Pos.Len, len(line))
	}
}

// checkSet asserts what whoever uses a Set relies on.
func checkSet(t *testing.T, set *Set) {
	t.Helper()
	seen := map[string]bool{}
	for i := range set.Rules {
		r := &set.Rules[i]
		if r.Name == "" || seen[r.Name] || len(r.Match.Terms)+len(r.Match.Not) == 0 && r.Pos.Line == 0 {
			t.Errorf("rule %+v", r)
		}
		seen[r.Name] = true
		for _, term := range append(r.Match.Terms, r.Match.Not...) {
			if len(term.Patterns) == 0 {
				t.Errorf("rule %s: %s without pattern", r.Name, term.Key)
			}
		}
		for _, ref := range r.Firewall {
			if _, ok := set.Templates[ref.Name]; !ok {
				t.Errorf("rule %s: template %q", r.Name, ref.Name)
			}
		}
		checkAction(t, set, r)
	}
	for _, n := range set.Networks {
		if n.Kind == 0 || n.Kind == NATNetwork && (len(n.NAT.Subnet) == 0 || n.NAT.Uplink == "") || n.Kind == RouteNetwork && n.Route.Uplink == "" {
			t.Errorf("network %+v", n)
		}
	}
	for name, tmpl := range set.Templates {
		for param, p := range tmpl.Params {
			if len(p.Types) == 0 || len(p.Default) > 1 && !p.List || p.is(stmt.TypeEnum) != (len(p.Values) > 0) {
				t.Errorf("template %s: parameter %s: %+v", name, param, p)
			}
		}
		for s := range tmpl.statements() {
			if s.place != nil {
				t.Errorf("template %s: %q still holds its file", name, s.Text)
			}
			if s.Include == nil {
				continue
			}
			if _, ok := set.Templates[s.Include.Template]; !ok {
				t.Errorf("template %s: include %s", name, s.Include.Template)
			}
		}
	}
	for i := range set.Tests {
		tt := &set.Tests[i]
		_, ok := set.Templates[tt.Template.Name]
		if tt.Name == "" || (tt.Event != nil) == ok {
			t.Errorf("test %+v", tt)
		}
		for j := range tt.Packets {
			p := &tt.Packets[j]
			pos := p.At(len(p.Text)+1, 1)
			if p.Text == "" || p.Expect == stmt.None || pos.Line < p.Pos.Line {
				t.Errorf("test %q: packet %+v ends at %s", tt.Name, p, pos)
			}
		}
	}
	for i := range set.Guests {
		for _, ip := range set.Guests[i].IP {
			if again, err := ParseGuestIP(GuestIPText(ip)); err != nil || again != ip {
				t.Errorf("guest %s: address %s: %v", set.Guests[i].Pos, ip, err)
			}
		}
		if g := &set.Guests[i]; g.Interface == "" && g.Domain == "" && g.MAC == nil {
			t.Errorf("guest %+v", g)
		}
	}
}

// checkAction asserts what whoever carries an action out relies on.
func checkAction(t *testing.T, set *Set, r *Rule) {
	t.Helper()
	a := &r.Action
	name := a.Network()
	switch a.Kind {
	case Bridge:
		if name.String() == "" {
			t.Errorf("rule %s: no bridge", r.Name)
		}
	case Route:
		if (name.String() == "") == (a.Route.Uplink.String() == "") || a.Route.Table == 0 {
			t.Errorf("rule %s: %+v", r.Name, a.Route)
		}
	case NAT:
		if (name.String() == "") == (a.NAT.Uplink.String() == "") || (name.String() == "") != (len(a.NAT.Subnet) > 0) {
			t.Errorf("rule %s: %+v", r.Name, a.NAT)
		}
		for i, f := range a.NAT.Forward {
			if f.Proto == "" || f.First == 0 || f.Last < f.First || f.To == 0 || int(f.To)+int(f.Last-f.First) > maxPort || f.Pos.Line == 0 {
				t.Errorf("rule %s: forward %d: %+v", r.Name, i, f)
			}
		}
	case Ignore, Block:
	}
	if literal, ok := name.Literal(); ok && literal != "" {
		if n := set.Networks[literal]; n.Kind != a.Kind.Network() && (n.Kind != 0 || a.Kind != Bridge) {
			t.Errorf("rule %s: network %+v", r.Name, n)
		}
	}
	if v := a.Bridge.VLAN; v != nil && v.Untagged == 0 && len(v.Tagged) == 0 && !r.Late("bridge.vlan") {
		t.Errorf("rule %s: vlan %+v", r.Name, *v)
	}
	if r.Rate.Burst > 0 && r.Rate.FromGuest == (Bandwidth{}) && r.Rate.ToGuest == (Bandwidth{}) && !r.Late("rate") {
		t.Errorf("rule %s: rate %+v", r.Name, r.Rate)
	}
}
