package ruletest

import (
	"errors"
	"fmt"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/sample"
)

// Kernel sends packets through a real one.
type Kernel interface {
	// Send says what became of a frame: accept where it arrived, reject where it did not and was answered, else drop.
	Send(t Trial) (verdict string, err error)
}

// Trial is one frame to be sent, and what is in its way.
type Trial struct {
	Program *firewall.Program
	Guest   *firewall.Guest
	Bridge  string
	Other   string // the interface at the other end; "": any
	ToGuest bool
	Frame   []byte
	Fresh   bool // nothing may be left of frames before: connections, limits
}

// maxFrame is what a link of the usual MTU carries, with one tag.
const maxFrame = 1500 + 18

// send sends the packet of an outcome, or says why it cannot be sent.
func (r *runner) send(s *Subject, o *Outcome) (verdict, notRun string, err error) {
	if notRun = unsendable(s, o); notRun != "" {
		return "", notRun, nil
	}
	p, g, err := r.forKernel(s)
	if err != nil {
		return "", "", err
	}
	verdict, err = r.Kernel.Send(Trial{
		Program: p, Guest: g, Bridge: s.Bridge, Other: o.other, ToGuest: o.Direction == sample.ToGuest.String(), Frame: o.data,
		Fresh: len(o.Assumed) > 0 || g.Profile.Tracks,
	})
	var lack *firewall.Lack
	if errors.As(err, &lack) {
		return "", fmt.Sprintf("this kernel lacks the module %s (%s), which its templates need", lack.Module, lack.Option), nil
	}
	return verdict, "", err
}

// forKernel is the guest's firewall with nothing in it that judges others alone: a kernel that lacks what those need still
// runs this guest's tests.
func (r *runner) forKernel(s *Subject) (*firewall.Program, *firewall.Guest, error) {
	if s.rule == nil || s.State != handler.StateConfigured || len(s.rule.Firewall) == 0 {
		return s.Program, s.Guest, nil
	}
	p, profile, err := r.compile(handler.FirewallList(s.rule))
	g := *s.Guest
	g.Profile = profile
	return p, &g, err
}

func unsendable(s *Subject, o *Outcome) string {
	said := o.sample.Said()
	switch {
	case s.Who.Routed:
		return "its guest is routed"
	case s.Guest == nil || s.State == handler.StateIgnored || s.State == handler.StateUnmatched:
		return "its vif is " + s.State
	case len(said) > 0:
		return "no frame carries its " + said[0]
	case len(o.data) > maxFrame:
		return "it is longer than an Ethernet frame"
	case s.Guest.Profile.Tracks && o.sample.Fragment():
		return "where connections are tracked a fragment waits for the others"
	}
	return ""
}

// agree compares a verdict with what was seen: a reject need not be answered, since not every packet is.
func agree(evaluated, seen string) bool {
	return evaluated == seen || evaluated == "reject" && seen == "drop"
}
