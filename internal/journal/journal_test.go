package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func open(t testing.TB, dir string) *Journal {
	t.Helper()
	j, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// sample is a record as a bridged guest has it.
func sample(ifindex int) Record {
	return Record{
		Ifindex: ifindex, Interface: fmt.Sprintf("vif%d.0", ifindex),
		Rule: "web", Action: "bridge", Network: "xenbr0", Firewall: []string{"source-guard", "web"},
		State: "configured", Since: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Link: Link{Bridge: "xenbr0", BridgeIfindex: 4, CreatedBridge: true, WasUp: true},
		Own:  json.RawMessage(`{"elements":["vif7.0 . 192.0.2.7"]}`),
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestPutGetListDelete(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run", "vifd")
	j := open(t, dir)

	if _, err := j.Get(7); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of an absent record: %v, want fs.ErrNotExist", err)
	}
	failed := sample(12)
	failed.State, failed.Error = "failed", "bridge xenbr0 is gone"
	for _, r := range []Record{failed, sample(7), sample(100)} {
		if err := j.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	changed := sample(7)
	changed.Interface = "vif\xff.0\\" // JSON cannot hold the byte
	if err := j.Put(changed); err != nil {
		t.Fatal(err)
	}
	// Another process sees the same.
	got, err := open(t, dir).List()
	if err != nil {
		t.Fatal(err)
	}
	want := []Record{changed, failed, sample(100)}
	for i := range want {
		want[i].Version, want[i].Boot = Version, j.boot
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("List (-want +got):\n%s", d)
	}
	one, err := j.Get(7)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want[0], one); d != "" {
		t.Errorf("Get (-want +got):\n%s", d)
	}
	for _, ifindex := range []int{7, 12, 100, 100, 5} { // twice, and one that never was
		if err := j.Delete(ifindex); err != nil {
			t.Error(err)
		}
	}
	if left := files(t, filepath.Join(dir, "vifs")); len(left) != 0 {
		t.Errorf("after deleting all: %q", left)
	}
}

func TestPutRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir)
	big, broken := sample(3), sample(3)
	big.Own = json.RawMessage(`"` + strings.Repeat("x", maxRecord) + `"`)
	broken.Own = json.RawMessage(`{"elements":`)
	for name, r := range map[string]Record{"no ifindex": {Interface: "vif1.0"}, "negative": {Ifindex: -1}, "too big": big, "not JSON": broken} {
		if err := j.Put(r); err == nil {
			t.Errorf("%s: was put", name)
		}
	}
	if left := files(t, filepath.Join(dir, "vifs")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestListPassesOverDamagedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir)
	for _, ifindex := range []int{1, 2, 3, 4, 5, 6, 50} {
		if err := j.Put(sample(ifindex)); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(filepath.Join(dir, "vifs", "2.json"))
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string]string{
		"2.json":      string(whole[:len(whole)/2]),
		"3.json":      "",
		"4.json":      string(whole), // another vif's
		"5.json":      strings.Replace(string(whole), `"version":1`, `"version":2`, 1),
		"6.json":      strings.Repeat(" ", maxRecord) + string(whole),
		"07.json":     string(whole),
		"README":      "hello",
		"-8.json":     "{}",
		"0.json":      strings.Replace(string(whole), `"ifindex":2`, `"ifindex":0`, 1),
		"1.json.save": string(whole),
	}
	for name, text := range damage {
		if err := os.WriteFile(filepath.Join(dir, "vifs", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "vifs", "9.json"), 0o600); err != nil { // reading it would wait for ever
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "vifs", "10.json")); err != nil {
		t.Fatal(err)
	}

	got, err := j.List()
	if len(got) != 2 || got[0].Ifindex != 1 || got[1].Ifindex != 50 {
		t.Errorf("good records: %+v, want those of 1 and 50", got)
	}
	if err == nil {
		t.Fatal("no word of the damaged files")
	}
	for name := range damage {
		if !strings.Contains(err.Error(), "vifs/"+name+" ") {
			t.Errorf("the error does not name %s:\n%v", name, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != len(damage)+2 {
		t.Errorf("%d files reported, want %d:\n%v", n, len(damage)+2, err)
	}
	var damaged *DamagedError
	if _, err := j.Get(5); !errors.As(err, &damaged) || damaged.Ifindex != 5 {
		t.Errorf("Get of a damaged record: %v, want a DamagedError of ifindex 5", err)
	}
	if _, err := j.Get(0); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "no ifindex") {
		t.Errorf("Get of a record of no ifindex: %v, want a DamagedError", err)
	}
	for _, ifindex := range []int{2, 5} {
		if err := j.Put(sample(ifindex)); err != nil {
			t.Errorf("a damaged record cannot be replaced: %v", err)
		}
	}
	if got, _ := j.List(); len(got) != 4 {
		t.Errorf("%d good records after two were replaced, want 4", len(got))
	}
}

// A state folder on a disk outlives the boot that its ifindexes belong to.
func TestRecordsOfAnEarlierBootAreVoid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := open(t, dir)
	before.boot = "11111111-2222-3333-4444-555555555555"
	if err := before.Put(sample(7)); err != nil {
		t.Fatal(err)
	}
	j := open(t, dir)
	if got, err := j.List(); len(got) != 0 || err != nil {
		t.Errorf("List: %+v, %v", got, err)
	}
	if _, err := j.Get(7); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get: %v, want fs.ErrNotExist", err)
	}
	if err := j.Put(sample(7)); err != nil {
		t.Fatal(err)
	}
	if got, err := j.List(); len(got) != 1 || err != nil {
		t.Errorf("List after this boot's Put: %+v, %v", got, err)
	}
}

