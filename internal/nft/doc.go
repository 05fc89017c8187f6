// Package nft carries transactions to nf_tables and reads back what is there.
//
// github.com/google/nftables encodes the messages; the transport is our own, because the library's loses replies, reports
// success or failure wrongly once a receive buffer has overflowed, and cuts long element lists without an error (its
// issues #103, #303, #350). A Batch is built by one goroutine, and is committed by a Conn as one transaction: the kernel
// takes all of it or nothing. An *Error names the part of the batch that the kernel refused. ErrUnknown means that the
// answer was lost and nobody knows which of the two happened: read back before going on.
//
// A Conn is safe for concurrent use; calls are carried out one after the other. It belongs to the network namespace of
// the thread that called Dial. Close must not overlap other calls.
//
// A Writer keeps the elements of many guests by such transactions: it shares them among calls that come together, tries again what
// can be, and has the table repaired where somebody else has changed it. It is safe for concurrent use.
package nft
