// Package gather has requests that come while others are carried out share what the next ones cost: one transaction, one look at the kernel.
//
// A Queue's methods may be called from any goroutine. Submit blocks until its request has been carried out, by whomever; a request is
// carried out once, in a group with those that waited with it, in the order in which they came. No goroutine is started.
package gather
