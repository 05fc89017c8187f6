package uevent

// A RawSink is a Sink that is told as well of the messages that its events were made of: of each before Event, from the same goroutine.
type RawSink interface {
	Sink
	// Raw tells of the message as it was sent. It is not the Sink's to keep.
	Raw(message []byte)
}
