package bench

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/vif"
	"vifd/matcher"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

// manyRules is how many rules budget 5 is of.
const manyRules = 10_000

// shape is a kind of rules of which there are many: what rule i asks for, and the facts of which it is to win.
type shape struct {
	name    string
	indexed bool
	match   func(i int) string
	facts   func(i int) facts
}

type facts map[string]string

func (f facts) Values(key string) []string {
	if v, ok := f[key]; ok {
		return []string{v}
	}
	return nil
}

func shapes() []shape {
	name := func(i int) string { return "vif" + strconv.Itoa(i) + ".0" }
	web := func(i int) string { return "web-" + strconv.Itoa(i) }
	mac := func(i int) string { return fmt.Sprintf("00:16:3e:00:%02x:%02x", i>>8, i&255) }
	plain := []shape{
		{"interface: vif17.0", true, func(i int) string { return "interface: " + name(i) }, func(i int) facts { return facts{"interface": name(i)} }},
		{"domain: web-17", true, func(i int) string { return "domain: " + web(i) }, func(i int) facts { return facts{"domain": web(i)} }},
		{
			`interface: "vif*", domain: web-17`, true, func(i int) string { return `interface: "vif*", domain: ` + web(i) },
			func(i int) facts { return facts{"interface": "vif7.0", "domain": web(i)} },
		},
		{
			"domain: web, vifid: 17", true, func(i int) string { return "domain: web, vifid: " + strconv.Itoa(i) },
			func(i int) facts { return facts{"domain": "web", "vifid": strconv.Itoa(i)} },
		},
		{`domain: "web-17-*"`, true, func(i int) string { return `domain: "` + web(i) + `-*"` }, func(i int) facts { return facts{"domain": web(i) + "-a"} }},
		{`domain: "*.web-17"`, true, func(i int) string { return `domain: "*.` + web(i) + `"` }, func(i int) facts { return facts{"domain": "a." + web(i)} }},
		{
			`domid: "51-53"`, true, func(i int) string { return fmt.Sprintf(`domid: "%d-%d"`, 3*i, 3*i+2) },
			func(i int) facts { return facts{"domid": strconv.Itoa(3*i + 1)} },
		},
		{`mac: "00:16:3e:00:00:11"`, true, func(i int) string { return `mac: "` + mac(i) + `"` }, func(i int) facts { return facts{"mac": mac(i)} }},
		{
			"ip: 10.0.17.0/24", true, func(i int) string { return fmt.Sprintf("ip: 10.%d.%d.0/24", i>>8, i&255) },
			func(i int) facts { return facts{"ip": fmt.Sprintf("10.%d.%d.9", i>>8, i&255)} },
		},
		{
			`domain: web-17, not: {mac: "00:16:3e:ff:*"}`, true, func(i int) string { return "domain: " + web(i) + `, not: {mac: "00:16:3e:ff:*"}` },
			func(i int) facts { return facts{"domain": web(i), "mac": mac(i)} },
		},
	}
	mixed := shape{"all of these by turns", true, func(i int) string { return plain[i%len(plain)].match(i) }, func(i int) facts {
		all := facts{"interface": "vif0.9", "domain": "none", "vifid": "-", "domid": "0", "mac": "02:00:00:00:00:00", "ip": "192.0.2.1"}
		for key, value := range plain[i%len(plain)].facts(i) {
			all[key] = value
		}
		if i >= manyRules {
			all["interface"] = "eth0"
		}
		return all
	}}
	return append(plain, mixed,
		shape{`domain: "*.17.*"`, false, func(i int) string { return fmt.Sprintf(`domain: "*.%d.*"`, i) }, func(i int) facts { return facts{"domain": fmt.Sprintf("a.%d.b", i)} }},
		shape{`domid: "0-20017", domain: web-17`, false, func(i int) string { return fmt.Sprintf(`domid: "0-%d", domain: %s`, 20_000+i, web(i)) }, func(i int) facts {
			return facts{"domid": "7", "domain": web(i)}
		}},
	)
}