func TestOpenRefusesUnsafeFolders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, unsafe string
		mode         fs.FileMode
	}{
		{"group writes", "", 0o770},
		{"everyone writes", "", 0o777},
		{"sticky", "", 0o777 | fs.ModeSticky},
		{"below, vifs", "vifs", 0o777},
		{"below, locks", "locks", 0o770},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			folder := filepath.Join(dir, test.unsafe)
			if err := errors.Join(os.MkdirAll(folder, 0o700), os.Chmod(folder, test.mode)); err != nil {
				t.Fatal(err)
			}
			if j, err := Open(dir); err == nil {
				t.Errorf("opened %v", j)
			} else if !strings.Contains(err.Error(), "others can write") {
				t.Errorf("error %q does not say why", err)
			}
		})
	}
	t.Run("another's", func(t *testing.T) {
		t.Parallel()
		// No other user exists where the tests run in a user namespace of one; so it is the process that is another's.
		info, err := os.Stat(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := checkFolder("state", info, os.Geteuid()+1); err == nil || !strings.Contains(err.Error(), "belongs to uid") {
			t.Errorf("error %v does not say why", err)
		}
	})
	t.Run("a file", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file); err == nil {
			t.Error("opened a file")
		}
	})
}

func TestOpenMakesPrivateFolders(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "vifd")
	j := open(t, dir)
	if err := j.Put(sample(1)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{"": 0o700, "vifs": 0o700, "locks": 0o700, "vifs/1.json": 0o600} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s/%s has mode %04o, want %04o", dir, path, got, want)
		}
	}
}

func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const writers, rounds, vifs = 8, 60, 4
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				j, err := Open(dir) // anew each time, as a process per event does: its sweep runs beside the others' Puts
				if err != nil {
					t.Error(err)
					return
				}
				r := sample(1 + i%vifs)
				r.Rule = fmt.Sprintf("writer %d", w)
				r.Error = strings.Repeat(r.Rule+" ", 100*w) // so that a mixture of two would show
				if err := j.Put(r); err != nil {
					t.Error(err)
				}
				if got, err := j.Get(r.Ifindex); err != nil {
					t.Error(err)
				} else if strings.ReplaceAll(got.Error, got.Rule+" ", "") != "" {
					t.Errorf("two writers' records are mixed: %q", got.Error)
				}
				if err := j.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, err := open(t, dir).List()
	if len(got) != vifs || err != nil {
		t.Errorf("%d records, %v; want %d", len(got), err, vifs)
	}
	if left := files(t, filepath.Join(dir, "vifs")); len(left) != vifs {
		t.Errorf("left behind: %q", left)
	}
}

func TestThousandRecords(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir())
	for i := 1000; i > 0; i-- {
		if err := j.Put(sample(i)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := j.List()
	if len(got) != 1000 || err != nil {
		t.Fatalf("%d records, %v; want 1000", len(got), err)
	}
	for i, r := range got {
		if r.Ifindex != i+1 {
			t.Fatalf("record %d is of ifindex %d: not in order", i, r.Ifindex)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	dir, err := os.MkdirTemp("/dev/shm", "vifd-journal-") // a tmpfs like /run
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	j := open(b, dir)
	r := sample(7)
	b.ReportAllocs()
	for b.Loop() {
		if err := j.Put(r); err != nil {
			b.Fatal(err)
		}
	}
}
