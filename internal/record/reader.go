package record

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Event is one message of a recording.
type Event struct {
	N       int           // counts from 1
	At      time.Duration // since the first message of the recording
	Time    time.Time     // when it was read; zero where the recording does not say
	Message []byte        // as the kernel, or udevd, has sent it
}

// Reader reads a recording.
type Reader struct {
	lines  *bufio.Scanner
	line   int    // of the last one read
	ahead  string // a line that was read and is still to be taken
	peeked bool
	source string
	udev   bool // what udevadm prints
	n      int
	first  time.Time
	begin  time.Duration
}

// maxLine is the longest line in bytes: a message, each byte of it escaped, and room for what udevadm puts before it.
const maxLine = 4*(64<<10) + 1024

// NewReader reads the head of a recording. An error says that it is none, or of a version that is not known here.
func NewReader(r io.Reader) (*Reader, error) {
	out := &Reader{lines: bufio.NewScanner(r)}
	out.lines.Buffer(nil, maxLine)
	line, err := out.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("an empty file is no recording of events")
	}
	if err != nil {
		return nil, err
	}
	if line != magic {
		if strings.HasPrefix(line, "vifd-events ") {
			return nil, fmt.Errorf("line 1: a recording of version %q; this vifd reads %q", strings.TrimPrefix(line, "vifd-events "), "1")
		}
		out.back(line)
		return out, out.udevadmHead()
	}
	if line, err = out.next(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	source, ok := strings.CutPrefix(line, "source ")
	if !ok || !isSource(source) {
		return nil, out.fail("%q is not \"source kernel\" or \"source udev\"", line)
	}
	out.source = source
	return out, nil
}

// Source is whose messages they are: kernel or udev. What udevadm has printed of udevd's is here as the kernel would have sent it.
func (r *Reader) Source() string { return r.source }

// Next returns the next message; io.EOF: there is none.
func (r *Reader) Next() (Event, error) {
	for {
		line, err := r.next()
		if err != nil {
			return Event{}, err
		}
		if line == "" {
			continue
		}
		r.n++
		if r.udev {
			return r.udevadm(line)
		}
		return r.event(line)
	}
}

// event reads a block whose first line is head.
func (r *Reader) event(head string) (Event, error) {
	fields := strings.Split(head, " ")
	if len(fields) != 3 || fields[0] != "event" {
		return Event{}, r.fail("%q is not \"event NUMBER TIME\"", head)
	}
	if n, err := strconv.Atoi(fields[1]); err != nil || n != r.n {
		return Event{}, r.fail("event %q should be number %d", fields[1], r.n)
	}
	at, err := time.Parse(time.RFC3339Nano, fields[2])
	if err != nil {
		return Event{}, r.fail("%q is no time: %v", fields[2], err)
	}
	if r.n == 1 {
		r.first = at
	}
	ev := Event{N: r.n, At: at.Sub(r.first), Time: at}
	for {
		line, err := r.next()
		if errors.Is(err, io.EOF) || err == nil && line == "" {
			return ev, nil
		}
		if err != nil {
			return Event{}, err
		}
		part, closed := strings.CutPrefix(line, "  ")
		if !closed {
			var rest bool
			if part, rest = strings.CutPrefix(line, "- "); !rest {
				return Event{}, r.fail("%q begins with neither two spaces nor \"- \"", line)
			}
		}
		text, err := unescape(part)
		if err != nil {
			return Event{}, r.fail("%v", err)
		}
		if strings.Contains(text, "\x00") {
			return Event{}, r.fail("a part of a message holds a NUL")
		}
		ev.Message = append(ev.Message, text...)
		if !closed {
			return ev, nil
		}
		ev.Message = append(ev.Message, 0)
	}
}

func (r *Reader) next() (string, error) {
	if r.peeked {
		r.peeked = false
		return r.ahead, nil
	}
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			return "", fmt.Errorf("line %d: %w", r.line+1, err)
		}
		return "", io.EOF
	}
	r.line++
	return r.lines.Text(), nil
}

// back has the next call of next return line once more.
func (r *Reader) back(line string) { r.ahead, r.peeked = line, true }

func (r *Reader) fail(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", r.line, fmt.Sprintf(format, args...))
}
