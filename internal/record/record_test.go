package record

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// read reads all of a recording.
func read(t *testing.T, text string) ([]Event, error) {
	t.Helper()
	r, err := NewReader(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	var list []Event
	for {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, ev)
	}
}

func TestEveryByteIsKept(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	messages := []string{
		"add@/devices/virtual/net/vif1.0\x00ACTION=add\x00INTERFACE=vif1.0\x00",
		"", "\x00", "\x00\x00", "no end", "  two spaces\x00", "- dash\x00- rest", "event 1 now\x00\x00x", `back\slash\x41` + "\x00", "täp\u202e\x00", string(all),
	}
	var file bytes.Buffer
	w, err := NewWriter(&file, "kernel")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 11, 26, 8, 47, 12, 123456789, time.UTC)
	for i, m := range messages {
		if err := w.Write(begin.Add(time.Duration(i)*time.Millisecond), []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range file.Bytes() {
		if c < ' ' && c != '\n' || c == 0x7f {
			t.Errorf("the recording holds the byte %#x, which acts on a terminal", c)
		}
	}
	list, err := read(t, file.String())
	if err != nil || len(list) != len(messages) {
		t.Fatalf("%d events of %d, %v in\n%s", len(list), len(messages), err, file.String())
	}
	for i, ev := range list {
		if string(ev.Message) != messages[i] || ev.N != i+1 || ev.At != time.Duration(i)*time.Millisecond || !ev.Time.Equal(begin.Add(ev.At)) {
			t.Errorf("event %d is %q at %v, want %q", ev.N, ev.Message, ev.At, messages[i])
		}
	}
}

// TestFormat holds the writer to what doc.go says.
func TestFormat(t *testing.T) {
	const want = `vifd-events 1
source kernel

event 1 2026-11-26T08:47:12.123456789Z
  add@/devices/virtual/net/vif1.0
  ACTION=add
  INTERFACE=vif1.0
`
	var file strings.Builder
	w, err := NewWriter(&file, "kernel")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 26, 9, 47, 12, 123456789, time.FixedZone("", 3600))
	if err := w.Write(at, []byte("add@/devices/virtual/net/vif1.0\x00ACTION=add\x00INTERFACE=vif1.0\x00")); err != nil {
		t.Fatal(err)
	}
	if file.String() != want {
		t.Errorf("got\n%swant\n%s", file.String(), want)
	}
}

func TestUdevadm(t *testing.T) {
	list, err := read(t, `monitor will print the received events for:
KERNEL - the kernel uevent

KERNEL[8.531741] add      /devices/virtual/net/vif1.0 (net)
ACTION=add
INTERFACE=vif1.0

KERNEL[9.031741] remove   /devices/virtual/net/vif1.0 (net)
ACTION=remove
`)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d events, %v", len(list), err)
	}
	if got := string(list[0].Message); got != "add@/devices/virtual/net/vif1.0\x00ACTION=add\x00INTERFACE=vif1.0\x00" {
		t.Errorf("the first is %q", got)
	}
	if list[1].At != 500*time.Millisecond || !list[1].Time.IsZero() {
		t.Errorf("the second is at %v, %v", list[1].At, list[1].Time)
	}
}

func TestRefused(t *testing.T) {
	const head = "vifd-events 1\nsource kernel\n\n"
	for text, want := range map[string]string{
		"":                                      "no recording",
		"\n\n":                                  "no event",
		"#!/bin/sh\n":                           "line 1",
		"vifd-events 2\n":                       "version",
		"vifd-events 1\n":                       "source",
		"vifd-events 1\nsource me\n":            "source",
		head + "event 2 2026-11-26T08:47:12Z\n": "number 1",
		head + "event 1 yesterday\n":            "no time",
		head + "event 1\n":                      "line 4",
		head + "event 1 2026-11-26T08:47:12Z\nx\n":                   "line 5",
		head + "event 1 2026-11-26T08:47:12Z\n  a\\q\n":              "backslash",
		head + "event 1 2026-11-26T08:47:12Z\n  a\\x0\n":             "backslash",
		head + "event 1 2026-11-26T08:47:12Z\n  a\\xzz\n":            "hexadecimal",
		head + "event 1 2026-11-26T08:47:12Z\n  a\\x00b\n":           "NUL",
		"KERNEL[1.5] add /devices/x (net)\n":                         "--property",
		"KERNEL[1.5] add /devices/x (net)\nACTION=add\n\nwhatever\n": "line 4",
	} {
		if _, err := read(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to say %q", text, err, want)
		}
	}
}

// FuzzRead: whatever is read comes out of a writer as it went in.
func FuzzRead(f *testing.F) {
	f.Add("vifd-events 1\nsource udev\n\nevent 1 2026-11-26T08:47:12.5Z\n  a\\x01\n- b\n")
	f.Add("KERNEL[1.5] add      /devices/x (net)\nACTION=add\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := read(t, text)
		var file strings.Builder
		w, err := NewWriter(&file, "kernel")
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range list {
			if err := w.Write(ev.Time, ev.Message); err != nil {
				t.Fatal(err)
			}
		}
		again, err := read(t, file.String())
		if len(again) != len(list) || err != nil {
			t.Fatalf("%d events of %d, %v", len(again), len(list), err)
		}
		for i := range list {
			if !bytes.Equal(again[i].Message, list[i].Message) {
				t.Errorf("event %d was %q and is %q", i+1, list[i].Message, again[i].Message)
			}
		}
	})
}