// text makes the rules of a shape, with one behind them for the rest.
func (s *shape) text() string {
	var b strings.Builder
	b.WriteString("networks:\n  xenbr0: {bridge: {create: true}}\nrules:\n")
	for i := range manyRules {
		fmt.Fprintf(&b, "  - {name: r%d, match: {%s}, bridge: xenbr0, firewall: source-guard}\n", i, s.match(i))
	}
	b.WriteString("  - {name: rest, match: {not: {kind: none}}, bridge: xenbr0, firewall: source-guard}\n")
	return b.String()
}

func loadRules(b *testing.B, files fs.FS, paths ...string) *rules.Set {
	b.Helper()
	set, report := rules.Load(rules.Options{Paths: paths, FS: files, Library: rulesd.FS})
	if set == nil {
		b.Fatal(report.Problems[0])
	}
	return set
}

// BenchmarkMatch measures budget 5: matching against 10 000 rules of each shape, the slowest of the first, the middle, the last and
// the rule for the rest; beside it the same from rule to rule, what the index takes to be built, and what it holds.
func BenchmarkMatch(b *testing.B) {
	slowest, allocs, build := 0.0, 0.0, time.Duration(0)
	for range b.N {
		for _, s := range shapes() {
			set := loadRules(b, oneFile(s.text()), "r.yaml")
			before := heap()
			begin := time.Now()
			m := matcher.New(set)
			built := time.Since(begin)
			held := heap() - before
			worst, scan := 0.0, 0.0
			for _, i := range []int{0, manyRules / 2, manyRules - 1, manyRules} {
				f := vif.NewFacts(s.facts(i))
				steps := m.Explain(f) // reads the facts, too
				if r := m.Match(f); r != steps[len(steps)-1].Rule || len(steps) != i+1 {
					b.Fatalf("%s: rule %s won for %d; from rule to rule it is %s", s.name, r.Name, i, steps[len(steps)-1].Rule.Name)
				}
				laps := 20_000
				if !s.indexed {
					laps = 20
				}
				worst = max(worst, nanoseconds(laps, func() { m.Match(f) }))
				scan = max(scan, nanoseconds(1, func() { m.Explain(f) }))
				if s.indexed {
					allocs = max(allocs, testing.AllocsPerRun(100, func() { m.Match(f) }))
				}
			}
			if s.indexed {
				slowest = max(slowest, worst)
			}
			build = max(build, built)
			fmt.Printf("matching, 10 000 rules like {%s}: %.0f ns, from rule to rule %.0f µs; index built in %v, %.1f MB\n", s.name, worst, scan/1e3,
				built.Round(100*time.Microsecond), float64(held)/1e6)
		}
	}
	verdict("5: µs to match against 10 000 rules, the slowest shape that is indexed", slowest/1e3, 1)
	verdict("5: allocations of a match", allocs, 0)
	verdict("index of 10 000 rules, ms to build, the slowest shape", build.Seconds()*1e3, 50)
}

// nanoseconds is what do takes: the median of five series, since the machine does other things as well.
func nanoseconds(laps int, do func()) float64 {
	var series []float64
	for range 5 {
		begin := time.Now()
		for range laps {
			do()
		}
		series = append(series, float64(time.Since(begin).Nanoseconds())/float64(laps))
	}
	slices.Sort(series)
	return series[2]
}

// runCheck runs vifd check on a file without problems, and returns how long it took and how long it kept a processor, in ms, and the most
// memory that it had, in MiB. That is read once a millisecond: the kernel's own account of an ended process (ru_maxrss) begins
// with the memory of the one that started it.
func runCheck(b *testing.B, program, file string) (took, used, peak float64) {
	b.Helper()
	cmd := exec.Command(program, "check", file)
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil || peak == 0 {
				b.Fatalf("%s: %v; memory %v MiB", cmd, err, peak)
			}
			return milliseconds(time.Since(begin)), milliseconds(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()), peak
		case <-tick.C:
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			_, line, found := strings.Cut(string(status), "VmHWM:")
			if err != nil || !found {
				continue // it has ended
			}
			line, _, _ = strings.Cut(line, "kB")
			if kib, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				peak = float64(kib) / 1024
			}
		}
	}
}

