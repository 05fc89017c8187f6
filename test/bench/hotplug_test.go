package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkHotplug is budget 3: Xen's vif-bridge online against vifd in its place, both whole processes, on this kernel and with Xen's
// own xenstored. It needs what `make xenlab` fetches.
func BenchmarkHotplug(b *testing.B) {
	tree, err := filepath.Abs("../..")
	if err != nil {
		b.Fatal(err)
	}
	cache := os.Getenv("XENLAB_CACHE")
	if cache == "" {
		folder, err := os.UserCacheDir()
		if err != nil {
			b.Fatal(err)
		}
		cache = filepath.Join(folder, "xenlab")
	}
	dom0 := filepath.Join(cache, "dom0")
	if _, err := os.Stat(filepath.Join(dom0, "etc/xen/scripts/vif-bridge")); err != nil {
		b.Fatalf("%v: run make xenlab, which fetches Xen's scripts", err)
	}
	vifd := build(b)
	args := []string{"-nm"}
	if os.Geteuid() != 0 {
		args = []string{"-rnm"}
	}
	const laps = 8
	for b.Loop() {
		cmd := exec.Command("unshare", append(args, "--", "./hotplug.sh", dom0, filepath.Join(tree, "bin/xenstored/xenstored-nox"), vifd,
			filepath.Join(tree, "rules.d/90-default.yaml"), strconv.Itoa(laps))...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("%v\n%s%s", err, out, errs.Bytes())
		}
		took := map[string][]float64{}
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
			name, text, _ := strings.Cut(lines.Text(), " ")
			us, err := strconv.ParseFloat(text, 64)
			if err != nil {
				b.Fatalf("%q: %v", lines.Text(), err)
			}
			took[name] = append(took[name], us/1000)
		}
		median := func(name string) float64 {
			list := took[name]
			if len(list) != 5*laps {
				b.Fatalf("%s has %d laps: %s", name, len(list), errs.Bytes())
			}
			slices.Sort(list)
			return list[len(list)/2]
		}
		script, alone, listener := median("script"), median("alone"), median("listener")
		fmt.Printf("online, the whole process: Xen's vif-bridge %.1f ms, vifd alone %.1f ms (%.1fx), with a listener %.1f ms (%.1fx)\n",
			script, alone, script/alone, listener, script/listener)
		verdict("3: vifd hotplug online against Xen's vif-bridge, with a listener", listener/script, 0.1)
		verdict("3: the same without", alone/script, 0.1)
	}
}
