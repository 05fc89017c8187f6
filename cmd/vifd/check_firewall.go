package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/nft"
	"vifd/rules"
)

// checkFirewall compiles the templates that the rules use, and adds to the report what comes of it. The program is nil where they
// cannot be compiled.
func checkFirewall(set *rules.Set, report *rules.Report) *firewall.Program {
	at := statementPlaces(set)
	rs, err := handler.NewRuleset(set)
	if err != nil {
		for _, e := range flatten(err) {
			p := rules.Problem{Code: rules.CodeNotCompiled, Msg: e.Error()}
			var statement *firewall.StatementError
			if errors.As(e, &statement) {
				p.Pos, p.Msg = at[statement.Source.Where], fmt.Sprintf("template %q cannot be compiled: %v", statement.Template, statement.Err)
			}
			report.Add(p)
		}
		return nil
	}
	for _, s := range rs.Program().Unseen() {
		if pos := at[s.Where]; !librarian(set, pos) {
			report.Add(rules.Problem{
				Pos: pos, Severity: rules.Warning, Code: rules.CodeUnseen, Msg: "this statement never holds: where its guests are judged, nobody can see what it asks about",
				Hint: "docs/firewall.md says what each family sees; remove it, or use the template for other guests",
			})
		}
	}
	return rs.Program()
}

// askKernel adds the kernel's refusals to the report.
func askKernel(p *firewall.Program, report *rules.Report, at map[string]rules.Pos) error {
	conn, err := nft.Dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	table, err := firewall.OpenTable(conn)
	if err == nil {
		err = table.Check(p)
	}
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("check --kernel takes CAP_NET_ADMIN: run it as root, or as unshare -rn vifd check --kernel …: %w", err)
	}
	for _, e := range flatten(err) {
		source := p.Source(e)
		if source == nil {
			return e
		}
		report.Add(refusalProblem(e, at[source.Where]))
	}
	return nil
}

func refusalProblem(e error, pos rules.Pos) rules.Problem {
	var lack *firewall.Lack
	var refusal *nft.Error
	switch {
	case errors.As(e, &lack):
		return rules.Problem{
			Pos: pos, Code: rules.CodeLacking, Msg: fmt.Sprintf("the kernel lacks what this statement needs in the family %s", lack.Family),
			Hint: fmt.Sprintf("load the module %s, or run a kernel that is built with %s", lack.Module, lack.Option),
		}
	case errors.As(e, &refusal):
		return rules.Problem{Pos: pos, Code: rules.CodeRefused, Msg: fmt.Sprintf("the kernel refuses this statement: %v", refusal.Errno), Hint: refusal.Text}
	}
	return rules.Problem{Pos: pos, Code: rules.CodeRefused, Msg: e.Error()}
}

// statementPlaces tells where each statement stands, by what the compiler knows of it.
func statementPlaces(set *rules.Set) map[string]rules.Pos {
	at := make(map[string]rules.Pos)
	for _, t := range set.Templates {
		for _, list := range [][]rules.Statement{t.FromGuest, t.ToGuest} {
			for i := range list {
				at[list[i].Pos.String()] = list[i].Pos
			}
		}
	}
	return at
}

// librarian reports whether a place is in the template library, whose statements are for every family.
func librarian(set *rules.Set, pos rules.Pos) bool {
	for _, t := range set.Templates {
		if t.Library && t.Pos.File == pos.File {
			return true
		}
	}
	return false
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}
