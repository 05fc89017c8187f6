// Package testhost makes hosts for tests: network namespaces of the real kernel, each with its own links, /sys, nftables
// rules and uevents, and gone without a trace when the test ends. It works for root and for an ordinary user alike.
//
// A package's tests begin with
//
//	func TestMain(m *testing.M) { testhost.Main(m) }
//
// which moves the whole test binary into namespaces of its own, so that no test can touch the machine it runs on. New then
// gives a test a host; Guest plugs a guest into it; Do runs Go code in it, Start and Run programs.
//
// # Threads
//
// On Linux a namespace belongs to a thread, not to a process. Do and Go therefore run their function on a thread of its own
// which joins the host's namespaces and is thrown away afterwards. Sockets opened there belong to the host for ever and may
// be used from anywhere; goroutines started there do not inherit anything. Whatever has to start goroutines of its own in a
// host is run as a process by Start.
//
// # Failure
//
// Functions that take a testing.TB end the test when they fail, so they must be called from the test's goroutine. Every
// resource is released by Cleanup of the test that made it, last made first. Nothing is skipped: a program that is not
// installed fails the test.
//
// # Time
//
// No test sleeps for luck. Wait polls for a condition until Patience has passed; that nothing has happened is shown by
// making something happen after it (Port.None), never by waiting.
package testhost
