package uevent

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vifd/internal/nlsock"
	"vifd/internal/vif"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// recordedMessages reads what udevadm monitor --kernel --property wrote on a Xen host and makes the kernel's messages of it.
func recordedMessages(t testing.TB, file string) (messages [][]byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		header, properties, ok := strings.Cut(block, "\n")
		f := strings.Fields(header) // KERNEL[8.53] add /devices/… (net)
		if !ok || len(f) != 4 || !strings.HasPrefix(f[0], "KERNEL[") {
			t.Fatalf("%s: unexpected %q", file, header)
		}
		messages = append(messages, []byte(f[1]+"@"+f[2]+"\x00"+strings.ReplaceAll(properties, "\n", "\x00")+"\x00"))
	}
	return messages
}

func recordings(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/recorded/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	return files
}

// notes writes down what it is told, as text.
type notes struct{ strings.Builder }

func (n *notes) Event(e vif.Event) {
	fmt.Fprintf(n, "%s %s interface=%s ifindex=%d %s", e.Subsystem, e.Action, e.Interface, e.Ifindex, e.Devpath)
	if e.DevpathOld != "" {
		fmt.Fprintf(n, " from %s", e.DevpathOld)
	}
	fmt.Fprintf(n, " (%d properties)\n", len(e.Env))
}

func (n *notes) Overflow() { fmt.Fprintln(n, "overflow") }

// TestRecorded hands the Listener what the kernel of a real Xen host sent.
func TestRecorded(t *testing.T) {
	t.Parallel()
	for _, file := range recordings(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			l := &Listener{source: Kernel}
			var got notes
			for _, data := range recordedMessages(t, file) {
				l.handle(nlsock.Message{Data: data, Groups: 1, Cred: unix.Ucred{}, HasCred: true}, &got)
			}
			fmt.Fprintf(&got, "%+v\n", l.Stats())
			golden := strings.TrimSuffix(file, ".txt") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
		})
	}
}
