package record

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// magic is the first line of a recording; the number is the format's version.
const magic = "vifd-events 1"

// Writer writes a recording.
type Writer struct {
	w io.Writer
	n int
}

// NewWriter begins a recording of one source's messages, kernel or udev.
func NewWriter(w io.Writer, source string) (*Writer, error) {
	if !isSource(source) {
		return nil, fmt.Errorf("begin a recording: %q is no source of events", source)
	}
	if _, err := fmt.Fprintf(w, "%s\nsource %s\n", magic, source); err != nil {
		return nil, fmt.Errorf("begin a recording: %w", err)
	}
	return &Writer{w: w}, nil
}

// Write adds a message that was read at that time, in one write.
func (w *Writer) Write(at time.Time, message []byte) error {
	w.n++
	var b strings.Builder
	fmt.Fprintf(&b, "\nevent %d %s\n", w.n, at.UTC().Format(time.RFC3339Nano))
	parts := strings.Split(string(message), "\x00")
	for _, part := range parts[:len(parts)-1] {
		b.WriteString("  " + escape(part) + "\n")
	}
	if rest := parts[len(parts)-1]; rest != "" {
		b.WriteString("- " + escape(rest) + "\n")
	}
	if _, err := io.WriteString(w.w, b.String()); err != nil {
		return fmt.Errorf("record event %d: %w", w.n, err)
	}
	return nil
}

func isSource(s string) bool { return s == "kernel" || s == "udev" }
