package lab

import (
	"bytes"
	"fmt"
	"strings"

	"vifd/actions/firewall"
	"vifd/cmd/vifd/ruletest"
	"vifd/internal/frame"
	"vifd/internal/stmt"
)

// Lab makes a world for each set of names that trials have, and keeps the last one. It is a ruletest.Kernel, and works in a
// process that private.Run has started.
type Lab struct {
	world *world
}

var _ ruletest.Kernel = (*Lab)(nil)

// Close takes everything down.
func (l *Lab) Close() {
	if l.world != nil {
		l.world.close()
		l.world = nil
	}
}

// Send lets one frame through the kernel.
func (l *Lab) Send(t ruletest.Trial) (string, error) {
	n := namesOf(&t)
	if l.world != nil && (t.Fresh || l.world.names != n) {
		l.Close()
	}
	if l.world == nil {
		w, err := newWorld(n)
		if err != nil {
			return "", fmt.Errorf("make a bridge in namespaces of its own: %w", err)
		}
		l.world = w
	}
	if err := l.world.guard(t.Program, t.Guest); err != nil {
		return "", err
	}
	verdict, err := l.world.try(t.Frame, t.ToGuest)
	return verdict.String(), err
}

// namesOf are the trial's, and others beside them.
func namesOf(t *ruletest.Trial) names {
	n := names{vif: t.Guest.Interface, bridge: t.Bridge, other: t.Other}
	taken := func(name string) bool { return name == "" || name == n.vif || name == n.bridge || name == n.other }
	free := func(name string) string {
		for i := 0; taken(name); i++ {
			name = fmt.Sprintf("%s%d", strings.TrimRight(name, "0123456789"), i)
		}
		return name
	}
	if n.bridge == "" {
		n.bridge = free("lab-bridge")
	}
	if n.other == "" {
		n.other = free("lab-other")
	}
	n.mark = free("lab-mark")
	return n
}

// guard puts the firewall in force: the guest is judged by the program, whoever else is on the bridge by nothing.
func (w *world) guard(p *firewall.Program, g *firewall.Guest) error {
	judged := fmt.Sprint(*g)
	if w.program == p && w.judged == judged {
		return nil
	}
	guests := []firewall.Guest{*g, {Interface: w.names.other, Profile: p.Open()}, {Interface: w.names.mark, Profile: p.Open()}}
	owners := map[string]int{g.Interface: 1, w.names.other: 1, w.names.mark: 1} // which nobody looks at here
	if _, err := w.table.Install(p, guests, owners); err != nil {
		return err
	}
	w.program, w.judged = p, judged
	return nil
}

// try sends a frame, then a marker, and says what became of the frame.
func (w *world) try(f []byte, toGuest bool) (stmt.Verdict, error) {
	from, at := w.guest, []*port{w.other, w.bridge}
	if toGuest {
		from, at = w.other, []*port{w.guest}
	}
	for _, p := range []*port{w.guest, w.other, w.mark, w.bridge} {
		if err := p.drain(func([]byte) {}); err != nil {
			return stmt.None, err
		}
	}
	if err := from.send(f); err != nil {
		return stmt.None, err
	}
	end := w.marker()
	if err := w.mark.send(end); err != nil {
		return stmt.None, err
	}
	arrived, answered := false, false
	look := func(p *port) func([]byte) {
		return func(got []byte) {
			for _, where := range at {
				arrived = arrived || p == where && bytes.Equal(got, f)
			}
			answered = answered || p == from && refusal(got)
		}
	}
	ok, err := w.other.await(end, patience, look(w.other))
	if err != nil {
		return stmt.None, err
	}
	if !ok {
		return stmt.None, fmt.Errorf("the marker behind a frame did not arrive within %s", patience)
	}
	for _, p := range []*port{w.guest, w.bridge} {
		if err := p.drain(look(p)); err != nil {
			return stmt.None, err
		}
	}
	switch {
	case arrived:
		return stmt.Accept, nil
	case answered:
		return stmt.Rejected, nil
	}
	return stmt.Drop, nil
}

// refusal reports whether a frame is what a reject answers with: an ICMP error, or a TCP reset.
func refusal(f []byte) bool {
	said := frame.Describe(f)
	for _, word := range []string{"icmp destination-unreachable", "icmpv6 destination-unreachable", " rst"} {
		if strings.Contains(said, word) {
			return true
		}
	}
	return false
}
