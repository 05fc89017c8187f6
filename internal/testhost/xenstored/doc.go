// Package xenstored runs Xen's own xenstored for tests, the C and the OCaml one, on a kernel without Xen, and Xen's own tools
// against it.
//
// The programs lie in bin/xenstored of the tree the tests belong to, where test/xenlab/nox/xenstored-nox prepare puts them; without
// them a test fails. Tests that use this package begin with testhost.Main, as an ordinary user needs for the OCaml daemon.
//
// Every daemon has a folder of its own, any number run at once, and none is left when its test has ended. There is one domain, dom0.
// Failure: functions that take a testing.TB end the test, so they belong on its goroutine.
package xenstored
