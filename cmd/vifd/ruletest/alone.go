package ruletest

import (
	"fmt"
	"net"
	"sync"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/sample"
	"vifd/rules"
)

// unnamedMAC is that of a guest for whom a template's test gives none; the honest packets of such a guest come from it.
var unnamedMAC = net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x53, 0x01}

// alone is the guest of a template's test, judged by that template alone.
func (r *runner) alone(t *rules.Test) (*Subject, error) {
	p, profile, err := r.compile(firewall.List{Refs: handler.Refs([]rules.TemplateRef{t.Template}), Routed: t.Routed})
	if err != nil {
		return nil, err
	}
	macs := t.Guest.MACs
	if len(macs) == 0 {
		macs = []net.HardwareAddr{unnamedMAC}
	}
	g := &firewall.Guest{Interface: nobody, Profile: profile, IPs: t.Guest.IPs}
	for _, mac := range macs {
		g.MACs = append(g.MACs, firewall.MAC(mac))
	}
	s := &Subject{Program: p, Guest: g, State: handler.StateConfigured}
	s.Who = sample.Guest{Interface: nobody, MACs: macs, IPs: t.Guest.IPs, Routed: t.Routed}
	if !t.Routed {
		s.Bridge = "xenbr0"
	}
	return s, nil
}

// compiled is a list of templates with nothing beside it.
type compiled struct {
	once    sync.Once
	program *firewall.Program
	profile firewall.Profile
	err     error
}

// compile compiles a list by itself; tests that have the same list share what comes of it.
func (r *runner) compile(list firewall.List) (*firewall.Program, firewall.Profile, error) {
	key := fmt.Sprintf("%q %t", list.Refs, list.Routed) // arguments are printed in the order of their names
	r.mu.Lock()
	c := r.compiled[key]
	if c == nil {
		c = &compiled{}
		r.compiled[key] = c
	}
	r.mu.Unlock()
	c.once.Do(func() {
		c.program, c.err = firewall.Compile(firewall.Config{Templates: r.templates, Lists: []firewall.List{list}})
		if c.err == nil {
			c.profile, c.err = c.program.Profile(list)
		}
	})
	return c.program, c.profile, c.err
}
