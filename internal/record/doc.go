// Package record keeps messages of uevents in a file that people can read, and reads them back, byte for byte.
//
// # Format
//
// A recording is text. Its first line is "vifd-events 1", the format and its version, and its second "source kernel", or "source udev". Then
// comes one block for each message, after an empty line:
//
//	event 1 2026-11-26T08:47:12.123456789Z
//	  add@/devices/virtual/net/vif1.0
//	  ACTION=add
//	  INTERFACE=vif1.0
//
// The first line has the message's number, which counts from 1, and the time at which it was read (RFC 3339, in UTC, to the nanosecond). Each
// line behind it, indented by two spaces, is a part of the message that a NUL closes, as lib/kobject_uevent.c writes them; what is behind the last
// NUL, if anything is, stands on a line that begins with "- " instead. In both, a backslash is written \\, and a byte that is not
// part of a printable character of UTF-8 is \xNN, two hexadecimal digits in lower case.
//
// What `udevadm monitor --kernel --property` (or --udev) prints is read as well. There properties stand as they are, so a newline
// in one cannot be told from the end of it, and times are those since the host was started.
//
// Ordering: messages come as they are in the file. Concurrency: a Reader or Writer belongs to one goroutine. Blocking: as the
// file does. Failure: a line that does not fit is an error that names its number; nothing is guessed. A Writer writes each message at
// once and whole: after a kill the recording ends with the last one.
package record
