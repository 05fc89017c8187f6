package packet_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"vifd/internal/frame"
	"vifd/internal/packet"
)

// TestKernelAgrees has the kernel load everything that can be loaded of thousands of frames, and compares.
func TestKernelAgrees(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for f, name := range map[packet.Family]string{packet.Bridge: "bridge", packet.Inet: "inet", packet.ARP: "arp"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, uint64(f)))
			frames := handmade()
			for range map[packet.Family]int{packet.Bridge: 2000, packet.Inet: 2000}[f] {
				frames = append(frames, random(rng))
			}
			fixed := append(fixedLoads(), metas(f)...)
			compare(t, f, append(fixed, randomLoads(rng, 20, fixed)...), frames)
		})
	}
}

// compare reports, of each load, the first few frames that the kernel and the package are of two minds about.
func compare(t *testing.T, f packet.Family, loads []load, frames [][]byte) {
	t.Helper()
	got := newOracle(t, f, loads, len(frames)).ask(t, frames)
	say := reporter(t, frames)
	unseen, broken, loaded := 0, 0, 0
	for i, data := range frames {
		p := packet.Dissect(data, f)
		_, reached := got[seen][i]
		if kind, _ := p.PktType(own(f)...); reached != (p.Unseen() == "" && (f == packet.Bridge || kind != packet.OtherHost)) {
			say(i, seen, "the kernel's hook is run: %v; here: %q, packet type %d", reached, p.Unseen(), kind)
			continue
		}
		if !reached {
			unseen++
			continue
		}
		for _, l := range loads {
			if l.vague != nil && l.vague(&p) {
				continue
			}
			value, ok := got[l.name][i]
			want, wantOK := l.want(&p)
			if ok {
				loaded++
				value = value[:l.size]
			} else {
				broken++
			}
			if ok != wantOK || ok && !bytes.Equal(value, want) {
				say(i, l.name, "the kernel loads %x, %v; here: %x, %v", value, ok, want, wantOK)
			}
		}
	}
	t.Logf("%d frames, %d of them not seen; %d loads of the others, %d of them without a value", len(frames), unseen, loaded+broken, broken)
	if unseen == 0 || broken == 0 || loaded == 0 {
		t.Error("that is no comparison")
	}
}

// reporter fails the test, for each load three times at most.
func reporter(t *testing.T, frames [][]byte) func(i int, name, format string, args ...any) {
	said := make(map[string]int)
	return func(i int, name, format string, args ...any) {
		t.Helper()
		if said[name]++; said[name] > 3 {
			return
		}
		t.Errorf("%s of frame %d, %s\n%x\n%s", name, i, frame.Describe(frames[i]), frames[i], fmt.Sprintf(format, args...))
	}
}