// processor is for how long this process has kept a processor.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }

// heap is how many bytes are held.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// BenchmarkGuests measures what it takes to look a guest up, of 100 and of 100 000: new facts each time, asked for the MAC.
func BenchmarkGuests(b *testing.B) {
	kinds := []string{"interface", "domain", "mac"}
	for range b.N {
		took := map[string][]float64{}
		for _, n := range []int{100, 100_000} {
			files := fstest.MapFS{}
			for from := 0; from < n; from += 20_000 {
				var text strings.Builder
				text.WriteString("guests:\n")
				for i := from; i < min(from+20_000, n); i++ {
					fmt.Fprintf(&text, "  - {interface: v%d.0, domain: d%d, mac: \"00:16:%02x:%02x:%02x:00\", ip: 10.%d.%d.%d}\n", i, i, i>>16, i>>8&255, i&255, i>>16, i>>8&255, i&255)
				}
				files[fmt.Sprintf("%06d.yaml", from)] = &fstest.MapFile{Data: []byte(text.String())}
			}
			begin := time.Now()
			set := loadRules(b, files, ".")
			loaded := time.Since(begin)
			before := heap()
			begin = time.Now()
			m := matcher.New(set)
			fmt.Printf("%d guests: loaded in %v, looked up by %.1f MB that were built in %v\n", n, loaded.Round(time.Millisecond),
				float64(heap()-before)/1e6, time.Since(begin).Round(100*time.Microsecond))
			known := []facts{{"interface": fmt.Sprintf("v%d.0", n-1)}, {"domain": fmt.Sprintf("d%d", n-1)}, {"mac": strings.ToUpper(set.Guests[n-1].MAC.String())}}
			for i, k := range known {
				if v, _ := m.Facts(k).Value("ip"); v != set.Guests[n-1].IP[0].Addr().String() {
					b.Fatalf("by %s: the address is %q", kinds[i], v)
				}
				took[kinds[i]] = append(took[kinds[i]], nanoseconds(20_000, func() { m.Facts(k).Value("mac") }))
			}
		}
		for _, kind := range kinds {
			fmt.Printf("a guest looked up by its %s: %.0f ns of 100, %.0f ns of 100 000\n", kind, took[kind][0], took[kind][1])
		}
	}
}

// BenchmarkLoad measures what 10 000 rules take to be loaded, and vifd check with them, as a whole process: the best of three, since
// what else the machine does is many times as long.
func BenchmarkLoad(b *testing.B) {
	program := build(b)
	var slowest, checked, resident float64
	for range b.N {
		for _, s := range shapes() {
			text := s.text()
			file := filepath.Join(b.TempDir(), "r.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
			var load, loadCPU, check, cpu, rss []float64 // ms and, the last, MiB
			for range 3 {
				begin, usedBefore := time.Now(), processor(b)
				loadRules(b, oneFile(text), "r.yaml")
				load, loadCPU = append(load, milliseconds(time.Since(begin))), append(loadCPU, milliseconds(processor(b)-usedBefore))
				took, used, peak := runCheck(b, program, file)
				check, cpu, rss = append(check, took), append(cpu, used), append(rss, peak)
			}
			fmt.Printf("10 000 rules like {%s}, %.1f MB: loaded in %.0f ms, %.0f ms of a processor; vifd check takes %.0f ms, %.0f ms of a processor, %.0f MiB\n", s.name,
				float64(len(text))/1e6, slices.Min(load), slices.Min(loadCPU), slices.Min(check), slices.Min(cpu), slices.Max(rss))
			slowest, checked, resident = max(slowest, slices.Min(load)), max(checked, slices.Min(check)), max(resident, slices.Max(rss))
		}
	}
	verdict("ms to load 10 000 rules", slowest, 300)
	verdict("ms of vifd check on 10 000 rules", checked, 1_000)
	verdict("MiB of vifd check on 10 000 rules", resident, 300)
}
