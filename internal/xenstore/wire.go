package xenstore

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// kind is enum xsd_sockmsg_type (xs_wire.h).
type kind uint32

const (
	kindDirectory        kind = 1
	kindRead             kind = 2
	kindGetPerms         kind = 3
	kindWatch            kind = 4
	kindUnwatch          kind = 5
	kindTransactionStart kind = 6
	kindTransactionEnd   kind = 7
	kindWrite            kind = 11
	kindMkdir            kind = 12
	kindRm               kind = 13
	kindSetPerms         kind = 14
	kindWatchEvent       kind = 15
	kindError            kind = 16
	kindDirectoryPart    kind = 22
)

const (
	headerLen  = 16   // struct xsd_sockmsg
	maxPayload = 4096 // XENSTORE_PAYLOAD_MAX, in both directions
)

// MessageTimeout is how long xenstored may take from a message's first byte to its last. It writes them in one go.
const MessageTimeout = 5 * time.Second

// errGarbage is an answer that the protocol does not know.
var errGarbage = errors.New("xenstored does not keep to the protocol")

// message is one message, either way.
type message struct {
	kind    kind
	id, tx  uint32
	payload []byte
}

// appendMessage writes m behind b. The header is in the machine's own order (xs_wire.h): the two ends share the machine.
func appendMessage(b []byte, m message) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(m.kind))
	b = binary.NativeEndian.AppendUint32(b, m.id)
	b = binary.NativeEndian.AppendUint32(b, m.tx)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(m.payload)))
	return append(b, m.payload...)
}

// messageReader takes messages off a stream.
type messageReader struct {
	buffered *bufio.Reader
	// deadline bounds the reading of what is left of a message; the zero time ends the bound. May be nil.
	deadline func(time.Time) error
}

func newMessageReader(r io.Reader, deadline func(time.Time) error) *messageReader {
	return &messageReader{buffered: bufio.NewReaderSize(r, headerLen+maxPayload), deadline: deadline}
}

// next waits for a message, for as long as it takes, and reads it. io.EOF: the stream ended between two messages.
func (r *messageReader) next() (message, error) {
	if _, err := r.buffered.Peek(1); err != nil {
		return message{}, err
	}
	bounded, err := r.fill(headerLen, false)
	if err != nil {
		return message{}, err
	}
	header, err := r.buffered.Peek(headerLen)
	if err != nil {
		return message{}, cut(err)
	}
	m := message{
		kind: kind(binary.NativeEndian.Uint32(header)), id: binary.NativeEndian.Uint32(header[4:]), tx: binary.NativeEndian.Uint32(header[8:]),
	}
	length := binary.NativeEndian.Uint32(header[12:])
	if length > maxPayload {
		return r.long(m, length, bounded)
	}
	if bounded, err = r.fill(headerLen+int(length), bounded); err != nil {
		return message{}, err
	}
	if _, err := r.buffered.Discard(headerLen); err != nil {
		return message{}, cut(err)
	}
	m.payload = make([]byte, length)
	if _, err := io.ReadFull(r.buffered, m.payload); err != nil {
		return message{}, cut(err)
	}
	if bounded {
		err = r.deadline(time.Time{})
	}
	return m, err
}

// long reads a directory longer than a message may be. oxenstored sends such and knows no DIRECTORY_PART (seen with Xen 4.17), where
// libxenstore gives up; with some 800 guests its /local/domain/0/backend/vif is one. Room is made as the bytes come.
func (r *messageReader) long(m message, length uint32, bounded bool) (message, error) {
	if m.kind != kindDirectory || length > maxDirectory {
		return message{}, fmt.Errorf("%w: a message of %d bytes, where %d are the most", errGarbage, length, maxPayload)
	}
	if !bounded && r.deadline != nil {
		if err := r.deadline(time.Now().Add(MessageTimeout)); err != nil {
			return message{}, err
		}
		bounded = true
	}
	if _, err := r.buffered.Discard(headerLen); err != nil {
		return message{}, cut(err)
	}
	var payload bytes.Buffer
	if _, err := io.CopyN(&payload, r.buffered, int64(length)); err != nil {
		return message{}, cut(err)
	}
	m.payload = payload.Bytes()
	if bounded {
		return m, r.deadline(time.Time{})
	}
	return m, nil
}

// fill sees to it that n bytes are in the buffer, which has room for the longest message. From the moment where something is
// missing the deadline runs: bounded says that it does.
func (r *messageReader) fill(n int, bounded bool) (bool, error) {
	if r.buffered.Buffered() >= n {
		return bounded, nil
	}
	if !bounded && r.deadline != nil {
		if err := r.deadline(time.Now().Add(MessageTimeout)); err != nil {
			return false, err
		}
		bounded = true
	}
	_, err := r.buffered.Peek(n)
	return bounded, cut(err)
}

// cut is for the end of the stream within a message.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
