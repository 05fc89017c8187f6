package firewall_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/packet"
	"vifd/internal/stmt"
)

// trial is random templates before a court.
type trial struct {
	court  court
	cast   *cast
	forge  *forge
	routed bool
	family packet.Family
	fields func(f *stmt.Field) bool // that this kernel has there
	options
}

// TestJudgeIsTheKernels: for random templates and random frames Program.Judge says what the kernel does with the real frame.
// A run judges some thousands; with VIFD_SOAK set, many more.
func TestJudgeIsTheKernels(t *testing.T) {
	t.Parallel()
	programs := 12
	if os.Getenv("VIFD_SOAK") != "" {
		programs = 150
	}
	seed := forgeSeed(t)
	for name, make := range map[string]func(t *testing.T) *trial{
		"bridge, from the guest": func(t *testing.T) *trial {
			c := newBridgeCourt(t, false)
			return &trial{court: c, cast: c.cast, family: packet.Bridge, fields: bridgeFields}
		},
		"bridge, to the guest": func(t *testing.T) *trial {
			c := newBridgeCourt(t, true)
			return &trial{court: c, cast: c.cast, family: packet.Bridge, fields: bridgeFields}
		},
		"routed, from the guest": func(t *testing.T) *trial {
			c := newRoutedCourt(t)
			return &trial{court: c, cast: c.cast, family: packet.Inet, routed: true, fields: bridgeFields, options: options{reject: true}}
		},
		"routed, tracked": func(t *testing.T) *trial {
			c := newTrackedCourt(t)
			every := func(*stmt.Field) bool { return true }
			return &trial{court: c, cast: c.cast, family: packet.Inet, routed: true, fields: every, options: options{reject: true, tracks: true}}
		},
		"routed, to the guest": func(t *testing.T) *trial {
			c := newForwardCourt(t)
			return &trial{court: c, cast: c.cast, family: packet.Inet, routed: true, fields: bridgeFields, options: options{reject: true}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, uint64(len(name))))
			make(t).run(t, rng, programs)
		})
	}
}

func (tr *trial) run(t *testing.T, rng *rand.Rand, programs int) {
	t.Helper()
	fields := knownFields(t, tr.fields)
	tr.any = true
	pairs, dropped := 0, 0
	for range programs {
		tr.forge = newForge(rng, fields, tr.family, tr.cast)
		sources, tops := tr.forge.forged(10, tr.options)
		for i := range 3 { // whose returns lead from one to the next
			tops[i] += " " + tops[i+3]
		}
		p := forgedProgram(t, sources, tops, tr.routed)
		for _, top := range tops {
			g, err := tr.cast.identity(p, tr.list(top), rng)
			if err != nil {
				t.Fatal(err)
			}
			tr.court.install(t, p, g)
			frames := tr.frames(rng, 60)
			for i, passed := range tr.court.pass(t, frames) {
				pairs++
				j := p.Judge(g, tr.court.traffic(frames[i]))
				if passes(&j) != passed {
					tr.report(t, sources, top, g, frames[i])
					return
				}
				if !passed {
					dropped++
				}
			}
		}
	}
	t.Logf("%d frames judged, %d of them dropped", pairs, dropped)
	if dropped < pairs/10 || dropped > pairs*9/10 {
		t.Error("that is no comparison")
	}
}

// passes reports whether a frame gets through. One that no hook sees does not: the kernel has dropped it, or kept it.
func passes(j *firewall.Judgement) bool { return j.Unseen == "" && j.Verdict == stmt.Accept }

func (tr *trial) list(names string) firewall.List { return forgedList(names, tr.routed) }

// frames are n that the court can tell apart.
func (tr *trial) frames(rng *rand.Rand, n int) (frames [][]byte) {
	seen := make(map[string]bool)
	for len(frames) < n {
		data := tr.court.random(rng)
		if data == nil || vague(data, tr.family) || seen[tr.court.alike(data)] {
			continue
		}
		seen[tr.court.alike(data)] = true
		frames = append(frames, data)
	}
	return frames
}

// vague tells of a frame that is so short that the kernel looks past its end (internal/packet, findHeader), or that it loses later
// because it ends in its second tag.
func vague(data []byte, f packet.Family) bool {
	p := packet.Dissect(data, f)
	tagged := p.Protocol() == frame.TPIDCustomer || p.Protocol() == frame.TPIDService
	return p.Unseen() == "" && (p.Protocol() == frame.TypeIPv6 && p.Length() < 7 || tagged && p.Length() < 6)
}

// report makes a disagreement as small as it gets, and shows it.
func (tr *trial) report(t *testing.T, sources []source, top string, g *firewall.Guest, data []byte) {
	t.Helper()
	sources = tr.smaller(t, sources, top, g, data)
	p := forgedProgram(t, sources, []string{top}, tr.routed)
	guest := *g
	guest.Profile, _ = p.Profile(tr.list(top)) // it has just been compiled
	j := p.Judge(&guest, tr.court.traffic(data))
	tr.court.install(t, p, &guest)
	passed := tr.court.pass(t, [][]byte{data})[0]
	var b strings.Builder
	for _, s := range sources {
		if len(s.lines) > 0 {
			b.WriteString(s.String())
		}
	}
	fmt.Fprintf(&b, "guest %v %v\nframe %x\n%s\nthe kernel lets it pass: %v\nJudge: %v, unseen %q\n", g.MACs, g.IPs, data, frame.Describe(data), passed, j.Verdict, j.Unseen)
	for _, s := range j.Steps {
		fmt.Fprintf(&b, "  %s: %s; failed %q\n", s.Chain, s.Rule, s.Failed)
	}
	t.Errorf("two minds about a frame\n%s%s", &b, p)
}

// smaller takes out statements, and words of them, as long as the disagreement stays.
func (tr *trial) smaller(t *testing.T, sources []source, top string, g *firewall.Guest, data []byte) []source {
	t.Helper()
	try := func(changed []source) bool {
		all, err := templatesOf(changed)
		if err != nil {
			return false
		}
		list := tr.list(top)
		p, err := firewall.Compile(firewall.Config{Templates: all, Lists: []firewall.List{list}})
		if err != nil {
			return false
		}
		guest := *g
		if guest.Profile, err = p.Profile(list); err != nil {
			return false
		}
		tr.court.install(t, p, &guest)
		j := p.Judge(&guest, tr.court.traffic(data))
		if tr.court.pass(t, [][]byte{data})[0] != passes(&j) {
			sources = changed
			return true
		}
		return false
	}
	for again := true; again; {
		again = false
		for i := range sources {
			for l := 0; l < len(sources[i].lines); l++ {
				if try(without(sources, i, l, "")) {
					again = true
					l--
					continue
				}
				for _, line := range shorter(sources[i].lines[l]) {
					if try(without(sources, i, l, line)) {
						again = true
						break
					}
				}
			}
		}
	}
	return sources
}

// without is sources with a line of one replaced; "": gone.
func without(sources []source, i, l int, line string) []source {
	out := append([]source{}, sources...)
	lines := append([]string{}, out[i].lines[:l]...)
	if line != "" {
		lines = append(lines, line)
	}
	out[i].lines = append(lines, sources[i].lines[l+1:]...)
	return out
}

// shorter are the line without some words that stand together.
func shorter(line string) (list []string) {
	words := strings.Fields(line)
	for n := len(words) - 1; n > 0; n-- {
		for from := 0; from+n <= len(words); from++ {
			list = append(list, strings.Join(append(append([]string{}, words[:from]...), words[from+n:]...), " "))
		}
	}
	return list
}
