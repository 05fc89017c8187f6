package doctor

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"vifd/internal/nft"
	"vifd/internal/rtnl"
	"vifd/rules"
)

// Level is how bad a finding is.
type Level string

// The levels: an Error keeps guests from working, a Warning may.
const (
	Error   Level = "error"
	Warning Level = "warning"
)

// Finding is something wrong, and what to do about it.
type Finding struct {
	Check   string `json:"check"`
	Level   Level  `json:"level"`
	Subject string `json:"subject"` // what it is about: a file, a link, a chain
	Text    string `json:"text"`
	Cure    string `json:"cure"`
}

// Host is where the doctor looks. Root is put before every path; tests have one of their own.
type Host struct {
	Root  string
	Links Links
	Rules Chains
	Set   *rules.Set // nil: without rules what depends on them is not looked at
}

// Links is what the doctor needs of rtnetlink.
type Links interface {
	Links(ctx context.Context) ([]rtnl.Link, error)
	Addresses(ctx context.Context, index int) ([]netip.Prefix, error)
}

// Chains is what the doctor needs of nf_tables.
type Chains interface {
	BaseChains() ([]nft.BaseChain, error)
}

var (
	_ Links  = (*rtnl.Conn)(nil)
	_ Chains = (*nft.Conn)(nil)
)

// check is one thing that is looked at.
type check struct {
	name string
	run  func(ctx context.Context, h *Host) ([]Finding, error)
}

func checks() []check {
	return []check{
		{"bridge-netfilter", bridgeNetfilter},
		{"forward-policy", forwardPolicy},
		{"network-manager", networkManager},
		{"networkd", networkd},
		{"link-local-learning", linkLocalLearning},
		{"reverse-path-filter", reversePath},
		{"addresses", addresses},
	}
}

// Report is what was found.
type Report struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Checks     []string  `json:"checks"`
	Findings   []Finding `json:"findings"`
}

// Examine runs every check; one that cannot be carried out is a finding itself.
func Examine(ctx context.Context, h *Host) *Report {
	r := &Report{Checks: []string{}, Findings: []Finding{}}
	for _, c := range checks() {
		r.Checks = append(r.Checks, c.name)
		found, err := c.run(ctx, h)
		for _, f := range found {
			f.Check = c.name
			r.Findings = append(r.Findings, f)
		}
		if err != nil {
			r.Findings = append(r.Findings, Finding{Check: c.name, Level: Warning, Subject: "vifd", Text: fmt.Sprintf("this could not be looked at: %v", err), Cure: "run vifd doctor as root"})
		}
	}
	return r
}

// Errors reports whether anything was found that keeps guests from working.
func (r *Report) Errors() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level == Error })
}

// WriteText prints the report, a finding and its cure in two lines.
func (r *Report) WriteText(w io.Writer, printable func(string) string) error {
	for _, f := range r.Findings {
		if _, err := fmt.Fprintf(w, "%s[%s]: %s: %s\n  cure: %s\n", f.Level, f.Check, printable(f.Subject), printable(f.Text), printable(f.Cure)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d checks, %d findings\n", len(r.Checks), len(r.Findings))
	return err
}
